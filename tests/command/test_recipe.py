"""The recipe in every picture, and -rerun."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from neural_style.command import image_files as picture
from neural_style.command import recipe as recipes
from neural_style.command.flags import command_line
from neural_style.command.input_files import input_files
from neural_style.command.networks import embedded_network
from neural_style.command.process import main
from neural_style.files.atomic import sha256
from neural_style.torch7 import image

# The flags that take words, and no name of a file among them; one that is not here nor in
# recipes.INPUTS or UNRECORDED would put whatever it holds into every picture.
WORDS = {
    *('parallel', 'memory'),
    *('style_blend_weights', 'gpu', 'multigpu_strategy', 'init', 'optimizer', 'pooling', 'backend'),
    *('content_layers', 'style_layers', 'losses', 'missing_layers', 'multiscale', 'precision'),
    *('style_size_by', 'paper_range'),
}


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run the command in an empty folder, on pictures and a network in a folder named private."""
    private = tmp_path / 'private'
    private.mkdir()
    for name in ('scene.jpg', 'strokes.jpg', 'waves.jpg', 'grey_gray.png', 'harbour_alpha.png'):
        shutil.copy(data / 'inputs' / name, private)
    for suffix in ('prototxt', 'caffemodel'):
        shutil.copy(data / 'models' / f'mini_vgg19_conv.{suffix}', private)
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    network = private / 'mini_vgg19_conv'
    needed = {
        '-gpu': '-1',
        '-image_size': '48',
        '-num_iterations': '3',
        '-noise_scale': '20',  # else nothing of the noise is seen after three iterations
        '-content_image': private / 'scene.jpg',
        '-style_image': private / 'strokes.jpg',
        '-proto_file': f'{network}.prototxt',
        '-model_file': f'{network}.caffemodel',
    }

    def run(*flags):
        words = [str(flag) for flag in flags]
        defaults = [str(w) for pair in needed.items() if pair[0] not in words for w in pair]
        return main(defaults + words)

    run.private = private
    return run


@pytest.fixture
def rerun(command):
    """Repeat a run with the inputs in the folder of the picture."""

    def run(path, *flags):
        for file in command.private.iterdir():
            shutil.copy(file, '.')
        return main(['-rerun', str(path), *map(str, flags)])

    return run


def recipe_of(path):
    return json.loads(picture.comment(path))


def content_of(path):
    with open(path, 'rb') as file:
        return file.read()


def pixels(path):
    with Image.open(path) as found:
        return np.asarray(found)


# what is kept


@pytest.mark.parametrize('extension', ['png', 'jpg', 'jpeg'])
def test_recipe_tells_settings_versions_sums_and_seed(command, extension):
    assert command('-output_image', f'out.{extension}', '-tv_weight', 0.5) == 0
    recipe = recipe_of(f'out.{extension}')
    assert recipe['program'].startswith('neural_style')
    assert recipe['torch'] == torch.__version__
    assert recipe['flags'][-2:] == ['-tv_weight', '0.5'] or '-tv_weight' in recipe['flags']
    assert 0 <= recipe['seed'] < 2**32
    assert recipe['iteration'] == 3
    files = {flag: (name, found) for flag, name, found in recipe['inputs']}
    assert files['content_image'][0] == 'scene.jpg'
    for name, found in files.values():
        assert found == sha256(command.private / name)
    assert set(files) == {'content_image', 'style_image', 'proto_file', 'model_file'}


def test_recipe_leaves_out_where_the_files_are(command):
    mask = command.private / 'grey_gray.png'
    (command.private / 'flags.txt').write_text('-tv_weight 0\n')
    more = ('-preset', command.private / 'flags.txt', '-paper_mask', mask)
    assert command('-init', 'image', '-init_image', mask, *more) == 0
    assert b'private' not in content_of('out.png')
    assert '/' not in picture.comment('out.png')


def test_recipe_of_an_intermediate_picture_names_its_iteration(command):
    assert command('-save_iter', 1) == 0
    numbers = [recipe_of(name)['iteration'] for name in ('out_1.png', 'out_2.png', 'out.png')]
    assert numbers == [1, 2, 3]


def test_recipe_changes_no_pixel_and_ppm_has_none(command, tmp_path):
    for name in ('out.png', 'out.jpg', 'out.ppm'):
        assert command('-seed', 1, '-output_image', name) == 0
    assert content_of('out.ppm').startswith(b'P6\n48 36\n255\n')
    assert len(content_of('out.ppm')) == len(b'P6\n48 36\n255\n') + 48 * 36 * 3
    assert np.array_equal(pixels('out.png'), pixels('out.ppm'))
    values = image.load('out.png') + 0.5 / 255  # back to the same bytes
    image.save('plain.jpg', values)
    assert np.array_equal(pixels('plain.jpg'), pixels('out.jpg'))


def test_recipe_of_the_same_seed_is_the_same(command):
    for name in ('out.png', 'again.png'):
        assert command('-seed', 3, '-output_image', name) == 0
    assert content_of('out.png') == content_of('again.png')


