"""Modes of PyTorch that a program around a run has set, and forked workers."""

import contextlib
import subprocess
import sys

import pytest
import torch
from samples import ROOT, mini_vgg19, noise
from written import pixels

from neural_style import stylize, stylize_multiscale
from neural_style.modes import default_modes


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


MODES = {
    'no_grad': torch.no_grad,
    'inference_mode': torch.inference_mode,
    'autocast': lambda: torch.autocast('cpu', dtype=torch.bfloat16),
    'default device': lambda: torch.device('meta'),
    'float64': lambda: default_dtype(torch.float64),
    'bfloat16': lambda: default_dtype(torch.bfloat16),
}


def state():
    """Return everything that a program may have set."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled('cpu'),
        torch.get_default_dtype(),
        torch.empty(0).device,
    )


def picture(paint=stylize, **settings):
    content, style = noise(3, 32, 40, seed=1), noise(3, 30, 30, seed=2)
    arguments = {'num_iterations': 2, 'seed': 1} | settings
    return paint(mini_vgg19(), content, [style], **arguments)


@pytest.mark.parametrize('mode', MODES.values(), ids=MODES)
@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'init': 'image', 'optimizer': 'adam', 'paper_mask': 'auto', 'paper_range': (0.9, 1)},
        pytest.param(
            {'luminance_only': 1, 'recolor_content': 1, 'fourier_decay': 1}, marks=pytest.mark.slow
        ),
        {'paint': stylize_multiscale, 'multiscale': [16]},
    ],
    ids=['noise', 'paper', 'grey', 'multiscale'],
)
def test_picture_is_the_same_in_every_mode(mode, settings):
    want = picture(**settings)
    arguments = {'num_iterations': 2, 'seed': 1} | settings
    paint = arguments.pop('paint', stylize)
    images, network = [noise(3, 32, 40, seed=1), noise(3, 30, 30, seed=2)], mini_vgg19()
    with mode():
        before = state()
        result = paint(network, images[0], images[1:], **arguments)
        assert state() == before
    assert torch.equal(result, want)
    assert (result.device.type, result.dtype) == ('cpu', torch.float64)


def test_tensors_of_inference_mode_are_painted():
    want = picture(init='image')
    with torch.inference_mode():
        network = mini_vgg19()
        images = [noise(3, 32, 40, seed=1).clone(), noise(3, 30, 30, seed=2).clone()]
    assert images[0].is_inference()
    for init in (None, images[0]):
        result = stylize(
            network, images[0], images[1:], num_iterations=2, seed=1, init='image', init_image=init
        )
        assert torch.equal(result, want)


def test_images_that_require_gradients_are_painted():
    want = picture(init='image')
    images = [noise(3, 32, 40, seed=1).requires_grad_(), noise(3, 30, 30, seed=2).requires_grad_()]
    result = stylize(mini_vgg19(), images[0], images[1:], num_iterations=2, seed=1, init='image')
    assert torch.equal(result, want)
    assert not result.requires_grad


@pytest.mark.parametrize('mode', MODES.values(), ids=MODES)
def test_command_paints_the_same_in_every_mode(command, mode):
    assert command() == 0
    want = pixels()
    with mode():
        before = state()
        assert command() == 0
        assert state() == before
    assert (pixels() == want).all()


def test_modes_are_restored_after_an_error():
    with default_dtype(torch.float64), torch.no_grad():
        before = state()
        with pytest.raises(ZeroDivisionError), default_modes():
            assert state() != before
            raise ZeroDivisionError
        assert state() == before


FORK = """
import multiprocessing, sys
sys.path[:0] = [{root!r}, {root!r} + '/tests']
import torch
from neural_style import stylize
from samples import mini_vgg19, noise

def compute():
    return float(torch.rand(1000, 1000).mul_(2).sum())

def paint(seed=2):
    images = [noise(3, 160, 160, seed=1), noise(3, 30, 30, seed=seed)]
    return float(stylize(mini_vgg19(), images[0], images[1:], num_iterations=1, seed=1).mean())

def job(seed):
    {before}
    paint(seed)
    compute()
    return torch.get_num_threads()

if __name__ == '__main__':
    torch.set_num_threads(2)
    compute()
    {parent}
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print(pool.map_async(job, [2, 3]).get(60), torch.get_num_threads())
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='needs libgomp, and safe forks')
@pytest.mark.parametrize(
    ('parent', 'before'),
    [('paint()', 'compute()'), ('import neural_style.modes', 'pass')],
    ids=['parent that paints', 'parent that computes'],
)
@pytest.mark.slow
def test_forked_workers_compute_with_one_thread(tmp_path, parent, before):
    script = tmp_path / 'fork.py'
    script.write_text(FORK.format(root=str(ROOT), parent=parent, before=before))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, '[1, 1] 2\n'), done.stderr
    assert 'it computes with one' in done.stderr
