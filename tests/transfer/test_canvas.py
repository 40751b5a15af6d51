"""Where and in which colours the image is painted: paper masks, luminance, tint, recolouring."""

import numpy as np
import pytest
import torch

import loadcaffe
from neural_style import preprocess, stylize
from neural_style.losses import losses
from neural_style.losses.losses import PaperStyleLoss, StyleLoss, gram_matrix
from neural_style.transfer.canvas import (
    ImageParametrization,
    bright_area_mask,
    paper_color,
    resolve_paper_mask,
)
from neural_style.transfer.color import grey, luminance, recolor, style_tint


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def ink(height=40, width=60):
    """A white sheet with a black bar in the middle."""
    image = torch.full((3, height, width), 0.97, dtype=torch.float64)
    image[:, height // 3 : 2 * height // 3, width // 4 : 3 * width // 4] = 0.1
    return image


@pytest.fixture
def cnn(data):
    stem = data / 'models' / 'mini_vgg19_conv'
    return loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel')


def short(cnn, content, style, **settings):
    settings = {'num_iterations': 5, 'seed': 1, 'init': 'image'} | settings
    return stylize(cnn, content, [style], **settings)


@pytest.mark.parametrize('luminance_only', [False, True])
@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('fourier_decay', [0, 0.5])
def test_canvas_gives_the_gradient_of_what_it_makes(luminance_only, masked, fourier_decay):
    mask = noise(1, 6, 7, seed=1) if masked else None
    paper = noise(3, 1, 1, seed=2) if masked else None
    canvas = ImageParametrization(luminance_only, mask, paper, fourier_decay)
    z = canvas.start(noise(3, 6, 7)).clone().requires_grad_()
    assert z.shape == ((1 if luminance_only else 3), 6, 7)
    weights = noise(3, 6, 7, seed=3)
    (weights * canvas.image(z) ** 2).sum().backward()
    at_image = 2 * weights * canvas.image(z.detach())
    torch.testing.assert_close(canvas.gradient(at_image), z.grad, rtol=1e-13, atol=1e-13)


def test_canvas_without_anything_is_the_image_itself():
    z = noise(3, 4, 5)
    canvas = ImageParametrization()
    assert canvas.start(z) is z and canvas.image(z) is z and canvas.gradient(z) is z


@pytest.mark.parametrize('shape', [(3, 8, 12), (3, 7, 9), (3, 1, 1)])
def test_canvas_starts_from_the_image_whatever_the_filter(shape):
    x = noise(*shape)
    canvas = ImageParametrization(fourier_decay=0.7)
    torch.testing.assert_close(canvas.image(canvas.start(x)), x, rtol=0, atol=1e-13)


def test_canvas_weighs_frequencies_by_a_power_of_their_own():
    canvas = ImageParametrization(fourier_decay=0.5)
    columns = torch.arange(32, dtype=torch.float64) * 2 * torch.pi / 32
    slow, fast = (torch.cos(n * columns).expand(3, 32, 32) for n in (1, 4))
    gains = [(canvas.image(wave).norm() / wave.norm()).item() for wave in (slow, fast)]
    assert gains[0] / gains[1] == pytest.approx(2, rel=1e-9)  # (4 / 1) ** 0.5
    white = noise(3, 32, 32) - 0.5
    assert canvas.image(white).std() == pytest.approx(white.std().item(), rel=0.2)


def test_fourier_decay_descends(cnn):
    content, style = noise(3, 40, 60), noise(3, 40, 60, seed=4)
    losses = []

    def note(iterate):
        losses.append(float(iterate.loss))

    short(cnn, content, style, fourier_decay=0.5, num_iterations=20, callback=note)
    assert losses[-1] < losses[0] / 2


def test_canvas_of_luminance_makes_grey_images():
    content = grey(noise(3, 6, 7))
    x = preprocess(content)
    canvas = ImageParametrization(luminance_only=True)
    torch.testing.assert_close(canvas.image(canvas.start(x)), x, rtol=0, atol=1e-12)


def test_mask_is_paper_where_it_is_bright_and_keeps_a_rim_around_the_dark():
    image = ink(100, 500)
    mask = bright_area_mask(image, 0.7, 0.9)
    assert mask.shape == (1, 100, 500)
    assert mask[0, 0, 0] == 1 and mask[0, -1, -1] == 1
    assert mask[0, 50, 250] == 0
    edge = 3 * 500 // 4
    rim = mask[0, 50, edge - 1 : edge + 2]
    assert (rim < 0.5).all(), 'the edge of the bar stays paintable'
    assert mask[0, 50, edge + 10] == 1
    assert ((mask >= 0) & (mask <= 1)).all()


def test_what_is_masked_is_paper_and_the_rest_is_painted(cnn):
    content, style = ink(), noise(3, 40, 50, seed=5) * 0.8
    mask = (luminance(content) > 0.5).double()
    out = short(cnn, content, style, paper_mask=mask)
    paper = paper_color([style], [1.0])
    inside = mask[0] == 1
    assert (out[:, inside] - paper.flatten()[:, None]).abs().max() < 1e-6
    assert (out - content)[:, ~inside].abs().mean() > 0.01


def test_paper_color_is_that_of_the_brightest_tenth():
    style = torch.zeros(3, 10, 10, dtype=torch.float64)
    style[:, 0] = torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64)[:, None]
    assert paper_color([style], [1.0]).flatten().tolist() == pytest.approx([0.9, 0.8, 0.7])
    blend = paper_color([style, torch.zeros_like(style)], [0.5, 0.5])
    assert blend.flatten().tolist() == pytest.approx([0.45, 0.4, 0.35])


