"""Statistics in tiles, batches and half the precision, and what is remembered for them."""

import pytest
import torch
from statistics_samples import CHOICES, guide_map, guided, loss_of, rectified, value_and_gradient

from neural_style.losses.base import Region
from neural_style.losses.features import crop
from neural_style.losses.statistics.remembered import LastAnswers


def test_last_answers_are_found_by_the_values_of_tensors():
    calls = []

    def add(x, number):
        calls.append(number)
        return x + number

    remembered = LastAnswers(add)
    for x, number in (
        (torch.ones(2), 1),
        (torch.ones(2), 1),
        (torch.zeros(2), 1),
        (torch.ones(2), 2),
    ):
        assert torch.equal(remembered(x, number), x + number)
    assert calls == [1, 1, 2]
    remembered(torch.full((2,), torch.nan), 3)
    remembered(torch.full((2,), torch.nan), 3)
    assert calls == [1, 1, 2, 3, 3]


def test_distance_is_computed_once_for_all_tiles(monkeypatch):
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    loss, calls, svd = loss_of('wasserstein'), [], torch.linalg.svd
    monkeypatch.setattr(torch.linalg, 'svd', lambda matrix: calls.append(1) or svd(matrix))
    loss.capture(a)
    for _ in range(3):
        value_and_gradient(loss, x)
    assert calls == [1]


@pytest.mark.parametrize('choice', CHOICES)
@pytest.mark.parametrize('normalize', [False, True])
@pytest.mark.parametrize('is_guided', [False, True])
def test_regions_add_up_to_the_layer(choice, normalize, is_guided):
    x, a = rectified((4, 6, 8), 1), rectified((4, 5, 5), 2)
    loss = loss_of(choice, normalize=normalize)
    loss.capture(a)
    if is_guided:
        guided(loss, guide_map(6, 8, 3))
    statistic, gradient = loss.statistic(x), torch.zeros_like(x)
    loss.add_gradient(gradient, x, statistic)
    regions = [Region((rows, slice(0, 8)), (6, 8)) for rows in (slice(0, 1), slice(1, 6))]
    pairs = [(crop(x, region.position), region) for region in regions]
    total_statistic = sum(loss.statistic(*pair, exact=False) for pair in pairs)
    torch.testing.assert_close(total_statistic, statistic, rtol=1e-13, atol=0)
    norms = sum(loss.gradient_norm(part, statistic, region) for part, region in pairs)
    total = torch.zeros_like(x)
    for part, region in pairs:
        share = crop(total, region.position)
        loss.add_gradient(share, part, statistic, region, exact=False, norms=norms)
    torch.testing.assert_close(total, gradient, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize('choice', CHOICES)
def test_images_of_a_batch_have_the_losses_of_single_images(choice):
    batch = torch.cat([rectified((4, 6, 8), seed) for seed in (1, 2)])
    loss = loss_of(choice)
    loss.capture(rectified((4, 5, 5), 3))
    value, gradient = value_and_gradient(loss, batch)
    singles = [value_and_gradient(loss, image) for image in batch.split(1)]
    torch.testing.assert_close(value, singles[0][0] + singles[1][0], rtol=1e-13, atol=0)
    torch.testing.assert_close(gradient, torch.cat([g for _, g in singles]), rtol=1e-12, atol=0)


@pytest.mark.parametrize('choice', CHOICES)
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('is_guided', [False, True])
def test_features_of_half_the_precision_have_float32_statistics(choice, dtype, is_guided):
    x, a = (rectified((4, 30, 40), seed).to(dtype) for seed in (1, 2))
    results = []
    for images in ((x, a), (x.float(), a.float())):
        loss = guided(loss_of(choice), guide_map(30, 40, 3) if is_guided else None)
        loss.capture(images[1])
        assert loss.target.dtype == torch.float32
        value, gradient = value_and_gradient(loss, images[0])
        assert gradient.dtype == images[0].dtype
        results.append((float(value), gradient.float()))
    (value, gradient), (want, want_gradient) = results
    assert value == pytest.approx(want, rel=2e-2)
    assert (gradient - want_gradient).norm() < 3e-2 * want_gradient.norm()


@pytest.mark.parametrize('choice', CHOICES)
def test_targets_of_several_images_are_those_of_what_they_show_together(choice):
    """Two images of one size, weighted equally, are one image of twice the size."""
    images = [rectified((4, 5, 6), seed) for seed in (1, 2)]
    blended, joint = loss_of(choice), loss_of(choice)
    for blended.blend_weight, image in ((0.5, images[0]), (0.5, images[1])):
        blended.capture(image)
    joint.capture(torch.cat(images, 3))
    torch.testing.assert_close(
        blended.target.view(-1)[-4:], joint.target.view(-1)[-4:], rtol=1e-12, atol=1e-12
    )
    x = rectified((4, 6, 8), 3)
    results = [value_and_gradient(loss, x) for loss in (blended, joint)]
    if not choice.startswith('gram'):  # a Gram matrix is divided by the size of its image
        torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('choice', CHOICES)
@pytest.mark.parametrize('number', [torch.nan, torch.inf])
def test_features_that_are_not_finite_have_no_finite_loss(choice, number):
    x = rectified((4, 6, 8), 1)
    loss = loss_of(choice)
    loss.capture(rectified((4, 5, 5), 2))
    x[0, 1, 2, 3] = number
    value, _ = value_and_gradient(loss, x)
    assert not value.isfinite()


@pytest.mark.parametrize('choice', CHOICES)
def test_loss_before_an_in_place_relu_takes_rectified_features(choice):
    x, a = (rectified((4, 6, 8), seed) - 1 for seed in (1, 2))
    losses = [loss_of(choice, precedes_relu=flag) for flag in (True, False)]
    for loss in losses:
        loss.capture(a)
    value, gradient = value_and_gradient(losses[0], x)
    want = losses[1].gradient(x.clamp(min=0), losses[1].statistic(x), exact=False) * 2.5
    torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-15)
    assert value == value_and_gradient(losses[1], x)[0]
