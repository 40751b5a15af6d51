"""Weights in other containers than a caffemodel, the convolutional part alone, and the command."""

import logging
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from fuzz_loadcaffe import MODELS, damage, outcome, seeds
from samples import DATA, ROOT
from test_loading import blob, layer, names, v2, write
from test_networks import DEPLOY, FIRE, conv, image, load_net, step

import loadcaffe
from loadcaffe import __main__ as command
from loadcaffe.formats import hdf5

VGG = DATA / 'models' / 'mini_vgg19.caffemodel'


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.ERROR, logger='loadcaffe')


@pytest.fixture(scope='module')
def vgg():
    logging.getLogger('loadcaffe').setLevel(logging.ERROR)
    return loadcaffe.load('no', VGG)


def same(one, other, count=None):
    """Whether two networks are equal in names, kinds and weights, up to a number of layers."""
    one, other = list(one)[:count], list(other)[:count]
    return (
        names(one) == names(other)
        and list(map(repr, one)) == list(map(repr, other))
        and all(
            torch.equal(a, b)
            for x, y in zip(one, other, strict=True)
            for a, b in zip(x.parameters(), y.parameters(), strict=True)
        )
    )


# HDF5


def hdf5_file(path, kind='<f4', **file):
    h5py = pytest.importorskip('h5py')
    with h5py.File(path, 'w', **file) as content:
        for number in range(20):  # more than one node of the B-tree holds
            content.create_group(f'data/relu{number}')
        weight = np.arange(12, dtype=kind).reshape(4, 3, 1, 1)
        content.create_dataset('data/conv1/0', data=weight)
        content.create_dataset('data/conv1/1', data=np.arange(4, dtype=kind))
        content.create_dataset('data/fire2/squeeze/0', data=weight)
    return path


@pytest.mark.parametrize('kind', ['<f4', '>f4', '<f8', '<f2'])
@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_weights_go_to_the_layers_of_the_prototxt(tmp_path, kind, libver):
    model = hdf5_file(tmp_path / 'net.caffemodel.h5', kind, libver=libver)
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', model)
    assert names(network) == ['conv1', 'prob']
    assert network.conv1.weight.flatten().tolist() == list(range(12))
    assert network.conv1.bias.tolist() == [0, 1, 2, 3]


def test_hdf5_reads_layers_whose_names_have_slashes(tmp_path):
    found = hdf5.read_hdf5(hdf5_file(tmp_path / 'net.h5')).layers
    assert {one.name for one in found if one.blobs} == {'conv1', 'fire2/squeeze'}


def test_hdf5_needs_a_prototxt(tmp_path):
    model = hdf5_file(tmp_path / 'net.h5')
    with pytest.raises(loadcaffe.CaffeFormatError, match=r'net\.h5: .*name the deploy prototxt'):
        loadcaffe.load(tmp_path / 'none.prototxt', model)


@pytest.mark.parametrize('how', [{'chunks': (2, 1)}, {'compression': 'gzip'}])
@pytest.mark.parametrize('libver', ['earliest', 'latest'])
def test_hdf5_refuses_what_caffe_does_not_write(tmp_path, how, libver):
    h5py = pytest.importorskip('h5py')
    with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
        file.create_dataset('data/conv1/0', data=np.zeros((40, 30), 'f4'), **how)
    try:
        (found,) = hdf5.read_hdf5(tmp_path / 'net.h5').layers
    except loadcaffe.CaffeFormatError as error:
        assert 'net.h5' in str(error)
    else:
        assert found.blobs[0].shape == (40, 30)


def test_hdf5_follows_no_link_out_of_the_file(tmp_path):
    h5py = pytest.importorskip('h5py')
    hdf5_file(tmp_path / 'other.h5')
    for libver in ('earliest', 'latest'):
        with h5py.File(tmp_path / 'net.h5', 'w', libver=libver) as file:
            file['data'] = h5py.ExternalLink('other.h5', '/data')
        with pytest.raises(loadcaffe.CaffeFormatError, match='net.h5'):
            hdf5.read_hdf5(tmp_path / 'net.h5')


# MatConvNet


def cell(values):
    array = np.empty((1, len(values)), object)
    for number, value in enumerate(values):
        array[0, number] = value
    return array


