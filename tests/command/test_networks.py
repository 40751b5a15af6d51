"""The network of a run: as named, or the embedded one."""

import os
import shutil

import pytest
from caffe_networks import blob, conv, step, v2_net, write_message
from samples import without_location

from neural_style.command import networks, places
from neural_style.command.networks import (
    VGG16,
    embedded_network,
    find_network,
    load_network,
)
from neural_style.command.parsing import parse_arguments
from neural_style.command.process import main
from neural_style.transfer.multiscale import SAFE_MAX_STEP

VGG19 = 'models/VGG_ILSVRC_19_layers'


def test_first_existing_model_file_is_taken(tmp_path):
    existing = tmp_path / 'a.caffemodel'
    existing.touch()
    assert find_network('p', [str(existing)]) == ('p', str(existing), '')
    proto_file, model_file, remark = find_network('p', ['missing', str(existing)])
    assert (proto_file, model_file) == ('p', str(existing))
    assert remark == f'there is no missing: using {existing}'


def test_embedded_network_stands_in_for_a_missing_one():
    proto_file, model_file, remark = find_network('p', ['missing'])
    assert (proto_file, model_file) == embedded_network()
    assert remark.startswith('there is no missing') and 'small embedded network' in remark
    assert len(load_network(proto_file, model_file)) > 20


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, data):
    """Change to a folder without networks; returns one that is searched as well, with images."""
    folder = tmp_path / 'else where'
    (folder / 'models').mkdir(parents=True)
    (folder / 'examples').mkdir()
    (folder / 'examples' / 'inputs').symlink_to(data / 'inputs')
    (tmp_path / 'photographs').mkdir()
    monkeypatch.chdir(tmp_path / 'photographs')
    monkeypatch.setattr(places, 'folders', lambda: ['', str(folder)])
    return folder


def put_network(data, stem):
    """Put a small network under the name of another."""
    shutil.copy(data / 'models' / 'mini_vgg19_conv.caffemodel', f'{stem}.caffemodel')
    proto_file = f'{str(stem).removesuffix("_deploy")}_deploy.prototxt'
    shutil.copy(data / 'models' / 'mini_vgg19_conv.prototxt', proto_file)


SMALL_RUN = '-gpu -1 -image_size 32 -num_iterations 1 -seed 1'.split()


def run_small(data, *flags):
    images = ['-content_image', data / 'inputs' / 'scene.jpg']
    images += ['-style_image', data / 'inputs' / 'strokes.jpg']
    return main([*SMALL_RUN, *map(str, images), *flags])


def test_network_in_another_place_is_used_and_a_line_says_so(elsewhere, data, capsys):
    put_network(data, elsewhere / VGG19)
    assert run_small(data) == 0
    captured = capsys.readouterr()
    located = f'{elsewhere}/{VGG19}.caffemodel'
    remark = f'there is no {VGG19}.caffemodel in the current folder: using {located}'
    assert without_location(captured.err) == f'neural_style: {remark}\n'
    assert captured.out.startswith(f'Successfully loaded {located}\n')


def test_network_in_the_current_folder_comes_first_without_a_line(elsewhere, data, capsys):
    os.mkdir('models')
    for folder in (elsewhere, '.'):
        put_network(data, f'{folder}/{VGG19}')
    assert run_small(data) == 0
    captured = capsys.readouterr()
    assert without_location(captured.err) == ''
    assert captured.out.startswith(f'Successfully loaded {VGG19}.caffemodel\n')


@pytest.mark.parametrize('model_file', VGG16)
def test_vgg_16_stands_in_for_vgg_19_with_its_own_prototxt(elsewhere, data, capsys, model_file):
    put_network(data, f'{elsewhere}/{model_file}'.removesuffix('.caffemodel'))
    assert run_small(data) == 0
    captured = capsys.readouterr()
    (line,) = without_location(captured.err).splitlines()
    remark = f'there is no {VGG19}.caffemodel: using {elsewhere}/{model_file}'
    assert line == f'neural_style: {remark}'
    proto_file = f'{VGG19}_deploy.prototxt'
    expected = f'{elsewhere}/{model_file}'.replace('.caffemodel', '_deploy.prototxt')
    assert find_network(proto_file, [f'{VGG19}.caffemodel'])[0] == expected
    assert find_network('other', [f'{VGG19}.caffemodel'])[0] == 'other'