@pytest.mark.parametrize('kind', [StyleLoss, PaperStyleLoss])
@pytest.mark.parametrize('rows', [None, 1, 4])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_guided_style_loss_has_the_gradient_of_its_formula(kind, rows, layout, monkeypatch):
    """rows: at a time; None: all of a small image."""
    x, a = noise(1, 4, 6, 8, seed=1), noise(1, 4, 5, 5, seed=2)
    guide, other = noise(1, 6, 8, seed=3), noise(1, 5, 5, seed=4)
    x = x.contiguous(memory_format=layout)
    loss = kind(2.5)
    loss.exact = rows is None
    monkeypatch.setattr(losses, 'RUN', 4 * 8 * (rows or 6))
    loss.mode, loss.guide = 'capture', other
    loss(a)
    loss.mode, loss.guide = 'loss', guide

    def gram(f, t):
        flat = (f * t)[0].flatten(1)
        return flat @ flat.t() / (t**2).sum()

    x.requires_grad_()
    difference = gram(x, guide) - gram(a, other)
    scale = {StyleLoss: 1 / 4**2 / 4**2, PaperStyleLoss: 1 / (4 * 4**2)}[kind]
    want = 2.5 * scale * (difference**2).sum()
    want.backward()
    y = loss(x)
    (gradient,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    assert float(loss.loss) == pytest.approx(want.item(), rel=1e-12)
    torch.testing.assert_close(gradient, x.grad, rtol=1e-11, atol=1e-15)


def test_a_guide_of_ones_changes_nothing():
    x = noise(1, 4, 6, 8)
    loss = StyleLoss(1.0)
    plain = loss._normalized(x, loss.statistic(x))
    loss.guide = torch.ones(1, 12, 16)
    torch.testing.assert_close(loss._normalized(x, loss.statistic(x)), plain)
    torch.testing.assert_close(plain, gram_matrix(x) / x.numel())


def test_luminance_only_gives_grey_and_original_start_is_kept(cnn):
    content, style = noise(3, 24, 32, seed=1), noise(3, 24, 32, seed=2)
    found = []
    out = short(
        cnn,
        content,
        style,
        luminance_only=1,
        callback=lambda it: found.append((it.image, it.gradient.shape)),
    )
    assert out.shape == (3, 24, 32)
    torch.testing.assert_close(out[0], out[2], rtol=0, atol=1e-6)
    first, shape = found[0]
    assert shape == (3, 24, 32)
    torch.testing.assert_close(first, grey(content), rtol=0, atol=1e-6)


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_luminance_only_lowers_the_loss_from_noise(cnn, optimizer):
    losses = []
    short(
        cnn,
        noise(3, 24, 32, seed=1),
        noise(3, 24, 32, seed=2),
        init='random',
        luminance_only=1,
        optimizer=optimizer,
        lbfgs_max_step=10,  # how far a leap goes without, the last digits decide
        num_iterations=30,
        callback=lambda it: losses.append(float(it.loss)),
    )
    assert losses[-1] < 0.6 * losses[0]


def test_tint_keeps_luminance_and_takes_the_styles_colour_at_each():
    levels = torch.linspace(0, 1, 50, dtype=torch.float64).expand(40, 50)
    style = torch.stack([levels, levels * 0.9, levels * 0.8])
    style[:, :2, :5] = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)[:, None, None]  # a seal
    out = style_tint(style, grey(noise(3, 8, 9)))
    torch.testing.assert_close(luminance(out), luminance(grey(noise(3, 8, 9))), rtol=0, atol=1e-4)
    # red minus blue is a fifth of red
    bright = out[:, luminance(out)[0] > 0.3]
    torch.testing.assert_close(
        bright[2] / bright[0], torch.full_like(bright[0], 0.8), atol=0.03, rtol=0
    )


