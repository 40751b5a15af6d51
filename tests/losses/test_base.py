"""What content and style losses have in common, against autograd and the recordings."""

import numpy as np
import pytest
import torch
from loss_formulas import (
    autograd,
    captured,
    content_formula,
    features,
    layer_gradient,
    style_formula,
)

from neural_style import ContentLoss, StyleLoss, gram_matrix
from neural_style.losses import features as features_module
from neural_style.losses.base import Region
from neural_style.losses.features import crop

SHAPES = [(4, 5, 7), (1, 1, 1), (16, 9, 8), (3, 1, 6)]
LOSS_CLASSES = [ContentLoss, StyleLoss]


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize(
    ('loss_class', 'formula'), [(ContentLoss, content_formula), (StyleLoss, style_formula)]
)
@pytest.mark.parametrize('chunk', [features_module.CHUNK_ELEMENTS, 1, 40])
def test_gradient_is_that_of_the_formula(loss_class, formula, shape, chunk, monkeypatch):
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', chunk)  # few rows at a time
    x, target = features(shape, 1), features(shape, 2)
    loss = captured(loss_class(7.5), target)
    gradient = layer_gradient(loss, x)
    value, want = autograd(formula, x, target, 7.5)
    # float64 throughout; the order of the sums differs.
    torch.testing.assert_close(loss.loss, value, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
def test_normalize_divides_the_gradient_by_its_l1_norm_before_the_strength(loss_class):
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    plain = layer_gradient(captured(loss_class(1.0), target), x)
    normalized = layer_gradient(captured(loss_class(3.0, normalize=True), target), x)
    want = 3.0 * plain / (plain.abs().sum() + 1e-8)
    torch.testing.assert_close(normalized, want, rtol=1e-12, atol=0)


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
def test_loss_before_an_in_place_relu_takes_its_gradient_from_the_rectified_features(loss_class):
    x, target = features((4, 5, 7), 1), features((4, 5, 7), 2)
    loss = captured(loss_class(2.0, precedes_relu=True), target)
    gradient = layer_gradient(loss, x)
    plain = captured(loss_class(2.0), target)
    want = plain.gradient(x.clamp(min=0), plain.statistic(x)) * 2.0
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-15)
    textbook = layer_gradient(plain, x)
    assert (gradient - textbook).norm() > 0.1 * textbook.norm()
    assert loss.loss == plain.loss, 'the value is that of the features before the ReLU'


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
@pytest.mark.parametrize('normalize', [False, True])
def test_regions_add_up_to_the_layer(loss_class, normalize):
    """What tiles and processes rely on: statistics add, and gradients are local."""
    x, target = features((4, 6, 7), 1), features((4, 6, 7), 2)
    loss = captured(loss_class(1.5, normalize), target)
    layer_statistic, gradient = loss.statistic(x), torch.zeros_like(x)
    loss.add_gradient(gradient, x, layer_statistic)
    regions = [Region((rows, slice(0, 7)), (6, 7)) for rows in (slice(0, 2), slice(2, 6))]
    parts = [crop(x, region.position) for region in regions]
    statistic = sum(
        loss.statistic(part, region, exact=False)
        for part, region in zip(parts, regions, strict=True)
    )
    torch.testing.assert_close(statistic, layer_statistic, rtol=1e-13, atol=0)
    norms = sum(
        loss.gradient_norm(part, statistic, region)
        for part, region in zip(parts, regions, strict=True)
    )
    total = torch.zeros_like(x)
    for part, region in zip(parts, regions, strict=True):
        share = crop(total, region.position)
        loss.add_gradient(share, part, statistic, region, exact=False, norms=norms)
    torch.testing.assert_close(total, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_images_of_a_batch_have_the_losses_of_single_images(loss_class, normalize, exact, layout):
    batch = features((4, 5, 7), 1, images=3).contiguous(memory_format=layout)
    loss = captured(loss_class(1.5, normalize), features((4, 5, 7), 2))
    statistic, gradient = loss.statistic(batch, exact=exact), torch.zeros_like(batch)
    loss.set_value(statistic, batch.shape)
    total = loss.loss
    loss.add_gradient(gradient, batch, statistic, exact=exact)
    singles = []
    for image, image_gradient in zip(batch.split(1), gradient.split(1), strict=True):
        single, want = loss.statistic(image, exact=exact), torch.zeros_like(image)
        loss.set_value(single, image.shape)
        singles.append(loss.loss)
        loss.add_gradient(want, image, single, exact=exact)
        # norms are summed in the order of the layout, which a batch may change
        torch.testing.assert_close(image_gradient, want, rtol=1e-14, atol=0)
    torch.testing.assert_close(total, torch.stack(singles).sum(), rtol=1e-15, atol=0)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_statistics_of_half_the_precision_are_float32(dtype):
    x = features((4, 5, 7)).to(dtype)
    for loss_class in LOSS_CLASSES:
        loss = captured(loss_class(1.0), x)
        assert loss.target.dtype == torch.float32
        assert loss.statistic(x).dtype == torch.float32
        loss(x)
        assert loss.loss.dtype == torch.float64


@pytest.fixture(scope='module')
def modules(golden):
    return np.load(golden / 'unit' / 'modules.npz')


@pytest.mark.parametrize('norm', ['', 'norm__'])
@pytest.mark.parametrize('case', ['c4_5x7_float', 'c4_5x7_double', 'c16_9x8_float'])
@pytest.mark.parametrize(('loss_class', 'name'), [(ContentLoss, 'content'), (StyleLoss, 'style')])
def test_losses_match_torch7(modules, case, loss_class, name, norm):
    def recorded(key):
        return torch.from_numpy(modules[f'{case}__{key}'])

    loss = loss_class(recorded_strength(modules, case, name), normalize=bool(norm))
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
