"""-preset, the presets that come with the program, and the flags that they need."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from samples import ROOT

import loadcaffe
from neural_style import stylize
from neural_style.command import run as command_run
from neural_style.command.flags import command_line
from neural_style.command.presets import preset_files, read_preset
from neural_style.command.process import main
from neural_style.torch7 import image

CHINESE = {'chinese_horse', 'chinese_horse_301', 'chinese_landscape', 'chinese_landscape_301'}
OURS = {'ink', 'gongbi', 'qinglu'}
PAPER = {'gatys2015'}


def pixels(path):
    """(H, W, 3), 0 to 255."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert('RGB'), float)


def tables(file):
    """The quantisation of a JPEG."""
    with Image.open(file) as picture:
        return picture.quantization


@pytest.fixture
def runs(data, tmp_path, monkeypatch):
    """Run the command on the small network; returns the keywords that stylize got."""
    monkeypatch.chdir(tmp_path)
    seen = {}

    def spy(cnn, content_image, style_images, **keywords):
        content_image, style_images = (
            images() if callable(images) else images for images in (content_image, style_images)
        )
        seen.update(keywords, content_image=content_image, style_images=style_images)
        return stylize(cnn, content_image, style_images, **keywords)

    monkeypatch.setattr(command_run, 'stylize', spy)
    stem = data / 'models' / 'mini_vgg19_conv'
    needed = [
        *('-gpu', '-1', '-seed', '1', '-num_iterations', '2', '-image_size', '48'),
        *('-content_image', str(data / 'inputs' / 'scene.jpg')),
        *('-style_image', str(data / 'inputs' / 'strokes.jpg')),
        *('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel'),
    ]

    def run(*flags):
        seen.clear()
        status = main([*needed, *flags])
        return status, dict(seen)

    return run


def test_presets_are_those_of_the_readme():
    assert set(preset_files()) == CHINESE | OURS | PAPER


@pytest.mark.parametrize('name', sorted(CHINESE | OURS | PAPER))
def test_every_preset_runs_and_says_what_it_gives_and_costs(runs, name):
    text = (ROOT / 'neural_style' / 'presets' / f'{name}.txt').read_text()
    head = re.match(r'(?:#.*\n)+', text)[0]
    assert 'evaluations' in head
    assert runs('-preset', name)[0] == 0
    assert pixels('out.png').shape == (36, 48, 3)


@pytest.mark.parametrize(
    ('kind', 'size', 'tv'), [('horse', 856, 1.30e-4), ('landscape', 800, 1.39e-4)]
)
@pytest.mark.parametrize(('suffix', 'iterations'), [('', 801), ('_301', 301)])
def test_chinese_presets_are_the_converted_parameters(kind, size, tv, suffix, iterations):
    params = command_line().parse(read_preset(f'chinese_{kind}{suffix}'))
    wanted = {
        'image_size': size,
        'tv_weight': tv,
        'num_iterations': iterations,
        'content_weight': 5,
        'content_layers': 'relu4_2',
        'style_weight': 100,
        'style_layers': 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1',
        'optimizer': 'adam',
        'learning_rate': 10,
        'adam_beta1': 0.9,
        'adam_beta2': 0.999,
        'adam_epsilon': 1e-8,
        'init': 'random',
        'noise_scale': 0.256,
        'pooling': 'max',
        'style_size_by': 'width',
        'jpeg_quality': 95,
    }
    assert {name: getattr(params, name) for name in wanted} == wanted
    # 2 A / (3 H W) with A = 100, at the height of the published picture.
    assert tv == pytest.approx(200 / (3 * 600 * size), rel=5e-3)


def test_flags_win_over_the_preset_wherever_they_stand(runs):
    for flags in (
        ('-preset', 'chinese_horse', '-content_weight', '7'),
        ('-content_weight', '7', '--preset', 'chinese_horse'),
    ):
        status, seen = runs(*flags)
        assert status == 0
        assert (seen['content_weight'], seen['num_iterations']) == (7, 2)
        assert (seen['optimizer'], seen['noise_scale']) == ('adam', 0.256)


