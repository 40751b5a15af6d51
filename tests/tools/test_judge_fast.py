"""The comparison of pictures painted at once with those of another program."""

import numpy as np
import pytest
import torch

from neural_style.fast.weights import EMBEDDED
from neural_style.torch7 import image
from tools.judge_fast import main, style_at

CURVE = [(1.0, 0.4), (0.8, 0.5), (0.4, 0.9)]  # from strength 1 downwards


@pytest.mark.parametrize(
    ('content', 'style'),
    [
        (1.2, 0.4),  # nearer to the content even at strength 1
        (0.8, 0.5),
        (np.sqrt(0.8 * 1.0), np.sqrt(0.4 * 0.5)),
        (np.sqrt(0.4 * 0.8), np.sqrt(0.5 * 0.9)),
        (0.3, None),  # farther at every strength
    ],
)
def test_styles_are_compared_at_the_same_distance_to_the_content(content, style):
    assert style_at(content, CURVE) == (style if style is None else pytest.approx(style))


@pytest.mark.parametrize(('other', 'verdict'), [('noise', '1 of 1'), ('content', '0 of 1')])
def test_a_pair_is_judged(tmp_path, capsys, other, verdict):
    generator = torch.Generator().manual_seed(1)
    pictures = {
        'content': torch.linspace(0, 1, 48).expand(3, 40, 48).double(),
        'style': torch.rand(3, 1, 40, generator=generator).expand(3, 48, 40).double(),
        'noise': torch.rand(3, 40, 48, generator=generator).double(),
    }
    for name, picture in pictures.items():
        image.save(tmp_path / f'{name}.png', picture)
    image.save(tmp_path / 'content_style.png', pictures[other])
    main(
        [
            *('--genuine', f'{EMBEDDED}.caffemodel', '--size', '48', '--threads', '1'),
            *('--pairs', f'{tmp_path}/content.png,{tmp_path}/style.png'),
            *('--other', str(tmp_path), '--output', str(tmp_path / 'judged')),
        ]
    )
    assert verdict in capsys.readouterr().out
    assert (tmp_path / 'judged' / 'content_style_1.png').exists()
