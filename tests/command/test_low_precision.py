"""-precision reaches the network, or is refused."""

import numpy as np
from PIL import Image

from neural_style.kernels import precision


def test_flag_reaches_the_network(command, monkeypatch, capsys):
    reasons = {'bf16': '', 'fp16': 'it is slow'}
    monkeypatch.setattr(precision, 'why_not', lambda name, device: reasons[name])
    images = []
    for name in ('fp32', 'bf16', 'auto'):
        flags = '-image_size 160 -num_iterations 3 -init image -lbfgs_max_step 10'
        assert command(f'{flags} -precision {name}') == 0
        with Image.open('out.png') as out:
            images.append(np.asarray(out, float))
    full, low, auto = images
    assert np.array_equal(low, auto)
    assert 0 < np.abs(low - full).mean() < 3
    assert command('-precision fp16') == 1
    assert 'neural_style: -precision fp16' in capsys.readouterr().err