def matconvnet(network):
    """A chain of torch's modules as MatConvNet keeps it."""
    layers = []
    for module in network:
        one = {'name': module.name}
        if isinstance(module, torch.nn.Conv2d):
            weight = module.weight.numpy()
            weight = weight[:, ::-1] if weight.shape[1] == 3 else weight  # RGB
            pair = cell([weight.transpose(2, 3, 1, 0), module.bias.numpy()[:, None]])
            one |= {'type': 'conv', 'weights': pair, 'pad': np.ones((1, 4)), 'stride': 1.0}
        elif isinstance(module, torch.nn.ReLU):
            one |= {'type': 'relu'}
        else:
            pair = np.full((1, 2), 2.0)
            one |= {'type': 'pool', 'method': 'max', 'pool': pair, 'stride': pair, 'pad': 0.0}
        layers.append(one)
    return {'layers': cell(layers), 'meta': {'normalization': {'imageSize': np.ones(3)}}}


@pytest.mark.parametrize('packed', [False, True])
def test_mat_gives_the_network_of_the_caffemodel(tmp_path, vgg, packed):
    io = pytest.importorskip('scipy.io')
    io.savemat(tmp_path / 'vgg.mat', matconvnet(vgg[:37]), do_compression=packed)
    for prototxt in ('no', DATA / 'models' / 'mini_vgg19.prototxt'):
        assert same(loadcaffe.load(prototxt, tmp_path / 'vgg.mat'), vgg[:37])


def test_mat_reads_what_scipy_reads(tmp_path):
    io = pytest.importorskip('scipy.io')
    given = {'a': np.arange(6.0).reshape(2, 3), 's': 'text', 'c': cell([1, 'x']), 'n': {'k': 2.5}}
    io.savemat(tmp_path / 'x.mat', given)
    from loadcaffe.formats.matlab import read_mat

    found = read_mat(tmp_path / 'x.mat')
    assert np.array_equal(found['a'], given['a'])
    assert (found['s'], found['c'][1], found['n']['k'].item()) == ('text', 'x', 2.5)


def test_mat_takes_no_memory_for_what_is_not_there(tmp_path):
    io = pytest.importorskip('scipy.io')
    bomb = {'layers': cell([{'name': 'x', 'type': 'conv', 'weights': np.zeros((3000, 3000))}])}
    io.savemat(tmp_path / 'bomb.mat', bomb, do_compression=True)
    assert (tmp_path / 'bomb.mat').stat().st_size < 100_000
    with pytest.raises(loadcaffe.CaffeFormatError, match='bomb.mat: .*claimed'):
        loadcaffe.load('no', tmp_path / 'bomb.mat')


@pytest.mark.parametrize(
    'given, words',
    [
        ({'x': 1.0}, 'no cell of layers'),
        ({'layers': cell([{'name': 'a', 'type': 'custom'}])}, "type 'custom'"),
        ({'layers': cell([{'name': 'a', 'type': 'conv'}])}, 'is not as MatConvNet'),
        ({'layers': cell([{'name': 'a', 'type': 'pool', 'method': 'sum'}])}, "pools by 'sum'"),
    ],
)
def test_mat_refuses_other_networks(tmp_path, given, words):
    io = pytest.importorskip('scipy.io')
    io.savemat(tmp_path / 'x.mat', given)
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'x.mat: .*{words}'):
        loadcaffe.load('no', tmp_path / 'x.mat')


# PyTorch


def state_dict(network):
    """Names as in jcjohnson's vgg19-d01eb7cb.pth."""
    convolutions = [one for one in network if isinstance(one, torch.nn.Conv2d)]
    linear = [one for one in network if isinstance(one, torch.nn.Linear)]
    found = {f'features.{2 * i}': one for i, one in enumerate(convolutions)}
    found |= {f'classifier.{3 * i}': one for i, one in enumerate(linear)}
    return {f'{n}.{k}': v.data for n, one in found.items() for k, v in one.named_parameters()}


@pytest.mark.parametrize('new', [True, False])
def test_pth_gives_the_network_of_the_caffemodel(tmp_path, vgg, new):
    torch.save(state_dict(vgg), tmp_path / 'vgg.pth', _use_new_zipfile_serialization=new)
    assert same(loadcaffe.load('no', tmp_path / 'vgg.pth'), vgg)


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