def test_tint_is_defined_for_a_style_of_one_colour():
    style = torch.tensor([0.5, 0.4, 0.3]).double().view(3, 1, 1).expand(3, 4, 4)
    assert style_tint(style, noise(3, 5, 6)).isfinite().all()


def test_recolor_gives_grey_content_the_distribution_of_the_style():
    content, style = grey(noise(3, 30, 40) ** 3), grey(0.5 + 0.5 * noise(3, 20, 20, seed=1))
    out = recolor(content, [style], 1)
    quantiles = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    torch.testing.assert_close(
        out[0].flatten().quantile(quantiles),
        style[0].flatten().quantile(quantiles),
        rtol=0,
        atol=0.01,
    )
    order = content[0].flatten().argsort()
    assert (out[0].flatten()[order].diff() >= 0).all(), 'brighter stays brighter'
    half = recolor(content, [style], 0.5)
    torch.testing.assert_close(half, (out + content) / 2)


def test_recolor_gives_the_mean_and_covariance_of_the_style():
    mixing = torch.tensor([[0.2, 0.1, 0.0], [0.0, 0.15, 0.05], [0.05, 0.0, 0.1]]).double()
    style = 0.3 + (mixing @ noise(3, 900, seed=1)).view(3, 30, 30)
    out = recolor(noise(3, 40, 50), [style], 1)
    pixels, want = out.flatten(1), style.flatten(1)
    torch.testing.assert_close(pixels.mean(1), want.mean(1), rtol=0, atol=1e-6)
    torch.testing.assert_close(pixels.cov(), want.cov(), rtol=0, atol=1e-5)


def test_recolor_takes_a_style_of_one_pixel():
    style = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64).view(3, 1, 1)
    recolored = recolor(noise(3, 8, 9), [style], 1)
    assert torch.allclose(recolored, style.expand(3, 8, 9), atol=2e-3)


def test_recolor_of_one_colour_is_finite():
    content = torch.full((3, 5, 5), 0.5, dtype=torch.float64)
    content[0] = 0.25
    assert recolor(content, [noise(3, 5, 5)], 1).isfinite().all()


@pytest.mark.parametrize(
    ('mask', 'low_high', 'named'),
    [
        ('auto', '0.9,0.7', '-paper_range 0.9,0.7'),
        ('auto', '0.7', '-paper_range 0.7'),
        ('auto', '0.7,x', '-paper_range 0.7,x'),
        ('auto', '0.01,0.02', 'nothing but paper'),
        ('white', '0.7,0.9', '-paper_mask white: give auto'),
        (torch.zeros(1, 3, 3), '0.7,0.9', '-paper_mask has shape'),
        (torch.ones(1, 40, 60), '0.7,0.9', '-content_image is nothing but paper'),
    ],
)
def test_masks_that_make_no_sense_are_refused(mask, low_high, named):
    with pytest.raises(ValueError, match=named):
        resolve_paper_mask(mask, low_high, [ink()], [ink()])


def test_style_is_compared_over_what_is_painted(cnn):
    """The share of bare paper in the style image does not matter to a masked run."""
    content, style = ink(), ink()
    wide = torch.cat([style, torch.full((3, 40, 60), 0.97, dtype=torch.float64)], 2)
    first = {}
    for name, image in (('style', style), ('wide', wide)):
        for mask in ('', 'auto'):
            net = []
            short(
                cnn,
                content,
                image,
                num_iterations=1,
                content_layers='',
                paper_mask=mask,
                callback=lambda it, net=net: net.append(float(it.loss)),
            )
            first[name, mask] = net[0]
    # By itself, half the ink is another style; over the painted part it is much nearer.
    assert first['wide', 'auto'] < 0.1 * first['wide', '']
    assert np.isfinite(list(first.values())).all()


def test_evaluate_of_a_guided_network_is_finite_at_odd_sizes(cnn):
    content = torch.cat([ink(33, 47), ink(33, 47)], 1)
    out = short(cnn, content, ink(31, 29), paper_mask='auto', pooling='avg')
    assert out.isfinite().all()