def test_the_last_preset_counts(runs):
    seen = runs('-preset', 'ink', '-preset', 'chinese_horse')[1]
    assert (seen['luminance_only'], seen['optimizer']) == (0, 'adam')


def test_preset_list_shows_every_preset_with_its_comment(capsys):
    assert main(['-preset', 'list']) == 0
    out = capsys.readouterr().out
    for name in CHINESE | OURS | PAPER:
        first = (ROOT / 'neural_style' / 'presets' / f'{name}.txt').read_text().splitlines()[0]
        assert f'{name}\n    {first[2:]}\n' in out


def test_a_preset_may_be_a_file_of_ones_own(runs, tmp_path):
    (tmp_path / 'my own.txt').write_text(
        '# mine\n-content_weight 3   # a comment\n\n-normalize_gradients\n-output_image "a b.png"\n'
    )
    status, seen = runs('-preset', 'my own.txt')
    assert status == 0
    assert (seen['content_weight'], seen['normalize_gradients']) == (3, True)
    assert (tmp_path / 'a b.png').exists()


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        (b'-content_weight 3 -tv_weight 4\n', ['line 1', 'not one flag']),
        (b'# x\ncontent_weight 3\n', ['line 2', 'not one flag']),
        (b"-output_image 'a\n", ['line 1', 'quotation']),
        (b'-preset ink\n', ['line 1', 'cannot name another']),
        (b'\xff\xfe\x00', ['not a text file']),
        (None, ['No such file']),
    ],
)
def test_bad_preset_files_are_named(runs, tmp_path, capsys, text, named):
    if text is not None:
        (tmp_path / 'mine.txt').write_bytes(text)
    assert runs('-preset', 'mine.txt')[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -preset mine.txt')
    assert all(name in err for name in named)


def test_an_unknown_preset_lists_those_there_are(runs, capsys):
    assert runs('-preset', 'inc')[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -preset inc: no such preset; there are chinese_horse, ')
    assert 'ink' in err


def test_a_wrong_flag_in_a_preset_shows_the_usage(runs, tmp_path, capsys):
    (tmp_path / 'mine.txt').write_text('-bogus 1\n')
    assert runs('-preset', 'mine.txt')[0] == 1
    assert 'invalid argument: -bogus' in capsys.readouterr().err


def test_a_preset_refuses_a_network_that_lacks_its_layers(runs, capsys):
    assert runs('-preset', 'ink', '-style_layers', 'relu1_1,relu9_1')[0] == 1
    err = capsys.readouterr().err
    assert "-style_layers: the network has no layer 'relu9_1'; it has conv1_1, relu1_1, " in err


def test_presets_are_installed_with_the_package(wheel):
    for name in CHINESE | OURS | PAPER:
        assert f'neural_style/presets/{name}.txt' in wheel


def test_style_size_by_width_gives_the_style_the_width_of_the_content(runs, data):
    for scale, want in (('1', 48), ('0.5', 24)):
        seen = runs('-style_size_by', 'width', '-style_scale', scale)[1]
        height, width = seen['style_images'][0].shape[1:]
        source = pixels(data / 'inputs' / 'strokes.jpg').shape
        assert (height, width) == (int(want * source[0] / source[1]), want)


def test_noise_scale_is_the_spread_of_the_start(data):
    content = torch.zeros(3, 40, 50, dtype=torch.float64)
    stem = data / 'models' / 'mini_vgg19_conv'
    found = []
    for scale in (0.001, 0.256):
        stylize(
            loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel'),
            content,
            [content],
            num_iterations=1,
            seed=3,
            noise_scale=scale,
            callback=lambda it: found.append(it.x.clone()),
        )
    torch.testing.assert_close(found[1], found[0] * 256, rtol=1e-6, atol=0)
    assert float(found[1].std()) == pytest.approx(0.256, rel=0.05)


def test_adam_flags_reach_the_optimiser(runs):
    pictures = []
    for flags in ((), ('-adam_beta1', '0.5'), ('-adam_beta2', '0.9'), ('-adam_epsilon', '10')):
        assert runs('-optimizer', 'adam', '-num_iterations', '6', *flags)[0] == 0
        pictures.append(pixels('out.png'))
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).mean() > 0.1


def test_jpeg_quality_is_that_of_the_file(runs, tmp_path):
    runs('-output_image', 'a.jpg')
    runs('-output_image', 'b.jpg', '-jpeg_quality', '95')
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8)).save(buffer, 'JPEG', quality=95)
    assert tables('b.jpg') == tables(buffer) != tables('a.jpg')