def test_pth_by_layer_name_goes_to_the_prototxt(tmp_path):
    tensors = {'conv1.weight': torch.ones(4, 3, 1, 1), 'conv1.bias': torch.ones(4).half()}
    torch.save(tensors, tmp_path / 'net.pth')
    (tmp_path / 'net.prototxt').write_text(DEPLOY % 4)
    network = loadcaffe.load(tmp_path / 'net.prototxt', tmp_path / 'net.pth')
    assert network.conv1.bias.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    'content, words',
    [
        ({}, 'not a state dict'),
        ([1], 'not a state dict'),
        ({'a': 1}, 'not a state dict'),
        ({'weight': torch.ones(1)}, 'is not a tensor LAYER.weight'),
        ({'a.bias': torch.ones(1)}, 'lacks one of its tensors'),
        ({'features.0.weight': torch.ones(1)}, 'not VGG-16 or VGG-19'),
        ({'a.weight': torch.ones(1).expand(10**9)}, 'claims more values'),
    ],
)
def test_pth_refuses_what_is_no_state_dict(tmp_path, content, words):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(loadcaffe.CaffeFormatError, match=f'x.pth: .*{words}'):
        loadcaffe.load('no', tmp_path / 'x.pth')


# The convolutional part


def run(*arguments):
    return command.main(list(map(str, arguments)))


@pytest.mark.parametrize('flag', ['--to', '--conv-only'])
@pytest.mark.parametrize('suffix', ['safetensors', 'caffemodel'])
def test_command_writes_the_convolutional_part(tmp_path, vgg, capsys, flag, suffix):
    out = tmp_path / f'conv.{suffix}'
    assert run('no', VGG, flag, out) == 0
    assert out.stat().st_size < 0.8 * VGG.stat().st_size
    assert f'{out}: 1.3 MB' in capsys.readouterr().out
    assert same(loadcaffe.load('no', out), vgg[:37])
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_convolutional_part_prints_the_lines_of_the_original(tmp_path, caplog):
    assert run('no', VGG, '--to', tmp_path / 'conv.safetensors') == 0
    caplog.set_level(logging.INFO, logger='loadcaffe')
    loadcaffe.load('no', VGG)
    loadcaffe.load('no', tmp_path / 'conv.safetensors')
    lines = [one.getMessage() for one in caplog.records if one.levelno == logging.INFO]
    assert lines[1:17] == lines[-16:]


@pytest.mark.parametrize('suffix', ['safetensors', 'caffemodel'])
def test_convolutional_part_of_a_branched_network(tmp_path, suffix):
    blobs = [blob(2, 11), blob(2)]
    fc = step('InnerProduct', 'mean', 'fc', blobs, inner_product_param={'num_output': 2})
    pool = step('Pooling', 'both', 'mean', pooling_param={'pool': 1, 'global_pooling': True})
    whole = load_net(tmp_path, *FIRE, pool, fc, step('Softmax', 'fc', 'prob'))
    out = tmp_path / f'conv.{suffix}'
    assert run('no', tmp_path / 'net.caffemodel', '--conv-only', out) == 0
    part = loadcaffe.load('no', out)
    assert names(part) == ['squeeze', 'left', 'right', 'both', 'mean']
    given = image(1, 3, 4, 4)
    assert torch.equal(part(given), whole[:5](given))


def test_convolutional_part_keeps_squeeze_and_excitation(tmp_path):
    squeeze = step('InnerProduct', 'mean', 'fc', [blob(4, 4)], inner_product_param={
        'num_output': 4, 'bias_term': False})  # fmt: skip
    load_net(
        tmp_path,
        conv('data', 'a', 3, 4),
        step('Pooling', 'a', 'mean', pooling_param={'pool': 1, 'global_pooling': True}),
        squeeze,
        step('Axpy', 'fc a a', 'b'),
        conv('b', 'c', 4, 5),
        step('InnerProduct', 'c', 'end', [blob(2, 5), blob(2)]),
    )
    out = tmp_path / 'conv.caffemodel'
    assert run('no', tmp_path / 'net.caffemodel', '--to', out, '--input', '1x3x1x1') == 0
    assert names(loadcaffe.load('no', out)) == ['a', 'mean', 'fc', 'b', 'c']


