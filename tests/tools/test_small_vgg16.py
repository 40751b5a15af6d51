"""The fit of the embedded network, on a few crops."""

from itertools import pairwise

import pytest
import torch
from samples import DATA
from torch import nn
from torch.nn import functional

import loadcaffe
from tools.small_vgg16.__main__ import convolutions
from tools.small_vgg16.fitting import choose_filters, fit, rectified_least_squares
from tools.small_vgg16.network import SmallVGG
from tools.small_vgg16.writing import write

VGG_FILE = DATA / 'models' / 'mini_vgg19_conv.caffemodel'
LAYERS = ('1_1', '1_2', '2_1')


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def mini_vgg():
    blobs = convolutions(VGG_FILE)
    return {name: blobs[name] for name in LAYERS}


def fitted(ranks, widths, generator):
    torch.manual_seed(0)  # which positions are drawn
    vgg = mini_vgg()
    by_name = (dict(zip(LAYERS, values, strict=True)) for values in (widths, ranks))
    network = SmallVGG(*by_name)
    images = [50 * torch.randn(1, 3, 24, 24, generator=generator) for _ in range(8)]
    network.requires_grad_(False)
    return network, fit(network, vgg, images, positions=300, held_out=2)


def full_widths():
    return [len(weight) for weight, _ in mini_vgg().values()]


def test_fit_at_full_rank_is_the_network_itself(generator):
    channels = [3, *full_widths()]
    ranks = [3 * min(pair) for pair in pairwise(channels)]
    network, errors = fitted(ranks, full_widths(), generator)
    assert max(errors.values()) < 1e-5
    image = 50 * torch.randn(1, 3, 32, 40, generator=generator)
    x = image
    for name, (weight, bias) in mini_vgg().items():
        if name == '2_1':
            x = functional.max_pool2d(x, 2)
        x = functional.conv2d(x, weight, bias, padding=1).relu()
        assert (network(image)[name] - x).norm() < 0.01 * x.norm()


def test_error_grows_as_the_ranks_fall(generator):
    first, second = (
        fitted(ranks, full_widths(), generator)[1]['2_1'] for ranks in ((6, 8, 8), (4, 3, 3))
    )
    assert 0 < first < second


def test_filters_that_repeat_others_are_left_out(generator):
    outputs = torch.randn(1, 4, 30, 30, generator=generator).relu()
    repeated = torch.cat([outputs, outputs[:, 1:2] * 0.5], 1)
    chosen = choose_filters([repeated], torch.ones(5), 4)
    assert chosen.tolist() in ([0, 1, 2, 3], [0, 2, 3, 4])


def test_least_squares_ignore_what_the_relu_hides(generator):
    inputs = torch.randn(400, 3, generator=generator)
    weights = torch.tensor([[1.0], [-2.0], [0.5]])
    response = inputs @ weights + 0.3
    targets = torch.where(response > 0, response, 10 * response)  # the ReLU sees no difference
    solution = rectified_least_squares(inputs, targets)
    plain = torch.linalg.lstsq(torch.cat([inputs, torch.ones(400, 1)], 1), targets).solution
    errors = [((inputs @ x[:3] + x[3]).relu() - targets.relu()).norm() for x in (solution, plain)]
    assert errors[0] < 0.3 * errors[1]


def test_written_network_computes_what_was_fitted(tmp_path, generator):
    network, _ = fitted((6, 8, 8), full_widths(), generator)
    write(network, tmp_path / 'small')
    written = loadcaffe.load(tmp_path / 'small.prototxt', tmp_path / 'small.caffemodel')
    names = [layer.name for layer in written if isinstance(layer, nn.Conv2d)]
    assert names == [f'conv{name}{end}' for name in LAYERS for end in ('_v', '')]
    image = 50 * torch.randn(1, 3, 16, 16, generator=generator)
    expected = network(image)['2_1']
    with torch.no_grad():
        assert (written(image) - expected).norm() < 2e-3 * expected.norm()  # half precision