def test_style_tint_and_paper_mask_of_a_picture(runs, tmp_path):
    half = np.zeros((36, 48), np.uint8)
    half[:, 24:] = 255
    Image.fromarray(half).save('mask.png')
    status, _ = runs('-paper_mask', 'mask.png', '-luminance_only', '1', '-style_tint', '1')
    assert status == 0
    out = pixels('out.png')
    assert out[:, 24:].std(axis=(0, 1)).max() < 1, 'bare paper'
    assert out[:, :24].std() > 3


@pytest.mark.parametrize(
    ('flags', 'named'),
    [
        ('-jpeg_quality 0', '-jpeg_quality 0: give a whole number from 1 to 100'),
        ('-jpeg_quality 7.5', '-jpeg_quality 7.5'),
        ('-style_size_by height', '-style_size_by height: choose side or width'),
        ('-style_tint 2', '-style_tint 2: give 0 or 1'),
        ('-luminance_only 2', '-luminance_only 2: give 0 or 1'),
        ('-noise_scale inf', '-noise_scale inf'),
        ('-lbfgs_max_step -1', '-lbfgs_max_step -1: give a number from 0'),
        ('-lbfgs_max_step nan', '-lbfgs_max_step nan'),
        ('-fourier_decay 1.1', '-fourier_decay 1.1: give a number from 0 to 1'),
        ('-fourier_decay nan', '-fourier_decay nan'),
        ('-adam_beta1 1', '-adam_beta1 1: give a number from 0 to below 1'),
        ('-adam_beta2 -0.1', '-adam_beta2 -0.1'),
        ('-adam_epsilon 0', '-adam_epsilon 0: give a number above 0'),
        ('-recolor_content 1.5', '-recolor_content 1.5: give a number from 0 to 1'),
        ('-paper_mask nosuch.png', '-paper_mask nosuch.png: no such file'),
        ('-paper_range 0.9,0.7', '-paper_range 0.9,0.7: give two luminances'),
        ('-losses l2', '-losses l2: choose neural_style or paper'),
        ('-missing_layers no', '-missing_layers no: choose warn or error'),
        ('-content_layers relu4_2:x:1', "-content_layers: the network has no layer 'relu4_2:x'"),
    ],
)
def test_bad_values_of_the_further_flags_are_named(runs, capsys, tmp_path, flags, named):
    assert runs(*flags.split())[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: ') and named in err
    assert list(tmp_path.iterdir()) == []


def test_help_keeps_the_originals_text_and_shows_the_further_flags_on_stderr(capsys):
    assert main(['-help']) == 0
    captured = capsys.readouterr()
    assert '-preset' not in captured.out
    assert captured.out.splitlines()[-1].startswith('  -style_layers ')
    assert re.search(r'^  -preset +flags from a file', captured.err, re.M)
    options = re.findall(r'^  (-\w+)', captured.out + captured.err, re.M)
    assert [option[1:] for option in options] == list(command_line().defaults())


def test_image_save_takes_the_quality(tmp_path):
    picture = torch.rand(3, 16, 16, dtype=torch.float64)
    image.save(tmp_path / 'default.jpg', picture)
    image.save(tmp_path / 'same.jpg', picture, 75)
    assert (tmp_path / 'default.jpg').read_bytes() == (tmp_path / 'same.jpg').read_bytes()