def test_command_shows_a_table(capsys):
    prototxt = DATA / 'models' / 'mini_vgg19.prototxt'
    assert run(prototxt, VGG, '--input', '64x32', '--net', 'caffemodel') == 1  # fc6 wants 224 x 224
    assert "layer 'fc6' cannot take 1 x 128" in capsys.readouterr().err
    assert run(prototxt, VGG) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0] == 'mini_VGG19: input 1 x 3 x 224 x 224'
    rows = {line.split()[0]: line.split() for line in table[2:]}
    pool5 = rows['pool5']
    assert pool5[1:9] == ['Pooling', '1', 'x', '64', 'x', '7', 'x', '7']
    assert pool5[-5:-2] == ['268', 'x', '268']  # of VGG-19's last pooling
    assert rows['fc6'][-3] == 'all'
    assert table[-1] == '46 layers, 415,442 parameters (1.7 MB), outputs 15.6 MB'


def test_receptive_field_is_what_a_gradient_reaches(tmp_path):
    from loadcaffe.table import rows

    layers = [
        conv('data', 'a', 1, 1, 3, stride=[2]),
        step('Pooling', 'a', 'p', pooling_param={'kernel_size': 2, 'stride': 2}),
        conv('p', 'b', 1, 1, 3, dilation=[2]),
        conv('p', 'c', 1, 1, 5),
        step('Pooling', 'b', 'q', pooling_param={'kernel_size': 1}),
        step('Crop', 'q c', 'd'),
        step('Concat', 'd c', 'e'),
    ]
    network = load_net(tmp_path, *layers)
    given = torch.zeros(1, 1, 99, 99, requires_grad=True)
    output = torch.nn.Sequential(network.a, torch.nn.AvgPool2d(2, 2), network.b)(given)
    (gradient,) = torch.autograd.grad(output[0, 0, 5, 5], given)
    reached = gradient[0, 0].nonzero()
    size = (reached.max(0).values - reached.min(0).values + 1).tolist()
    found = {row.name: row.receptive_field for row in rows(network, (1, 1, 99, 99))}
    assert found['b'] == found['e'] == tuple(size) == (21, 21)


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['no', 'nowhere.caffemodel'], 'nowhere.caffemodel: No such file'),
        (['no', VGG, '--input', '0x4'], '--input 0x4'),
        (['no', VGG, '--to', 'x.npz'], 'x.npz: name a .safetensors or .caffemodel'),
        (['no', VGG, '--to', VGG], 'this is the model that is read'),
        (['no', VGG, '--net', 'prototxt'], 'no: No such file'),
    ],
)
def test_command_refuses_in_a_line(capsys, arguments, words):
    assert run(*arguments) == 1
    error = capsys.readouterr().err
    assert words in error.splitlines()[-1] and 'Traceback' not in error


def test_command_runs_as_a_module():
    model = DATA / 'models' / 'mini_vgg19_conv.caffemodel'
    call = [sys.executable, '-m', 'loadcaffe', 'no', str(model)]
    done = subprocess.run(
        [*call, '--input', '48x32'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 'conv1_1' in done.stdout and 'no is not used' in done.stderr


# Damage


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    pytest.importorskip('h5py')
    pytest.importorskip('scipy')
    return seeds(tmp_path_factory.mktemp('seeds'))


def test_seeds_of_the_fuzz_load(files):
    assert {outcome(path, MODELS / 'no' if p is None else p) for path, p in files[6:]} == {'loaded'}


def test_damaged_files_are_refused_or_load(files, tmp_path):
    random = np.random.default_rng(20170415)
    found = {'loaded': 0, 'refused': 0}
    for number in range(1200):
        path, prototxt = files[number % len(files)]
        mutant = tmp_path / path.name
        mutant.write_bytes(damage(path.read_bytes(), random))
        found[outcome(mutant, prototxt)] += 1
    assert found['refused'] > 500


def test_truncated_files_are_refused(files, tmp_path):
    for path, prototxt in files:
        if path.suffix == '.prototxt':
            continue  # cut between two layers, it is a prototxt still
        content = path.read_bytes()
        for part in range(64):
            mutant = tmp_path / path.name
            mutant.write_bytes(content[: len(content) * part // 64])
            assert outcome(mutant, prototxt) == 'refused', f'{path.name} at {part} / 64'


def test_network_of_many_layers_loads_quickly(tmp_path):
    layers = [layer('AbsVal', name=f'a{i}', bottom=['a'], top=['a']) for i in range(3000)]
    write(tmp_path / 'net.caffemodel', v2(*layers))
    assert len(loadcaffe.load('no', tmp_path / 'net.caffemodel')) == 3000
