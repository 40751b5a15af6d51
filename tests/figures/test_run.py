"""One figure from flags to files: what it writes, where it goes on, what it refuses."""

import math
import os
from pathlib import Path

import pytest

from neural_style.figures.__main__ import main
from neural_style.figures.figures import FIGURES

# the figures with most paintings
LARGE = ('3', 'control')
NAMES = [pytest.param(x, marks=pytest.mark.slow) if x in LARGE else x for x in FIGURES]


@pytest.mark.parametrize('name', NAMES)
def test_every_figure_is_rendered_once(command, calls, capsys, name):
    assert command(name) == 0
    count = len(calls)
    files = sorted(os.listdir('out'))
    stems = [file.removesuffix('.json') for file in files if file.endswith('.json')]
    assert files == sorted(
        [*(f'{stem}{end}' for stem in stems for end in ('.png', '.json'))]
        + ['index.html', 'sheet.png']
    )
    assert len(stems) == count
    assert command(name) == 0
    assert len(calls) == count
    out, err = capsys.readouterr()
    assert out.count('already painted') == count
    assert err == ''


def test_interrupted_figure_goes_on_where_it_stopped(command, calls, capsys):
    calls.stop = 2
    assert command('interpolation') == 130
    assert len([file for file in os.listdir('out') if file.endswith('.png')]) == 2
    assert 'the same command continues' in capsys.readouterr().err
    calls.stop = math.inf
    assert command('interpolation') == 0
    assert len(calls) == 5


BAD = [
    # figure, flags, what the message must name
    ('4', '', ['4: no such figure', '1, 2, 3, style_scale']),
    ('2', '-reading both', ['-reading both', 'printed', 'code']),
    ('2', '-features fc', ['-features fc', 'relu', 'conv']),
    ('2', '-multiscale 64,32', ['-multiscale', 'must grow']),
    ('2', '-padding none', ['-padding none', 'replicate']),
    ('2', '-normalize yes', ['-normalize yes', 'auto']),
    ('colors', '-reading code', ['-reading', 'gallery']),
    ('2', '-image_size 0', ['-image_size 0', 'whole number']),
    ('2', '-image_size 32.5', ['-image_size 32.5']),
    ('2', '-image_size 12', ['-image_size', 'too small']),
    ('2', '-num_iterations 0', ['-num_iterations 0']),
    ('2', '-seed -1', ['-seed -1']),
    ('2', '-gpu abc', ['-gpu abc']),
    ('2', '-backend caffe -gpu 0', ['-backend caffe']),
    ('2', '-content_image nosuch.jpg', ['-content_image nosuch.jpg']),
    ('2', '-style_image nosuch.jpg', ['-style_image nosuch.jpg']),
    ('2', '-style_image a,b,c,d,e,f', ['-style_image', '1 to 5']),
    ('1', '-style_image a,b', ['-style_image', 'takes 1']),
    ('multiple', '-style_image a', ['-style_image', '2 or more']),
    ('2', '-content_image {inputs}/not_an_image.png', ['-content_image', 'not_an_image.png']),
    ('2', '-model_file nosuch.caffemodel', ['-model_file', 'download_models.sh']),
    ('2', '-model_file {models}/lenet_v1.caffemodel', ['-model_file', 'relu4_2', 'VGG-19']),
    ('2', '-output_dir file/out', ['-output_dir file/out']),
    ('2', '-output_dir file', ['-output_dir file']),
    ('2', '-nosuch 1', ['-nosuch', '-help']),
]


@pytest.mark.parametrize(('name', 'flags', 'named'), BAD)
def test_bad_input_is_refused_before_rendering(command, calls, capsys, data, name, flags, named):
    Path('file').touch()
    flags = flags.format(inputs=data / 'inputs', models=data / 'models')
    assert command(name, flags) == 1
    err = capsys.readouterr().err
    assert all(word in err for word in named), err
    assert err.startswith('neural_style-figures: ') and 'Traceback' not in err
    assert calls == [] and not os.path.exists('out')


def test_help_and_list_show_every_figure(capsys):
    for argv in (['list'], ['-help'], ['1', '-help']):
        assert main(argv) == 0
        out = capsys.readouterr().out
        assert all(figure.title in out for figure in FIGURES.values())
    assert 'FIGURE [options]' in out and '-reading' in out
    assert main([]) == 1
    assert 'list' in capsys.readouterr().err