def test_vgg_19_anywhere_comes_before_vgg_16_in_the_current_folder(elsewhere, data):
    os.mkdir('models')
    put_network(data, VGG16[0].removesuffix('.caffemodel'))
    put_network(data, elsewhere / VGG19)
    assert find_network('p', [f'{VGG19}.caffemodel'])[1] == f'{elsewhere}/{VGG19}.caffemodel'


def test_missing_network_is_named_with_every_place_that_was_searched(elsewhere, data, capsys):
    assert run_small(data) == 0
    (line,) = without_location(capsys.readouterr().err).splitlines()
    assert f'{VGG19}.caffemodel in the current folder or in {elsewhere} (' in line
    assert run_small(data, '-model_file', 'models/other.caffemodel') == 1
    problem = f'models/other.caffemodel: no such file in the current folder or in {elsewhere} ('
    assert problem in capsys.readouterr().err


def test_named_network_of_models_is_found_in_another_place(elsewhere, data, capsys):
    put_network(data, elsewhere / 'models' / 'other')
    assert run_small(data, '-model_file', 'models/other.caffemodel') == 0
    err = capsys.readouterr().err
    assert f'there is no models/other.caffemodel in the current folder: using {elsewhere}/' in err
    assert run_small(data, '-model_file', 'other.caffemodel') == 1
    assert '-model_file other.caffemodel: no such file (' in capsys.readouterr().err


def test_run_with_a_network_in_another_place_is_resumed_and_repeated(elsewhere, data, capsys):
    put_network(data, elsewhere / VGG19)
    flags = '-num_iterations 2 -checkpoint state -checkpoint_iter 1'.split()
    assert run_small(data, *flags) == 0
    assert main(['-resume', 'state', '-num_iterations', '3']) == 0
    for name in ('scene.jpg', 'strokes.jpg'):
        shutil.copy(data / 'inputs' / name, '.')
    assert main(['-rerun', 'out.png']) == 0


def test_remedy_is_the_command_of_the_installation(monkeypatch):
    assert networks.remedy().endswith('models/download_models.sh fetches VGG-19')
    monkeypatch.setattr(places, 'checkout', lambda: '')
    assert networks.remedy() == 'neural_style-download fetches VGG-19'


@pytest.mark.parametrize(
    ('content', 'message'), [(None, 'no such file'), (b'text', '-model_file: ')]
)
def test_bad_model_file_is_named_with_the_remedy(tmp_path, content, message):
    path = tmp_path / 'bad.caffemodel'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        (OSError, ValueError), match='models/download_models.sh fetches VGG-19'
    ) as error:
        load_network('no.prototxt', str(path))
    assert message in str(error.value)


def test_layers_that_no_loss_needs_may_be_unreadable(command, tmp_path, capsys):
    trunk = [conv('data', 'conv1', 3, 4, 3, pad=[1]), step('ReLU', 'conv1', 'conv1', name='relu1')]
    head = [
        step('Attention', 'conv1', 'attention', [blob(4)]),
        conv('attention', 'conv2', 4, 5),
        step('ReLU', 'conv2', 'conv2', name='relu2'),
    ]
    model = write_message(tmp_path / 'net.caffemodel', v2_net(*trunk, *head))
    flags = f'-model_file {model} -style_layers relu1 -content_layers'
    assert command(f'{flags} relu1') == 0
    assert (tmp_path / 'out.png').exists()
    assert "left out: 'attention', 'conv2', 'relu2': layer 'attention'" in capsys.readouterr().err
    assert command(f'{flags} relu2') != 0
    assert "'attention' has the type 'Attention'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('flags', 'limit'),
    [
        ([], SAFE_MAX_STEP),
        (['-lbfgs_max_step', '0'], 0),
        (['-optimizer', 'adam'], 0),
        (['-model_file', embedded_network()[1]], SAFE_MAX_STEP),
        (['-model_file', 'other.caffemodel'], 0),
    ],
)
def test_embedded_network_limits_the_steps_of_lbfgs(elsewhere, flags, limit):
    arguments, _ = networks.locate_network(parse_arguments(flags))
    assert arguments.lbfgs_max_step == limit
