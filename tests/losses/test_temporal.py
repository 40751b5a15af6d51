"""The temporal loss: its formula, and the image alone as its input."""

import pytest
import torch
from samples import loss_network, mini_vgg19

from neural_style.losses.temporal import TemporalLoss
from neural_style.tiling.stages import Stage, Tiling
from neural_style.transfer.evaluation import evaluate


def random_terms(height=9, width=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image, target = torch.randn(2, 3, height, width, generator=generator, dtype=torch.float64)
    reliability = torch.rand(1, height, width, generator=generator, dtype=torch.float64)
    return image, target, reliability


def test_temporal_loss_is_the_mean_of_reliable_squares():
    image, target, reliability = random_terms()
    loss = TemporalLoss(1e3, target, reliability)
    loss.set_value(image[None])
    total = sum(
        float(reliability[0, y, x]) * float(image[c, y, x] - target[c, y, x]) ** 2
        for c in range(3)
        for y in range(9)
        for x in range(7)
    )
    assert float(loss.loss) == pytest.approx(1e3 * total / (3 * 9 * 7), rel=1e-12)


def test_temporal_gradient_is_the_derivative_of_the_value():
    image, target, reliability = random_terms()
    loss = TemporalLoss(1e3, target, reliability)
    leaf = image.clone().requires_grad_()
    value = (reliability * (leaf - target) ** 2).mean() * 1e3
    (expected,) = torch.autograd.grad(value, leaf)
    gradient = torch.ones_like(image)[None]  # what it is added to
    loss.add_gradient(gradient, image[None], scale=2.0)
    assert torch.allclose(gradient[0] - 1, 2 * expected, rtol=1e-9, atol=1e-12)


def test_unreliable_pixels_have_no_gradient():
    image, target, reliability = random_terms()
    reliability[:, 2:5] = 0
    gradient = torch.zeros_like(image)[None]
    TemporalLoss(1.0, target, reliability).add_gradient(gradient, image[None])
    assert bool((gradient[..., 2:5, :] == 0).all()) and bool((gradient[..., 5:, :] != 0).all())


def test_normalized_temporal_gradient_has_the_norm_of_its_weight():
    image, target, reliability = random_terms()
    gradient = torch.zeros_like(image)[None]
    TemporalLoss(7.0, target, reliability, normalize=True).add_gradient(gradient, image[None])
    assert float(gradient.abs().sum()) == pytest.approx(7, rel=1e-6)


def test_padding_around_the_image_counts_for_nothing():
    image, target, reliability = random_terms()
    plain, padded = (TemporalLoss(1.0, target, reliability, sides=s) for s in ((0, 0), (2, 1)))
    extended = torch.nn.functional.pad(image, (1, 1, 2, 2), value=9.0)[None]
    plain.set_value(image[None])
    padded.set_value(extended)
    assert float(plain.loss) == float(padded.loss)
    gradient = torch.zeros_like(extended)
    padded.add_gradient(gradient, extended)
    expected = torch.zeros_like(image)[None]
    plain.add_gradient(expected, image[None])
    assert torch.equal(gradient, torch.nn.functional.pad(expected, (1, 1, 2, 2)))


@pytest.mark.parametrize('padding', ['zero', 'reflect'])
def test_temporal_loss_in_tiles_equals_that_of_the_whole_image(padding):
    torch.manual_seed(0)
    network = loss_network(mini_vgg19().double(), padding=padding)
    content, style, image, target = torch.randn(4, 3, 64, 64, dtype=torch.float64) * 60
    network.capture_content(content)
    network.capture_style(style, 1.0)
    reliability = (torch.rand(1, 64, 64, dtype=torch.float64) > 0.3).double()
    sides = network.edges.sides
    network.image_losses.append(TemporalLoss(1e3, target, reliability, sides=sides))
    whole = evaluate(network, image)
    without = sum(float(loss.loss) for loss in network.losses)
    assert float(whole[0]) > without
    layers = len(list(network.chunks[0]))
    network.tiling = Tiling((Stage(0, layers, side=32),))
    tiled = evaluate(network, image)
    for expected, actual in zip(whole, tiled, strict=True):
        assert float((actual - expected).abs().max()) <= 1e-12 * float(expected.abs().max())
