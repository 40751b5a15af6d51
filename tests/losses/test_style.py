"""Style losses: guides, several terms, regions, layouts."""

import pytest
import torch
from loss_formulas import captured, features, layer_gradient

from neural_style import StyleLoss, gram_matrix
from neural_style.losses import features as features_module
from neural_style.losses.base import Region
from neural_style.losses.features import crop
from neural_style.losses.guide import Guide
from neural_style.losses.style import PaperStyleLoss

LOSS_CLASSES = [StyleLoss, PaperStyleLoss]


def guide(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, height, width, dtype=torch.float64, generator=generator)


def guided_gram(f, t):
    flat = (f * t)[0].flatten(1)
    return flat @ flat.t() / (t**2).sum()


def factor(loss_class, channels):
    """What Σ (G − A)² is multiplied by, with G divided by positions alone."""
    return {StyleLoss: 1 / channels**4, PaperStyleLoss: 1 / (4 * channels**2)}[loss_class]


def evaluated(loss, x, exact):
    """A loss's value and gradient."""
    statistic, gradient = loss.statistic(x, exact=exact), torch.zeros_like(x)
    loss.set_value(statistic, x.shape)
    loss.add_gradient(gradient, x, statistic, exact=exact)
    return loss.loss, gradient


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
@pytest.mark.parametrize('rows', [None, 1, 4])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_guided_loss_has_the_gradient_of_its_formula(loss_class, rows, layout, monkeypatch):
    """rows: of a chunk; None: all of a small image."""
    x, a = features((4, 6, 8), 1), features((4, 5, 5), 2)
    image_guide, style_guide = guide(6, 8, 3), guide(5, 5, 4)
    x = x.contiguous(memory_format=layout)
    loss, exact = loss_class(2.5), rows is None
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', 4 * 8 * (rows or 6))
    loss.set_guides([Guide(style_guide)])
    loss.capture(a, exact)
    loss.set_guides([Guide(image_guide)])
    x.requires_grad_()
    difference = guided_gram(x, image_guide) - guided_gram(a, style_guide)
    want = 2.5 * factor(loss_class, 4) * (difference**2).sum()
    want.backward()
    value, gradient = evaluated(loss, x.detach(), exact)
    assert float(value) == pytest.approx(want.item(), rel=1e-12)
    torch.testing.assert_close(gradient, x.grad, rtol=1e-11, atol=1e-15)


def test_a_guide_of_ones_changes_nothing():
    x, a = features((4, 6, 8), 1), features((4, 6, 8), 2)
    plain, guided = StyleLoss(1.0), StyleLoss(1.0)
    guided.set_guides([Guide(torch.ones(1, 12, 16))])
    torch.testing.assert_close(captured(guided, a).target, captured(plain, a).target)
    torch.testing.assert_close(plain.target, gram_matrix(a) / a.numel())
    for want, result in zip(evaluated(plain, x, True), evaluated(guided, x, True), strict=True):
        torch.testing.assert_close(result, want)


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('exact', [False, True])
def test_loss_is_the_weighted_sum_of_its_terms(loss_class, normalize, exact):
    x, a = features((4, 6, 8), 1), features((4, 5, 5), 2)
    weights, guides = [1.0, 0.25, 3.0], [None, guide(6, 8, 3), guide(6, 8, 4)]
    loss = loss_class(2.5, normalize)
    style_guides = [None, Guide(guide(5, 5, 5)), Guide(guide(5, 5, 6))]
    loss.set_guides(style_guides)
    loss.capture(a)
    loss.set_guides([None if g is None else Guide(g) for g in guides], weights)
    value, gradient = evaluated(loss, x, exact)
    want_value, want = 0.0, torch.zeros_like(x)
    for weight, image_guide, style_guide in zip(weights, guides, style_guides, strict=True):
        single = loss_class(2.5 * weight)
        single.set_guides([style_guide])
        single.capture(a)
        single.set_guides([None if image_guide is None else Guide(image_guide)])
        single_value, single_gradient = evaluated(single, x, exact)
        want_value, want = want_value + single_value, want + single_gradient
    if normalize:
        want = want / want.abs().sum() * 2.5
    torch.testing.assert_close(value, want_value, rtol=1e-13, atol=0)
    # the sum that the norm is divided by includes 1e-8
    torch.testing.assert_close(gradient, want, rtol=1e-6 if normalize else 1e-12, atol=1e-15)


