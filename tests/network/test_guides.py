"""Guides brought to the layers of a network, through the cells of their positions."""

import pytest
import torch
from loss_networks import network_with_branches
from samples import STYLE_LAYERS, loss_network, mini_vgg19
from torch import nn

from neural_style import StyleLoss, evaluate
from neural_style.losses.guide import Cells
from neural_style.network.windows import output_cells, stage_boundaries
from neural_style.tiling.stages import Stage, Tiling


def image(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator, dtype=torch.float64) * 50


def masks(height, width, number=3):
    """Return hard masks that cover the image, and a soft one."""
    columns = torch.arange(width) * number // width
    hard = [(columns == k).expand(1, height, width) for k in range(number)]
    return [*hard, image(height, width, 9)[:1].sigmoid()]


@pytest.mark.parametrize('padding', ['zero', 'replicate'])
@pytest.mark.parametrize('size', [(64, 48), (37, 51)])
def test_cells_are_blocks_of_pixels_that_poolings_join(padding, size):
    """At odd sizes the last block is cut off, where Caffe's poolings round up."""
    net = loss_network(mini_vgg19(), padding=padding)
    mask = masks(*size)[-1]
    net.guide_style([mask], by_cells=True)
    for loss, side in zip(net.style_losses, (1, 2, 4, 8, 16), strict=True):
        (guide,) = loss.guides
        want = blocks(mask, side)
        result = guide.of(torch.zeros(1, 1, *want.shape, dtype=torch.float64))
        torch.testing.assert_close(result[0, 0], want, rtol=1e-13, atol=1e-14)


def test_cells_surround_the_middle_of_a_receptive_field():
    layers = [nn.Conv2d(3, 4, 7, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.Softmax2d()]
    first = Cells(2.5, 2)  # pixel 3 is in the middle of 7
    cells = output_cells([*layers, StyleLoss(1.0)])
    assert cells == [(first, first), (first, first), (first, first), None, None]
    shifted = Cells(1.5, 2)
    assert output_cells(layers[:1], (1, 1)) == [(shifted, shifted)]


def test_losses_of_like_cells_share_their_guides():
    net = loss_network(mini_vgg19(), style_layers=['relu1_1', 'relu1_2', 'relu2_1'])
    net.guide_style(masks(32, 32), by_cells=True)
    first, second, third = (loss.guides[0] for loss in net.style_losses)
    assert first is second and second is not third


def test_guides_in_a_network_with_branches_have_no_cells():
    net = network_with_branches(content_layers=[], style_layers=['fire2/concat'])
    net.guide_style(masks(32, 32), by_cells=True)
    (loss,) = net.style_losses
    assert [guide.cells for guide in loss.guides] == [None] * 4


def blocks(mask, side):
    """Average a mask over blocks of pixels, those at the end cut off: (rows, columns)."""
    rows = [block.double().split(side, 2) for block in mask.split(side, 1)]
    return torch.stack([torch.stack([block.mean() for block in row]) for row in rows])


def guided_grams(image, maps):
    """Return Σ T² = 1 Gram matrices, of each style layer, for each map (eq. 5)."""
    features, grams, side = image[None], [], 1
    for layer in mini_vgg19().double():
        features = layer(features)
        side *= 2 if isinstance(layer, nn.MaxPool2d) else 1
        if layer.name in STYLE_LAYERS:
            flat = [(features[0] * blocks(mask, side)).flatten(1) for mask in maps]
            squares = [blocks(mask, side).square().sum() for mask in maps]
            grams.append([f @ f.T / t for f, t in zip(flat, squares, strict=True)])
    return grams


def test_loss_of_regions_is_that_of_the_paper_and_has_its_gradient():
    """Gatys et al. 2017, eq. 5 and 6, with the means of neural_style.lua in the place of 1/4N²."""
    net = loss_network(mini_vgg19().double(), content_layers=[], tv_weight=0, exact=False)
    x, style, lambdas = image(37, 51, 1).requires_grad_(), image(40, 33, 2), [0.5, 1.0, 0.25, 2.0]
    net.capture_style(style, [1.0] * 4, masks(40, 33), by_cells=True)
    net.guide_style(masks(37, 51), lambdas, by_cells=True)
    total = 0.0
    for grams, targets in zip(
        guided_grams(x, masks(37, 51)), guided_grams(style, masks(40, 33)), strict=True
    ):
        for weight, gram, target in zip(lambdas, grams, targets, strict=True):
            total = total + 100 * weight * ((gram - target) / len(gram)).square().mean()
    total.backward()
    loss, gradient = evaluate(net, x.detach())
    assert float(loss) == pytest.approx(float(total.detach()), rel=1e-12)
    assert (gradient - x.grad).norm() <= 1e-12 * x.grad.norm()


@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'losses': 'paper'},
        {'normalize_gradients': True},
        {'style_statistic': 'gram,wasserstein,histogram'},
        {'style_statistic': 'mean_std,covariance', 'normalize_gradients': True},
    ],
)
def test_tiles_of_several_regions_equal_the_whole_image(settings):
    net = loss_network(mini_vgg19().double(), **settings)
    layers = list(net.chunks[0].children())
    starts, _ = stage_boundaries(layers)
    stops = [*starts[1:], len(layers)]
    tiling = Tiling(tuple(Stage(a, b, 16) for a, b in zip(starts, stops, strict=True)))
    results = []
    for net.tiling in (None, tiling):
        for loss in net.style_losses:
            loss.set_targets([torch.empty(0)] * len(loss.terms))
        net.capture_content(image(50, 67, seed=1))
        net.guide_style(masks(50, 67), [1.0, 0.5, 0.25, 2.0], by_cells=True)
        weights = [0.7, 0.3, 0.0, 1.0], [0.3, 0.7, 1.0, 0.0]
        net.capture_style(image(45, 52, seed=2), weights[0], masks(45, 52), by_cells=True)
        net.capture_style(image(38, 61, seed=3), weights[1], [None] * 4, by_cells=True)
        results.append(evaluate(net, image(50, 67, seed=4)))
    (total, gradient), (tiled_total, tiled_gradient) = results
    assert float(tiled_total) == pytest.approx(float(total), rel=1e-12)
    assert (tiled_gradient - gradient).norm() <= 1e-12 * gradient.norm()