def test_recipe_that_would_be_too_long_is_left_out(command, capsys):
    assert command('-style_layers', ','.join(['relu1_1'] + ['x' * 100] * 700)) == 0
    assert 'too long for a recipe' in capsys.readouterr().err
    assert picture.comment('out.png') is None


def test_every_flag_of_words_is_known_to_hold_no_path():
    words = {
        name for name, default in command_line().defaults().items() if isinstance(default, str)
    }
    assert words <= WORDS | {*recipes.INPUTS, *recipes.FLAGS_NOT_RECORDED}


# repeating


@pytest.mark.parametrize(
    'flags',
    [
        (),
        ('-seed', 7, '-optimizer', 'adam', '-output_image', 'out.jpg', '-jpeg_quality', 90),
        ('-multiscale', '32', '-image_size', 64, '-normalize_gradients', '-pooling', 'avg'),
        ('-preset', 'ink', '-num_iterations', 3),
        ('-preset', 'gongbi', '-num_iterations', 3, '-image_size', 40),
        ('-keep_alpha', 1, '-content_image', '{}/harbour_alpha.png', '-noise_scale', 33.3),
        ('-paper_mask', '{}/grey_gray.png', '-init', 'image', '-init_image', '{}/waves.jpg'),
        ('-style_image', '{0}/strokes.jpg,{0}/waves.jpg', '-style_blend_weights', '3,7'),
    ],
    ids=['plain', 'jpg', 'multiscale', 'ink', 'gongbi', 'alpha', 'mask', 'styles'],
)
def test_rerun_makes_the_same_file(command, rerun, flags):
    flags = [str(flag).format(command.private) for flag in flags]
    assert command(*flags) == 0
    name = flags[flags.index('-output_image') + 1] if '-output_image' in flags else 'out.png'
    assert rerun(name) == 0
    assert content_of(name) == content_of(name.replace('out', 'out_rerun'))


def test_rerun_repeats_a_start_that_was_not_seeded(command, rerun):
    command('-output_image', 'other.png')
    command()
    rerun('out.png')
    assert not np.array_equal(pixels('other.png'), pixels('out.png'))
    assert np.array_equal(pixels('out.png'), pixels('out_rerun.png'))


@pytest.mark.parametrize('seed', [-1, 1])
def test_rerun_repeats_the_masks_of_dropout(command, rerun, data, seed):
    for suffix in ('prototxt', 'caffemodel'):
        shutil.copy(data / 'models' / f'mini_vgg19.{suffix}', command.private)
    network = ('-proto_file', command.private / 'mini_vgg19.prototxt')
    network += ('-model_file', command.private / 'mini_vgg19.caffemodel')
    square = command.private / 'square.png'
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (224, 224, 3), np.uint8)).save(square)
    flags = ('-content_image', square, '-style_image', square, '-style_layers', 'relu1_1')
    flags += ('-image_size', 224, '-content_layers', 'relu7', '-seed', seed, '-tv_weight', 0)
    assert command(*network, *flags) == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_with_the_embedded_network_finds_it(command, rerun, monkeypatch):
    stem = embedded_network()[0].removesuffix('.prototxt')
    few = ('-content_layers', 'relu2_1', '-style_layers', 'relu1_1')
    network = ('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel')
    assert command(*network, *few) == 0
    assert rerun('out.png') == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_repeats_a_run_that_was_resumed(command, rerun):
    assert command('-checkpoint', 'state', '-checkpoint_iter', 1) == 0
    assert main(['-resume', 'state', '-num_iterations', '5', '-output_image', 'more.png']) == 0
    assert rerun('more.png') == 0
    assert np.array_equal(pixels('more.png'), pixels('more_rerun.png'))
    assert content_of('more.png') == content_of('more_rerun.png')


def test_rerun_finds_inputs_beside_the_picture(command, tmp_path):
    assert command() == 0
    shutil.copy('out.png', command.private)
    assert main(['-rerun', str(command.private / 'out.png')]) == 0
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_finds_inputs_where_flags_say(command):
    styles = 'a,b.jpg', 'strokes.jpg'
    shutil.copy(command.private / 'waves.jpg', command.private / styles[0])
    given = rf'{command.private}/a\,b.jpg,{command.private}/strokes.jpg'
    assert command('-style_image', given) == 0
    assert command('-rerun', 'out.png', '-style_image', given) == 0
    # command gives -image_size and -num_iterations as well, which are those of the recipe.
    assert content_of('out.png') == content_of('out_rerun.png')


def test_rerun_takes_further_flags(command, rerun):
    assert command() == 0
    assert rerun('out.png', '-num_iterations', 2, '-seed', 3, '-output_image', 'new.jpg') == 0
    recipe = recipe_of('new.jpg')
    assert recipe['iteration'] == 2
    assert recipe['seed'] == 3


def test_rerun_with_another_seed_of_the_system_gives_another_picture(command, rerun):
    assert command() == 0
    assert rerun('out.png', '-seed', -1) == 0
    assert not np.array_equal(pixels('out.png'), pixels('out_rerun.png'))


