"""Mean activations of 1."""

import pytest
import torch
from planned import record_of

import loadcaffe
from neural_style import preprocess
from neural_style.figures.normalization import MEAN, is_normalized, mean_activations, normalize


@pytest.fixture
def network(data):
    models = data / 'models'
    return loadcaffe.load(
        models / 'mini_vgg19_conv.prototxt', models / 'mini_vgg19_conv.caffemodel'
    )


def test_normalizing_brings_means_to_one_value_and_only_scales_the_output(network):
    images = [torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1)).double()]
    x = preprocess(images[0]).float()[None]
    with torch.no_grad():
        before = network(x)
        means = mean_activations(network, images)
        normalize(network, means)
        after = network(x) * (means['conv5_4'] / MEAN)
    assert not is_normalized(means)
    normalized = list(mean_activations(network, images).values())
    assert normalized == pytest.approx([MEAN] * len(normalized), rel=1e-3)
    assert float((after - before).norm() / before.norm()) < 1e-4  # rounding


def test_network_is_normalized_when_it_is_not(command):
    command('2')
    assert record_of('B')['settings']['network']['normalized']
    command('2', '-normalize never')
    assert not record_of('B')['settings']['network']['normalized']
