"""-preset: the presets that come with the program, and files of one's own."""

import re

import pytest
from samples import ROOT
from written import pixels

from neural_style.command.flags import command_line
from neural_style.command.presets import preset_files, read_preset
from neural_style.command.process import main

PRESETS = {
    *('chinese_horse', 'chinese_horse_301', 'chinese_landscape', 'chinese_landscape_301'),
    *('fast', 'best', 'quick', 'wasserstein', 'ink', 'gongbi', 'qinglu', 'gatys2015', 'strokes'),
}


def test_presets_are_known():
    assert set(preset_files()) == PRESETS


@pytest.mark.parametrize('name', sorted(PRESETS))
def test_every_preset_runs_and_says_what_it_costs(traced_command, name):
    text = (ROOT / 'neural_style' / 'presets' / f'{name}.txt').read_text()
    head = re.match(r'(?:#.*\n)+', text)[0]
    assert 'evaluations' in head
    assert traced_command('-preset', name, '-image_size', '64')[0] == 0
    assert pixels('out.png').shape == (48, 64, 3)


@pytest.mark.parametrize(
    ('subject', 'size', 'tv'), [('horse', 856, 1.30e-4), ('landscape', 800, 1.39e-4)]
)
@pytest.mark.parametrize(('suffix', 'iterations'), [('', 801), ('_301', 301)])
def test_chinese_presets_are_the_converted_parameters(subject, size, tv, suffix, iterations):
    params = command_line().parse(read_preset(f'chinese_{subject}{suffix}'))
    expected = {
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
    assert {name: getattr(params, name) for name in expected} == expected
    # 2 A / (3 H W) with A = 100, at the height of the published picture.
    assert tv == pytest.approx(200 / (3 * 600 * size), rel=5e-3)


def test_preset_list_shows_every_preset_with_its_comment(capsys):
    assert main(['-preset', 'list']) == 0
    out = capsys.readouterr().out
    for name in PRESETS:
        first = (ROOT / 'neural_style' / 'presets' / f'{name}.txt').read_text().splitlines()[0]
        assert f'{name}\n    {first[2:]}\n' in out


def test_preset_may_be_a_file(traced_command, tmp_path):
    (tmp_path / 'my own.txt').write_text(
        '# mine\n-content_weight 3   # a comment\n\n-normalize_gradients\n-output_image "a b.png"\n'
    )
    status, keywords = traced_command('-preset', 'my own.txt')
    assert status == 0
    assert (keywords['content_weight'], keywords['normalize_gradients']) == (3, True)
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
def test_bad_preset_files_are_named(traced_command, tmp_path, capsys, text, named):
    if text is not None:
        (tmp_path / 'mine.txt').write_bytes(text)
    assert traced_command('-preset', 'mine.txt')[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -preset mine.txt')
    assert all(name in err for name in named)


def test_unknown_preset_is_refused_with_a_list(traced_command, capsys):
    assert traced_command('-preset', 'inc')[0] == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -preset inc: no such preset; there are best, chinese_')
    assert 'ink' in err


def test_unknown_flag_in_a_preset_shows_the_usage(traced_command, tmp_path, capsys):
    (tmp_path / 'mine.txt').write_text('-bogus 1\n')
    assert traced_command('-preset', 'mine.txt')[0] == 1
    assert 'invalid argument: -bogus' in capsys.readouterr().err


def test_preset_refuses_a_network_without_its_layers(traced_command, capsys):
    assert traced_command('-preset', 'ink', '-style_layers', 'relu1_1,relu9_1')[0] == 1
    err = capsys.readouterr().err
    assert "-style_layers: the network has no layer 'relu9_1'; it has conv1_1, relu1_1, " in err
