"""The training of the embedded network, on a few crops."""

import pytest
import torch
from samples import DATA, ROOT
from torch import nn

import loadcaffe
from tools.small_vgg19.__main__ import main as train
from tools.small_vgg19.network import WIDTHS
from tools.small_vgg19.teachers import VGG, Teachers

VGG_FILE = DATA / 'models' / 'mini_vgg19_conv.caffemodel'


@pytest.mark.slow
def test_training_writes_a_network_that_loads(tmp_path):
    stem = tmp_path / 'small'
    flags = ['--vgg', VGG_FILE, '--pictures', ROOT / 'examples' / 'inputs', '--output', stem]
    flags += ['--pool', '10', '--layer_steps', '1', '--steps', '2', '--threads', '1', '--fp32']
    assert train([*map(str, flags)]) == 0
    network = loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel')
    convolutions = {n.name: n for n in network if isinstance(n, nn.Conv2d)}
    assert [n.out_channels for n in convolutions.values()] == list(WIDTHS.values())
    assert list(convolutions) == [f'conv{name}' for name in WIDTHS]
    assert all(n.weight.isfinite().all() for n in convolutions.values())


def test_a_teacher_says_what_the_network_computes():
    image = torch.randn(1, 3, 48, 32, generator=torch.Generator().manual_seed(0)) * 50
    features = VGG(VGG_FILE)(image)
    network = loadcaffe.load(VGG_FILE.with_suffix('.prototxt'), VGG_FILE)
    assert list(features)[-1] == '5_1'
    for layer in network:
        image = layer(image)
        if layer.name.startswith('conv') and layer.name[4:] in features:
            assert torch.allclose(image[0], features[layer.name[4:]], rtol=1e-4, atol=1e-4)
            image = image.clone()  # the ReLU works in place


def test_a_layer_without_a_teacher_is_named():
    teachers = Teachers(VGG(VGG_FILE, last='4_4'))
    with pytest.raises(ValueError, match='no teacher for conv5_1: give --squeezenet'):
        teachers.check(WIDTHS)
