"""torch7/nn.py against print(net) of Torch7."""

import re
from itertools import pairwise

import pytest
import torch
from torch import nn

from neural_style.torch7.nn import GPU, Dropout, describe
from neural_style.torch7.random import Generator


class TVLoss(nn.Identity):
    pass


class ContentLoss(nn.Identity):
    pass


class StyleLoss(nn.Identity):
    pass


def generator(seed=1):
    generator = Generator()
    generator.manual_seed(seed)
    return generator


def lenet_v1():
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.LocalResponseNorm(5),
        nn.Conv2d(6, 8, (3, 5), stride=(1, 2), padding=(1, 2)),
        nn.Tanh(),
        nn.AvgPool2d(2, 2, padding=1, ceil_mode=True),
        nn.Sigmoid(),
        nn.Flatten(0),
        nn.Linear(224, 20),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(20, 10),
        nn.Softmax(0),
    )


def lenet_v2():
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.LocalResponseNorm(5),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d((2, 2), (2, 2), ceil_mode=True),
        nn.Sigmoid(),
        nn.Flatten(0),
        nn.Linear(128, 20),
        nn.ReLU(),
        Dropout(0.5, generator()),
        nn.Linear(20, 10),
    )


def mini_vgg19():
    layers = []
    widths = [3, 8, 8, 'M', 16, 16, 'M', *[32] * 4, 'M', *[64] * 4, 'M', *[64] * 4, 'M']
    for before, width in pairwise([None, *widths]):
        if width == 'M':
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        elif before is not None:
            planes = layers[-3].out_channels if before == 'M' else before
            layers += [nn.Conv2d(planes, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


@pytest.mark.parametrize(
    'name, network',
    [
        ('lenet_v1', lenet_v1),
        ('lenet_v2', lenet_v2),
        ('lenet_v2_legacyblobs', lenet_v2),
        ('mini_vgg19_conv', mini_vgg19),
    ],
)
def test_describe_equals_the_recorded_print(golden, name, network):
    recorded = (golden / 'unit' / 'loadcaffe' / f'{name}.print_net.txt').read_text()
    assert describe(network()) + '\n' == recorded


@pytest.mark.parametrize('run', ['lbfgs_random_s123', 'tv0', 'pool_avg_odd'])
def test_describe_equals_the_recorded_print_with_losses(golden, run):
    stdout = (golden / 'runs' / run / 'stdout.txt').read_text()
    recorded = re.search(r'^nn\.Sequential \{.*?^\}$', stdout, re.DOTALL | re.MULTILINE)[0]
    layers = [] if run == 'tv0' else [TVLoss()]
    setup = {
        int(i): loss_type for loss_type, i in re.findall(r'Setting up (\w+) layer *\t(\d+)', stdout)
    }
    for i, layer in enumerate(mini_vgg19(), 1):
        if i > max(setup):
            break
        if isinstance(layer, nn.MaxPool2d) and run == 'pool_avg_odd':
            layer = nn.AvgPool2d(2, 2)
        layers.append(layer)
        if i in setup:
            layers.append({'content': ContentLoss, 'style': StyleLoss}[setup[i]]())
    assert describe(nn.Sequential(*layers)) == recorded


def test_describe_names_layers_as_torch7_does():
    network = nn.Sequential(TVLoss(), nn.Conv2d(3, 8, (3, 5), stride=(1, 2), bias=False), nn.ReLU())
    assert describe(network) == (
        'nn.Sequential {\n'
        '  [input -> (1) -> (2) -> (3) -> output]\n'
        '  (1): nn.TVLoss\n'
        '  (2): nn.SpatialConvolution(3 -> 8, 5x3, 2,1) without bias\n'
        '  (3): nn.ReLU\n'
        '}'
    )


@pytest.mark.parametrize(
    'module, line',
    [
        (nn.Conv2d(3, 6, 5), 'nn.SpatialConvolution(3 -> 6, 5x5)'),
        (nn.Conv2d(3, 6, 5, padding=(0, 1)), 'nn.SpatialConvolution(3 -> 6, 5x5, 1,1, 1,0)'),
        (nn.Conv2d(3, 6, 5, stride=2), 'nn.SpatialConvolution(3 -> 6, 5x5, 2,2)'),
        (nn.MaxPool2d((3, 2), (2, 1)), 'nn.SpatialMaxPooling(2x3, 1,2)'),
        (nn.AvgPool2d(3, 2, padding=1), 'nn.SpatialAveragePooling(3x3, 2,2, 1,1)'),
        (nn.AvgPool2d(2), 'nn.SpatialAveragePooling(2x2, 2,2)'),
        (nn.Linear(4, 2), 'nn.Linear(4 -> 2)'),
        (nn.Linear(4, 2, bias=False), 'nn.Linear(4 -> 2) without bias'),
        (nn.Dropout(0.25), 'nn.Dropout(0.250000)'),
        (nn.Flatten(), 'nn.View(-1)'),
        (nn.LocalResponseNorm(5), 'nn.SpatialCrossMapLRN'),
        (nn.Softmax(0), 'nn.SoftMax'),
        (StyleLoss(), 'nn.StyleLoss'),
        (nn.Sequential(), 'nn.Sequential {\n  [input -> output]\n}'),
    ],
)
def test_describe_writes_a_single_module(module, line):
    assert describe(module) == line


def test_describe_names_layers_that_loadcaffe_takes_from_cudnn():
    lines = describe(
        lenet_v1().extend([nn.AvgPool2d(2), StyleLoss()]), backend='cudnn'
    ).splitlines()
    packages = [line.split('): ')[1].split('(')[0] for line in lines[2:-1]]
    assert packages == [
        'cudnn.SpatialConvolution',
        'cudnn.SpatialMaxPooling',
        'cudnn.SpatialCrossMapLRN',
        'cudnn.SpatialConvolution',
        'cudnn.Tanh',
        'cudnn.SpatialAveragePooling',
        'cudnn.Sigmoid',
        'nn.View',
        'nn.Linear',
        'cudnn.ReLU',
        'nn.Dropout',
        'nn.Linear',
        'cudnn.SoftMax',
        'nn.SpatialAveragePooling',
        'nn.StyleLoss',
    ]


def test_describe_nests_the_chunks_of_two_gpus():
    network = nn.Sequential(
        GPU(1, nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())),
        GPU(2, nn.Sequential(StyleLoss())),
    )
    assert describe(network, backend='cudnn') == (
        'nn.Sequential {\n'
        '  [input -> (1) -> (2) -> output]\n'
        '  (1): nn.GPU(1) @ nn.Sequential {\n'
        '    [input -> (1) -> (2) -> output]\n'
        '    (1): cudnn.SpatialConvolution(3 -> 8, 3x3, 1,1, 1,1)\n'
        '    (2): cudnn.ReLU\n'
        '  }\n'
        '  (2): nn.GPU(2) @ nn.Sequential {\n'
        '    [input -> (1) -> output]\n'
        '    (1): nn.StyleLoss\n'
        '  }\n'
        '}'
    )


@pytest.mark.parametrize('p', [0.25, 0.5])
def test_dropout_draws_a_mask_in_element_order(p):
    layer = Dropout(p, generator())
    layer.eval()  # makes no difference, as the original never asks for it
    kept = torch.from_numpy(generator().uniform(48) <= 1 - p).view(2, 24)
    expected = torch.where(kept, torch.tensor(1.0) / torch.tensor(1 - p), torch.tensor(0.0))
    values = torch.linspace(-3, 5, 24)
    for mask in expected:  # one mask after the other
        assert torch.equal(layer(values.view(2, 3, 4)), (values * mask).view(2, 3, 4))


def test_dropout_masks_the_gradient_too():
    layer = Dropout(0.5, generator())
    values = torch.ones(50, requires_grad=True)
    output = layer(values)
    output.sum().backward()
    assert torch.equal(values.grad, output.detach())
    assert set(values.grad.tolist()) == {0, 2}


def test_dropout_of_zero_draws_nothing():
    used = generator()
    values = torch.randn(7)
    assert torch.equal(Dropout(0, used)(values), values)
    assert torch.equal(used.randn(3), generator().randn(3))


@pytest.mark.parametrize('p', [1, -0.1])
def test_dropout_refuses_an_illegal_share(p):
    with pytest.raises(ValueError, match='dropout'):
        Dropout(p, generator())