@pytest.mark.parametrize(
    'flag, name', [('content_image', 'scene.jpg'), ('style_image', 'strokes.jpg')]
)
def test_rerun_refuses_inputs_that_changed(command, rerun, capsys, flag, name):
    assert command() == 0
    with open(command.private / name, 'ab') as file:
        file.write(b'\0')
    assert rerun('out.png') == 1
    assert f'-{flag} {name}: not the file' in capsys.readouterr().err
    assert rerun('out.png', f'-{flag}', command.private / name) == 1


@pytest.mark.parametrize('name', ['scene.jpg', 'strokes.jpg', 'mini_vgg19_conv.caffemodel'])
def test_rerun_refuses_to_go_without_an_input(command, rerun, capsys, name):
    assert command() == 0
    (command.private / name).unlink()
    assert rerun('out.png') == 1
    err = capsys.readouterr().err
    assert f'there is no {name}' in err
    assert 'say where it is with -' in err


def test_rerun_refuses_another_number_of_styles(command, rerun, capsys):
    assert command() == 0
    assert rerun('out.png', '-style_image', 'scene.jpg,strokes.jpg') == 1
    assert '2 given, and the recipe has 1: strokes.jpg' in capsys.readouterr().err


@pytest.mark.parametrize(
    'picture, output', [('out.png', 'out.png'), ('out_2.png', 'out.png'), ('out.png', './out.png')]
)
def test_rerun_never_writes_over_the_picture(command, rerun, capsys, picture, output):
    assert command('-save_iter', 1) == 0
    before = content_of(picture)
    assert rerun(picture, '-output_image', output) == 1
    assert 'would write over' in capsys.readouterr().err
    assert content_of(picture) == before


def test_rerun_says_when_the_program_was_another(command, rerun, capsys, monkeypatch):
    assert command() == 0
    monkeypatch.setattr(recipes, 'version', lambda: '9.9')
    assert rerun('out.png') == 0
    assert 'neural_style 9.9' in capsys.readouterr().err


GOOD = {'program': 'neural_style', 'torch': '2', 'seed': 1, 'flags': [], 'inputs': []}


@pytest.mark.parametrize(
    'text, message',
    [
        (None, 'carries no recipe'),
        ('hello', 'carries no recipe'),
        ('{"program": "neural_style"', 'damaged'),
        (json.dumps({'program': 'neural_style'}), 'damaged'),
        (json.dumps(GOOD | {'flags': 3}), 'damaged'),
        (json.dumps(GOOD | {'seed': 'x'}), 'damaged'),
        ('{"program": "neural_style", "a": ' + '[' * 50000, 'damaged'),
        (json.dumps(GOOD | {'flags': ['-output_image', 'x.png']}), 'names files'),
        (json.dumps(GOOD | {'flags': ['-content_image', 'x.png']}), 'names files'),
        (json.dumps(GOOD | {'flags': ['-paper_mask', 'x.png']}), 'names files'),
        (json.dumps(GOOD | {'flags': ['-newer_flag', '1']}), 'another version'),
        (json.dumps(GOOD | {'flags': ['-help']}), 'another version'),
        (json.dumps(GOOD | {'inputs': [['content_image', '../x.jpg', '0']]}), 'no input'),
        (json.dumps(GOOD | {'inputs': [['content_image', '', '0']]}), 'no input'),
        (json.dumps(GOOD | {'inputs': [['output_image', 'x.jpg', '0']]}), 'no input'),
        (json.dumps(GOOD | {'inputs': [['content_image']]}), 'damaged'),
    ],
)
def test_rerun_refuses_what_is_no_recipe(rerun, capsys, text, message):
    chunks = PngImagePlugin.PngInfo()
    if text is not None:
        chunks.add_text('Comment', text)
    Image.new('RGB', (2, 2)).save('odd.png', pnginfo=chunks)
    assert rerun('odd.png') == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -rerun: odd.png')
    assert message in err


@pytest.mark.parametrize('name', ['nosuch.png', '.', 'scene.ppm'])
def test_rerun_names_a_file_that_is_no_picture(rerun, capsys, name):
    assert rerun(name) == 1
    assert capsys.readouterr().err.startswith(f'neural_style: -rerun: {name}')


def test_rerun_and_resume_exclude_each_other(capsys):
    assert main(['-rerun', 'a.png', '-resume', 'b']) == 1
    assert '-rerun: begins anew, and -resume goes on' in capsys.readouterr().err


def test_inputs_are_the_files_that_are_stored(tmp_path):
    stored = tmp_path / 'mu\u0308hle.jpg'
    stored.write_bytes(b'')
    flags = ['-content_image', str(tmp_path / 'm\u00fchle.jpg'), '-style_image', 'a.jpg,b.jpg']
    params = command_line().parse([*flags, '-paper_mask', 'auto'])
    found = input_files(params)
    assert found[:3] == [
        ('content_image', str(stored)),
        ('style_image', 'a.jpg'),
        ('style_image', 'b.jpg'),
    ]
    assert [flag for flag, _ in found[3:]] == ['proto_file', 'model_file']