def test_regions_of_several_guided_terms_add_up_to_the_layer():
    x, a = features((4, 6, 8), 1), features((4, 5, 5), 2)
    loss = StyleLoss(2.5)
    loss.set_guides([Guide(guide(5, 5, 3)), Guide(guide(5, 5, 4))])
    loss.capture(a)
    loss.set_guides([Guide(guide(12, 16, 5)), Guide(guide(12, 16, 6))], [1.0, 0.5])
    layer_statistic, gradient = loss.statistic(x, exact=False), torch.zeros_like(x)
    loss.add_gradient(gradient, x, layer_statistic, exact=False)
    regions = [Region((rows, slice(0, 8)), (6, 8)) for rows in (slice(0, 1), slice(1, 6))]
    parts = [crop(x, region.position) for region in regions]
    shares = [loss.statistic(*pair, exact=False) for pair in zip(parts, regions, strict=True)]
    torch.testing.assert_close(sum(shares), layer_statistic, rtol=1e-13, atol=0)
    total = torch.zeros_like(x)
    for part, region in zip(parts, regions, strict=True):
        loss.add_gradient(crop(total, region.position), part, layer_statistic, region, exact=False)
    torch.testing.assert_close(total, gradient, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('inside', [False, True])
@pytest.mark.parametrize(('dtype', 'limit'), [(torch.bfloat16, 4e-3), (torch.float32, 1e-6)])
def test_gradient_added_in_place_equals_the_exact_one(layout, inside, dtype, limit):
    torch.manual_seed(0)
    x = torch.randn(1, 16, 90, 70).to(dtype).contiguous(memory_format=layout)
    around = torch.randn(1, 16, 92, 72).to(dtype) * 1e-4
    area = slice(1, -1) if inside else slice(0, -2)
    gradients = []
    for exact in (False, True):
        loss = StyleLoss(3.0)
        loss.target = torch.eye(16)
        statistic = loss.statistic(x)
        f, g = (t.float() if exact else t for t in (x, around.clone(memory_format=layout)))
        gradient = g[..., area, area] if inside else g[..., area, area].clone()
        loss.add_gradient(gradient, f, statistic, exact=exact)
        gradients.append(gradient.float())
        rim = g.clone()
        rim[..., area, area] = 0
        assert not inside or rim.count_nonzero() == 16 * 2 * (92 + 70), 'the rim is let alone'
    result, want = gradients
    assert (result - want).norm() < limit * want.norm()  # rounded to eight bits at the end


def test_paper_gradient_is_equation_6():
    f, p = features((4, 4, 5), 1), features((4, 4, 5), 2)
    loss = captured(PaperStyleLoss(1.0), p)
    flat, a = f[0].flatten(1), p[0].flatten(1)
    n, m = flat.shape
    want = (flat.t() @ (flat @ flat.t() - a @ a.t())).t() / (n**2 * m**2)
    result = loss.gradient(f, loss.statistic(f))[0].flatten(1)
    torch.testing.assert_close(result, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('repeats', [1, 2])
def test_paper_loss_counts_a_style_image_of_another_size_by_the_position(repeats):
    """Features that come twice are the same style: Gram matrices are compared per position."""
    f, a = features((4, 4, 5), 1), features((4, 4, 5), 2)
    loss = captured(PaperStyleLoss(1.0), torch.cat([a] * repeats, 3))
    layer_gradient(loss, f)
    flat, flat_a = f[0].flatten(1), a[0].flatten(1)
    n, m = flat.shape
    want = ((flat @ flat.t() - flat_a @ flat_a.t()) ** 2).sum() / (4 * n**2 * m**2)
    assert float(loss.loss) == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize('loss_class', LOSS_CLASSES)
@pytest.mark.parametrize('distance', [1.0, 0.03])
def test_loss_in_bfloat16_is_that_of_the_same_features_in_float64(loss_class, distance):
    x, other = (features((64, 60, 70), seed).relu() for seed in (1, 2))
    x, a = (tensor.bfloat16() for tensor in (x, x + distance * other))
    results = []
    for dtype in (torch.bfloat16, torch.float64):
        loss = loss_class(1e6)
        loss.capture(a.to(dtype), exact=False)
        results.append(evaluated(loss, x.to(dtype), exact=False))
    (value, gradient), (want, want_gradient) = results
    assert float(value) == pytest.approx(float(want), rel=2e-4)
    assert (gradient - want_gradient).norm() < 1e-2 * want_gradient.norm()
    # The target itself is precise, whatever there was to compare it with.
    first, second = loss_class(1.0), loss_class(1.0)
    second.target = torch.ones(64, 64)
    first.capture(a, exact=False)
    second.capture(a, exact=False)
    assert torch.equal(second.target, first.target + 1)
