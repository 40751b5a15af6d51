"""Image parametrizations: luminance, masks, frequencies."""

import pytest
import torch
from samples import mini_vgg19, noise

from neural_style import preprocess, stylize
from neural_style.transfer.canvas import ImageParametrization
from neural_style.transfer.color import grey


@pytest.mark.parametrize('luminance_only', [False, True])
@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('fourier_decay', [0, 0.5])
def test_gradient_matches_autograd(luminance_only, masked, fourier_decay):
    mask = noise(1, 6, 7, seed=1) if masked else None
    paper = noise(3, 1, 1, seed=2) if masked else None
    canvas = ImageParametrization(luminance_only, mask, paper, fourier_decay)
    z = canvas.start(noise(3, 6, 7)).clone().requires_grad_()
    assert z.shape == ((1 if luminance_only else 3), 6, 7)
    weights = noise(3, 6, 7, seed=3)
    (weights * canvas.image(z) ** 2).sum().backward()
    at_image = 2 * weights * canvas.image(z.detach())
    torch.testing.assert_close(canvas.gradient(at_image), z.grad, rtol=1e-13, atol=1e-13)


def test_default_parametrization_is_the_identity():
    z = noise(3, 4, 5)
    canvas = ImageParametrization()
    assert canvas.start(z) is z and canvas.image(z) is z and canvas.gradient(z) is z


@pytest.mark.parametrize('shape', [(3, 8, 12), (3, 7, 9), (3, 1, 1)])
def test_start_inverts_the_filter(shape):
    x = noise(*shape)
    canvas = ImageParametrization(fourier_decay=0.7)
    torch.testing.assert_close(canvas.image(canvas.start(x)), x, rtol=0, atol=1e-13)


def test_filter_scales_each_frequency_by_its_power():
    canvas = ImageParametrization(fourier_decay=0.5)
    columns = torch.arange(32, dtype=torch.float64) * 2 * torch.pi / 32
    slow, fast = (torch.cos(n * columns).expand(3, 32, 32) for n in (1, 4))
    gains = [(canvas.image(wave).norm() / wave.norm()).item() for wave in (slow, fast)]
    assert gains[0] / gains[1] == pytest.approx(2, rel=1e-9)  # (4 / 1) ** 0.5
    white = noise(3, 32, 32) - 0.5
    assert canvas.image(white).std() == pytest.approx(white.std().item(), rel=0.2)


def test_fourier_decay_lowers_the_loss():
    content, style = noise(3, 40, 60), noise(3, 40, 60, seed=4)
    losses = []

    def note(iterate):
        losses.append(float(iterate.loss))

    settings = {'fourier_decay': 0.5, 'num_iterations': 20, 'seed': 1, 'init': 'image'}
    stylize(mini_vgg19(), content, [style], callback=note, **settings)
    assert losses[-1] < losses[0] / 2


def test_luminance_of_a_grey_image_restores_it():
    content = grey(noise(3, 6, 7))
    x = preprocess(content)
    canvas = ImageParametrization(luminance_only=True)
    torch.testing.assert_close(canvas.image(canvas.start(x)), x, rtol=0, atol=1e-12)


def test_luminance_only_starts_from_the_image_and_stays_grey():
    content, style = noise(3, 24, 32, seed=1), noise(3, 24, 32, seed=2)
    seen = []
    out = stylize(
        mini_vgg19(),
        content,
        [style],
        num_iterations=5,
        seed=1,
        init='image',
        luminance_only=1,
        callback=lambda iterate: seen.append((iterate.image, iterate.gradient.shape)),
    )
    assert out.shape == (3, 24, 32)
    torch.testing.assert_close(out[0], out[2], rtol=0, atol=1e-6)
    first, shape = seen[0]
    assert shape == (3, 24, 32)
    torch.testing.assert_close(first, grey(content), rtol=0, atol=1e-6)


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_luminance_only_lowers_the_loss_from_noise(optimizer):
    losses = []
    stylize(
        mini_vgg19(),
        noise(3, 24, 32, seed=1),
        [noise(3, 24, 32, seed=2)],
        seed=1,
        luminance_only=1,
        optimizer=optimizer,
        lbfgs_max_step=10,  # how far a leap goes without, the last digits decide
        num_iterations=30,
        callback=lambda iterate: losses.append(float(iterate.loss)),
    )
    assert losses[-1] < 0.6 * losses[0]
