"""Weights in PyTorch's .pth."""

import pickle

import pytest
import torch
from caffe_networks import DEPLOY, VGG, same_networks
from safetensors.torch import save_file

import loadcaffe
from loadcaffe.formats.detection import read_model


@pytest.fixture(scope='module')
def vgg():
    return loadcaffe.load('no', VGG)


def state_dict(network):
    """Return the weights under the names of jcjohnson's vgg19-d01eb7cb.pth."""
    convolutions = [module for module in network if isinstance(module, torch.nn.Conv2d)]
    linear = [module for module in network if isinstance(module, torch.nn.Linear)]
    modules = {f'features.{2 * i}': module for i, module in enumerate(convolutions)}
    modules |= {f'classifier.{3 * i}': module for i, module in enumerate(linear)}
    return {
        f'{n}.{k}': v.data for n, module in modules.items() for k, v in module.named_parameters()
    }


@pytest.mark.parametrize('new', [True, False])
def test_pth_loads_the_network_of_the_caffemodel(tmp_path, vgg, new):
    torch.save(state_dict(vgg), tmp_path / 'vgg.pth', _use_new_zipfile_serialization=new)
    assert same_networks(loadcaffe.load('no', tmp_path / 'vgg.pth'), vgg)


def test_pth_of_torchvision_is_refused(tmp_path, vgg):
    tensors = state_dict(vgg)
    tensors['features.0.weight'] = tensors['features.0.weight'].clone()
    tensors['features.0.weight'].flatten()[:3] = torch.tensor([-0.0534743, -0.0492574, -0.0679423])
    torch.save(tensors, tmp_path / 'vgg.pth')
    with pytest.raises(loadcaffe.CaffeFormatError, match="vgg.pth: these are torchvision's"):
        loadcaffe.load('no', tmp_path / 'vgg.pth')


class Harmful:
    def __reduce__(self):
        return (print, ('executed',))


class Greedy:
    def __reduce__(self):
        return (bytearray, (1 << 40,))


@pytest.mark.parametrize('new', [True, False])
def test_pth_executes_nothing(tmp_path, capsys, new):
    path = tmp_path / 'bad.pth'
    torch.save({'x': Harmful()}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(loadcaffe.CaffeFormatError, match='bad.pth'):
        loadcaffe.load('no', path)
    torch.save({'x': Greedy()}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(loadcaffe.CaffeFormatError, match='bad.pth: .*names .*bytearray'):
        loadcaffe.load('no', path)
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(loadcaffe.CaffeFormatError, match='bad.pth'):
        loadcaffe.load('no', path)
    assert capsys.readouterr().out == ''


def test_pth_weights_go_to_the_layers_of_the_prototxt(tmp_path):
    tensors = {'conv1.weight': torch.ones(4, 3, 1, 1), 'conv1.bias': torch.ones(4).half()}
    torch.save(tensors, tmp_path / 'net.pth')
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', tmp_path / 'net.pth')
    assert network.conv1.bias.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    'content, problem',
    [
        ({}, 'not a state dict'),
        ([1], 'not a state dict'),
        ({'a': 1}, 'not a state dict'),
        ({'weight': torch.ones(1)}, 'is not a tensor LAYER.weight'),
        ({'a.bias': torch.ones(1)}, 'lacks one of its tensors'),
        ({'features.0.weight': torch.ones(1)}, 'not VGG-16 or VGG-19'),
        ({'a.weight': torch.ones(1).expand(10**9)}, 'claims more values'),
        ({'a.weight': torch.ones(1, dtype=torch.complex64)}, 'not a state dict'),
        ({'a.²': torch.ones(1)}, 'is not a tensor LAYER.weight'),
    ],
)
def test_pth_without_a_state_dict_is_refused(tmp_path, content, problem):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'x.pth: .*{problem}'):
        loadcaffe.load('no', tmp_path / 'x.pth')


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64, torch.bool])
def test_tensors_that_are_no_floats_are_refused(tmp_path, dtype):
    tensors = {'conv1.weight': torch.ones(4, 3, 1, 1).to(dtype)}
    torch.save(tensors, tmp_path / 'net.pth')
    save_file(tensors, tmp_path / 'net.safetensors')
    for name in ('net.pth', 'net.safetensors'):
        with pytest.raises(
            loadcaffe.CaffeFormatError, match=rf"{name}: 'conv1.weight' .*no floats"
        ):
            read_model(tmp_path / name)
