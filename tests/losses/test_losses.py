"""The losses against autograd of their written formulas, and against the recordings."""

import numpy as np
import pytest
import torch

from neural_style.losses import losses
from neural_style.losses.losses import ContentLoss, StyleLoss, TVLoss, gram_matrix

SHAPES = [(4, 5, 7), (1, 1, 1), (16, 9, 8), (3, 1, 6)]


def features(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, *shape, dtype=torch.float64, generator=generator)


def analytic(loss, x):
    """The gradient that the loss layer adds to a gradient of zero."""
    x = x.clone().requires_grad_()
    y = loss(x)
    (gradient,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    return gradient


def capture(loss, target):
    loss.mode = 'capture'
    loss(target)
    loss.mode = 'loss'
    return loss


def content_formula(x, target, strength):
    return strength * ((x - target) ** 2).mean()


def style_formula(x, target, strength):
    def gram(f):
        flat = f.reshape(f.shape[1], -1)
        return flat @ flat.t() / f.numel()

    return strength * ((gram(x) - gram(target)) ** 2).mean()


def autograd(formula, x, *args):
    x = x.clone().requires_grad_()
    value = formula(x, *args)
    value.backward()
    return value.detach(), x.grad


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize(
    ('kind', 'formula'), [(ContentLoss, content_formula), (StyleLoss, style_formula)]
)
@pytest.mark.parametrize('run', [losses.RUN, 1, 40])
def test_gradient_is_that_of_the_formula(kind, formula, shape, run, monkeypatch):
    monkeypatch.setattr(losses, 'RUN', run)  # few rows at a time
    x, target = features(shape, 1), features(shape, 2)
    loss = capture(kind(7.5), target)
    gradient = analytic(loss, x)
    value, want = autograd(formula, x, target, 7.5)
    # float64 throughout; the order of the sums differs.
    torch.testing.assert_close(loss.loss, value, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('size', [(2, 2), (5, 7), (9, 4)])
def test_tv_gradient_is_that_of_the_squared_differences_of_the_interior(size):
    x = features((3, *size))

    def formula(x):
        inner = x[..., :-1, :-1]
        right, below = x[..., :-1, 1:], x[..., 1:, :-1]
        return 0.5 * 0.3 * ((inner - right) ** 2 + (inner - below) ** 2).sum()

    _, want = autograd(formula, x)
    torch.testing.assert_close(analytic(TVLoss(0.3), x), want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('kind', [ContentLoss, StyleLoss])
def test_normalize_divides_the_gradient_by_its_l1_norm_before_the_strength(kind):
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    plain = analytic(capture(kind(1.0), target), x)
    normalized = analytic(capture(kind(3.0, normalize=True), target), x)
    want = 3.0 * plain / (plain.abs().sum() + 1e-8)
    torch.testing.assert_close(normalized, want, rtol=1e-12, atol=0)


@pytest.mark.parametrize('kind', [ContentLoss, StyleLoss])
def test_loss_below_an_in_place_relu_takes_its_gradient_from_the_rectified_features(kind):
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    loss = capture(kind(2.0, precedes_relu=True), target)
    gradient = analytic(loss, x)
    plain = capture(kind(2.0), target)
    want = plain.gradient(x.clamp(min=0), plain.statistic(x)) * 2.0
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-15)
    textbook = analytic(plain, x)
    assert (gradient - textbook).norm() > 0.1 * textbook.norm()
    assert loss.loss == plain.loss, 'the value is that of the features before the ReLU'


@pytest.mark.parametrize('kind', [ContentLoss, StyleLoss])
def test_statistic_adds_over_positions(kind):
    """What tiles and ranks will rely on: halves sum to the whole, and gradients are local."""
    x, target = features((4, 6, 7), 1), features((4, 6, 7), 2)
    loss = capture(kind(1.0), target)
    whole = loss.statistic(x)
    halves = []
    for rows in (slice(0, 3), slice(3, 6)):
        half = kind(1.0)
        half.target = loss.target[..., rows, :] if kind is ContentLoss else loss.target
        halves.append(half.statistic(x[..., rows, :]))
    torch.testing.assert_close(halves[0] + halves[1], whole, rtol=1e-13, atol=0)


def test_style_targets_blend_as_a_weighted_sum_of_gram_matrices():
    a, b = features((4, 5, 7), 1), features((4, 3, 9), 2)
    loss = StyleLoss(1.0)
    loss.mode = 'capture'
    for image, weight in ((a, 0.75), (b, 0.25)):
        loss.blend_weight = weight
        loss(image)
    want = 0.75 * gram_matrix(a) / a.numel() + 0.25 * gram_matrix(b) / b.numel()
    torch.testing.assert_close(loss.target, want, rtol=1e-14, atol=0)


def test_losses_pass_features_on_and_add_to_the_gradient_from_above():
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    above = features((4, 5, 7), 3)
    loss = capture(ContentLoss(2.0), target)
    x = x.requires_grad_()
    y = loss(x)
    assert torch.equal(y, x)
    (gradient,) = torch.autograd.grad(y, x, above)
    torch.testing.assert_close(gradient, above + analytic(loss, x.detach()), rtol=1e-13, atol=1e-15)


def test_style_loss_on_a_fully_connected_layer_is_refused():
    loss = StyleLoss(1.0)
    for loss.mode in ('none', 'capture', 'loss'):  # in all of them, as the original
        with pytest.raises(ValueError, match='`style_layers`'):
            loss(torch.zeros(1, 8))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_a_loss_takes_features_of_half_the_precision(dtype):
    x, target = (features((4, 5, 7), seed).to(dtype) for seed in (1, 2))
    found, want = (
        analytic(capture(StyleLoss(1.0), y), z)
        for y, z in ((target, x), (target.float(), x.float()))
    )
    assert found.dtype == dtype
    assert (found.float() - want).norm() < 1e-2 * want.norm()


@pytest.mark.parametrize(('kind', 'size'), [(ContentLoss, 1e25), (StyleLoss, 1e12)])
def test_a_loss_overflows_in_silence(kind, size):
    x, target = (features((4, 5, 7), seed).float() for seed in (1, 2))
    loss = capture(kind(1.0), target)
    loss(size * x)  # warnings are errors here
    assert loss.loss == torch.inf


@pytest.mark.parametrize('kind', [ContentLoss, StyleLoss, TVLoss])
def test_a_loss_of_several_images_is_refused(kind):
    with pytest.raises(ValueError, match='of one image, not of 2'):
        kind(1.0)(torch.zeros(2, 3, 4, 4))


@pytest.fixture(scope='module')
def modules(golden):
    return np.load(golden / 'unit' / 'modules.npz')


@pytest.mark.parametrize('norm', ['', 'norm__'])
@pytest.mark.parametrize('case', ['c4_5x7_float', 'c4_5x7_double', 'c16_9x8_float'])
@pytest.mark.parametrize(('kind', 'name'), [(ContentLoss, 'content'), (StyleLoss, 'style')])
def test_losses_match_torch7(modules, case, kind, name, norm):
    def recorded(key):
        return torch.from_numpy(modules[f'{case}__{key}'])

    loss = kind(recorded_strength(modules, case, name), normalize=bool(norm))
    loss.mode = 'loss'
    loss.target = recorded(f'{norm}{name}_target')
    if name == 'content':
        loss.target = loss.target.unsqueeze(0)
    x = recorded('input').unsqueeze(0).requires_grad_()
    y = loss(x)
    (gradient,) = torch.autograd.grad(y, x, recorded('gradOutput').unsqueeze(0))
    # The sums run in another order than OpenBLAS's: a few units in the last place.
    rtol = 2e-6 if 'float' in case else 1e-13
    want = recorded(f'{norm}{name}_gradInput')
    assert (gradient[0] - want).norm() <= rtol * want.norm()
    value = float(recorded(f'{norm}{name}_loss')[0])
    assert float(loss.loss) == pytest.approx(value, rel=rtol)


def recorded_strength(modules, case, name):
    """The strength of a recorded loss, from its value and its target."""
    x = torch.from_numpy(modules[f'{case}__input']).double().unsqueeze(0)
    target = torch.from_numpy(modules[f'{case}__{name}_target']).double()
    if name == 'content':
        value = ((x[0] - target) ** 2).mean()
    else:
        value = ((gram_matrix(x) / x.numel() - target) ** 2).mean()
    strength = float(modules[f'{case}__{name}_loss'][0]) / float(value)
    return round(strength, 3)


@pytest.mark.parametrize('rows', [1, 2, 100])
@pytest.mark.parametrize('size', ['5x7', '2x2', '9x4'])
def test_tv_matches_torch7(modules, size, rows, monkeypatch):
    """rows: that are worked off at a time."""
    monkeypatch.setattr(losses, 'RUN', rows * 3 * int(size.split('x')[1]))

    def recorded(key):
        return torch.from_numpy(modules[f'tv_{size}__{key}'])

    x, above = recorded('input'), recorded('gradOutput')
    unit = TVLoss(1.0).gradient(x)
    strength = float((recorded('gradInput') - above).norm() / unit.norm())
    loss = TVLoss(float(f'{strength:.3g}'))
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x, above)
    assert torch.equal(gradient, recorded('gradInput'))
