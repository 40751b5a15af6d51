"""The figures: what they paint, that they go on where they stopped, and what lies in the folder."""

import html.parser
import io
import json
import math
import os
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from samples import ROOT
from torch import nn

import loadcaffe
from loadcaffe.graph import Graph
from loadcaffe.layers.branching import Concat
from neural_style import preprocess, stylize
from neural_style.figures import pictures
from neural_style.figures.__main__ import command_line, main
from neural_style.figures.figures import FIGURES, PaperFigure
from neural_style.figures.normalization import is_normalized, mean_activations, normalize
from neural_style.figures.page import curve, number
from neural_style.figures.paper import LAYERS, RATIOS, Setting
from neural_style.figures.pictures import Picture
from neural_style.figures.plan import Painting
from neural_style.figures.preparation import shorten
from neural_style.figures.sheet import Sheet, parts

COUNTS = {
    '1': 10,
    '2': 5,
    '3': 20,
    'style_scale': 3,
    'interpolation': 5,
    'colors': 5,
    'multiple': 4,
}
PAPER = [name for name, figure in FIGURES.items() if isinstance(figure, PaperFigure)]


@pytest.fixture
def painted(monkeypatch):
    """The calls of stylize; with painted.stop = n, the one after n is interrupted."""

    class Calls(list):
        stop = math.inf

    calls = Calls()

    def counted(*args, **keywords):
        if len(calls) >= calls.stop:
            raise KeyboardInterrupt
        calls.append(keywords)
        return stylize(*args, **keywords)

    monkeypatch.setattr('neural_style.figures.painting.stylize', counted)
    return calls


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run `neural_style-figures FIGURE FLAGS` in an empty folder, small; writes to out/."""
    monkeypatch.chdir(tmp_path)
    models, inputs = data / 'models', data / 'inputs'

    def run(figure, flags=''):
        count = max(FIGURES[figure].least, 1) if figure in FIGURES else 1
        styles = [f'{inputs}/{name}.jpg' for name in ('strokes', 'waves')[:count]]
        defaults = {
            '-gpu': '-1',
            '-image_size': '32',
            '-num_iterations': '2',
            '-content_image': f'{inputs}/scene.jpg',
            '-style_image': ','.join(styles),
            '-model_file': f'{models}/mini_vgg19_conv.caffemodel',
            '-proto_file': f'{models}/mini_vgg19_conv.prototxt',
            '-output_dir': 'out',
        }
        words = shlex.split(flags)
        argv = [word for pair in defaults.items() if pair[0] not in words for word in pair]
        return main([figure, *argv, *words])

    return run


def record(name):
    return json.loads(Path('out', f'{name}.json').read_text())


def plan(name, reading='code', features='relu', styles=5):
    figure = FIGURES[name]
    content = Picture('c.jpg', '-content_image')
    some = [Picture(f's{n}.jpg', '-style_image') for n in range(min(styles, figure.most))]
    if isinstance(figure, PaperFigure):
        return figure.plan(content, some, Setting(reading, features))
    return figure.plan(content, some[: len(figure.styles)])


# What is painted


@pytest.mark.parametrize('name', FIGURES)
def test_plans_have_as_many_pictures_as_the_originals(name):
    paintings = plan(name).paintings
    assert len(paintings) == COUNTS[name]
    assert len({painting.name for painting in paintings}) == COUNTS[name]
    assert len({painting.place for painting in paintings}) == COUNTS[name]


def test_figure_1_reconstructs_content_from_single_layers_and_style_from_sets():
    paintings = {each.name: each.keywords for each in plan('1').paintings}
    for count, layer in enumerate(LAYERS, start=1):
        content = paintings[f'content_conv{layer}']
        assert (content['content_layers'], content['style_layers']) == (f'relu{layer}', '')
        style = paintings[f'style_conv{layer}']
        assert style['content_layers'] == ''
        assert style['style_layers'] == ','.join(f'relu{each}' for each in LAYERS[:count])


def test_figure_2_has_the_ratios_of_the_caption():
    weights = [each.keywords for each in plan('2', 'printed').paintings]
    ratios = [each['content_weight'] / each['style_weight'] for each in weights]
    assert ratios == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-4])
    assert {each['content_layers'] for each in weights} == {'relu4_2'}


def test_figure_3_has_layers_down_and_ratios_across():
    for painting in plan('3', 'printed').paintings:
        row, column = painting.place
        keywords = painting.keywords
        assert keywords['style_layers'].split(',') == [f'relu{each}' for each in LAYERS[: row + 1]]
        ratio = keywords['content_weight'] / keywords['style_weight']
        assert ratio == pytest.approx(RATIOS[column])


@pytest.mark.parametrize('name', PAPER)
def test_every_picture_of_the_paper_has_the_papers_settings(name):
    for painting in plan(name).paintings:
        keywords = painting.keywords
        assert keywords['pooling'] == 'avg' and keywords['tv_weight'] == 0
        assert 'init' not in keywords and 'optimizer' not in keywords  # noise and L-BFGS


def test_the_readings_differ_in_formulas_and_by_about_60():
    printed, code = Setting('printed').weights(1e-3), Setting('code').weights(1e-3)
    assert (printed['losses'], code['losses']) == ('paper', 'neural_style')
    # In weights of mean squares, at 512 x 384: see StyleLoss and PaperStyleLoss.
    n, m = 512, 64 * 48
    content = printed['content_weight'] * n * m / 2
    style = printed['style_weight'] * n**2 / 4 / 5
    factor = (content / style) / (code['content_weight'] / code['style_weight'])
    assert 55 < factor < 65


def test_features_may_be_taken_before_the_rectifier():
    layers = {each.keywords['style_layers'] for each in plan('2', features='conv').paintings}
    assert layers == {'conv1_1,conv2_1,conv3_1,conv4_1,conv5_1'}


def test_galleries_paint_what_the_readme_of_the_original_shows():
    scales = [each.style_scale for each in plan('style_scale').paintings]
    assert scales == [2.0, 1.0, 0.5]
    blends = [each.keywords['style_blend_weights'] for each in plan('interpolation').paintings]
    assert blends == [(9, 1), (7, 3), (5, 5), (3, 7), (1, 9)]
    assert all(each.original_colors for each in plan('colors').paintings)
    pairs = [[style.path for style in each.styles] for each in plan('multiple').paintings]
    assert pairs == [[f's{n}.jpg', f's{(n + 1) % 4}.jpg'] for n in range(4)]


# Running, and going on


@pytest.mark.parametrize('name', FIGURES)
def test_every_figure_is_painted_once(command, painted, capsys, name):
    assert command(name) == 0
    count = len(painted)
    files = sorted(os.listdir('out'))
    stems = [file.removesuffix('.json') for file in files if file.endswith('.json')]
    assert files == sorted(
        [*(f'{stem}{end}' for stem in stems for end in ('.png', '.json'))]
        + ['index.html', 'sheet.png']
    )
    assert len(stems) == count
    assert command(name) == 0
    assert len(painted) == count
    out, err = capsys.readouterr()
    assert out.count('painted before') == count
    assert err == ''


def test_records_hold_settings_losses_and_the_curve(command, data):
    command('2', '-num_iterations 3')
    found = record('B')
    settings = found['settings']
    assert settings['content_layers'] == 'relu4_2' and settings['seed'] == 1
    for sums in (
        settings['content_image'],
        *settings['style_images'],
        settings['network']['sha256'],
    ):
        assert len(sums) == 64
    layers = ['relu4_2', *(f'relu{layer}' for layer in LAYERS)]
    assert [each['layer'] for each in found['losses']] == layers
    assert len(found['curve']) == 3
    lowest = found['curve'][found['evaluation'] - 1]
    assert lowest == min(found['curve'])
    assert sum(each['loss'] for each in found['losses']) == pytest.approx(lowest)
    assert found['pictures'] == {'content_image': 'scene.jpg', 'style_images': ['strokes.jpg']}


def test_changed_settings_are_painted_again(command, painted, data):
    command('style_scale')
    for flags in ('-seed 2', '-image_size 24', '-num_iterations 1'):
        del painted[:]
        command('style_scale', flags)
        assert len(painted) == 3, flags
    shutil.copy(data / 'inputs' / 'waves.jpg', 'style.jpg')
    command('style_scale', '-style_image style.jpg')
    shutil.copy(data / 'inputs' / 'ink.jpg', 'style.jpg')  # another picture, the same name
    del painted[:]
    command('style_scale', '-style_image style.jpg')
    assert len(painted) == 3


def test_a_lost_picture_alone_is_painted_again(command, painted):
    command('style_scale')
    del painted[:]
    os.remove('out/scale_1.png')
    command('style_scale')
    assert len(painted) == 1
    Path('out', 'scale_2.json').write_text('{"settings":')  # cut off
    command('style_scale')
    assert len(painted) == 2


def test_an_interrupted_figure_goes_on_where_it_stopped(command, painted, capsys):
    painted.stop = 2
    assert command('interpolation') == 130
    assert len([file for file in os.listdir('out') if file.endswith('.png')]) == 2
    assert 'the same command goes on' in capsys.readouterr().err
    painted.stop = math.inf
    assert command('interpolation') == 0
    assert len(painted) == 5


def test_a_stale_record_never_stands_beside_a_new_picture(command, monkeypatch):
    command('style_scale')
    before = os.path.exists('out/scale_2.json')

    def interrupted(path, image):
        raise KeyboardInterrupt

    monkeypatch.setattr('neural_style.figures.painting.image.save', interrupted)
    assert command('style_scale', '-seed 2') == 130
    assert before and not os.path.exists('out/scale_2.json')


# The sheet and the page


def test_the_sheet_has_every_picture_in_its_cell():
    some = plan('3')
    grey = {each.name: torch.full((3, 30, 40), 0.5) for each in some.paintings}
    inputs = {each.picture.path: torch.zeros(3, 40, 20) for each in some.inputs}
    sheet = Sheet(some, 40, 30)
    drawn = Image.open(io.BytesIO(sheet.draw('title', 'caption ' * 99, grey, inputs)))
    for painting in some.paintings:
        x, y = sheet.corner(painting.place)
        cell = drawn.crop((x, y, x + sheet.cell[0], y + sheet.cell[1]))
        assert cell.getextrema() == ((128, 128),) * 3


def test_text_is_raised_cut_wrapped_and_ascii():
    assert parts('10^-5, ä') == [('10', False), ('-5', True), (', ?', False)]
    sheet = Sheet(plan('3'), 512, 384)
    assert sheet.width('10^-5') < sheet.width('10-5')
    cut = sheet.cut('a_very_long_name_of_a_picture.jpg', 100)
    assert cut.endswith('...') and sheet.width(cut) <= 100
    lines = sheet.wrap('one two three four five', 90, 1)
    assert len(lines) > 1 and ' '.join(lines) == 'one two three four five'


class Checked(html.parser.HTMLParser):
    """Fails at a tag that is closed out of turn; notes tags, references and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.text = [], [], [], ''
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for key, value in attributes if key in ('src', 'href')]
        if tag not in ('meta', 'img'):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(command, data):
    shutil.copy(data / 'inputs' / 'strokes.jpg', 'a<b>&"c.jpg')
    assert command('2', "-style_image 'a<b>&\"c.jpg'") == 0
    text = Path('out', 'index.html').read_text(encoding='utf-8')
    page = Checked(text)
    assert 'http' not in text and 'script' not in page.tags
    assert all(os.path.exists(os.path.join('out', name)) for name in page.references)
    assert page.tags.count('svg') == 1 and 'b' not in page.tags
    assert 'a<b>&"c.jpg' in page.text
    for words in ('evaluation', 'total loss', 'relu4_2', 'sha256', 'Reading: code'):
        assert words in page.text


def test_losses_that_are_no_numbers_are_shown_as_such():
    assert number(None) == 'not a number'
    assert curve([None, None], 'x').startswith('<p>')
    Checked(curve([1.0, None, 1e-7], 'x'))


# Pictures and the network


def test_pictures_of_the_project_stand_in_and_labels_name_them(command, capsys, monkeypatch):
    monkeypatch.setattr('neural_style.figures.sheet.Sheet.draw', lambda *_: b'')
    assert command('style_scale', '-content_image "" -style_image ""') == 0
    err = capsys.readouterr().err
    assert 'harbour.jpg stands for golden_gate.jpg' in err
    assert 'swirls.jpg stands for starry_night.jpg' in err
    text = Path('out', 'index.html').read_text(encoding='utf-8')
    assert 'harbour.jpg' in text


def test_the_papers_pictures_come_first(tmp_path, monkeypatch, data):
    monkeypatch.setattr(pictures, 'folders', lambda: [str(tmp_path)])
    for name in ('harbour.jpg', 'tubingen.jpg'):
        shutil.copy(data / 'inputs' / 'scene.jpg', tmp_path / name)
    (picture,) = pictures.choose('-content_image', [pictures.TUBINGEN], [], 1, 1)
    assert picture.name == 'tubingen.jpg' and not picture.stands_in


def test_without_pictures_the_message_names_the_flags(command, monkeypatch, capsys):
    monkeypatch.setattr(pictures, 'folders', list)
    assert command('1', '-content_image ""') == 1
    assert 'pass -content_image and -style_image' in capsys.readouterr().err


@pytest.fixture
def network(data):
    models = data / 'models'
    return loadcaffe.load(
        models / 'mini_vgg19_conv.prototxt', models / 'mini_vgg19_conv.caffemodel'
    )


def test_normalizing_brings_means_to_1_and_only_scales_the_output(network):
    images = [torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(1)).double()]
    x = preprocess(images[0]).float()[None]
    with torch.no_grad():
        before = network(x)
        means = mean_activations(network, images)
        normalize(network, means)
        after = network(x) * means['conv5_4']
    assert not is_normalized(means)
    found = mean_activations(network, images)
    assert list(found.values()) == pytest.approx([1] * len(found), rel=1e-3)
    assert float((after - before).norm() / before.norm()) < 1e-4  # rounding


def test_the_network_is_normalized_when_it_is_not(command):
    command('2')
    assert record('B')['settings']['network']['normalized']
    command('2', '-normalize never')
    assert not record('B')['settings']['network']['normalized']


# What is refused, before anything is painted

BAD = [
    # figure, flags, what the message must name
    ('4', '', ['4: no such figure', '1, 2, 3, style_scale']),
    ('2', '-reading both', ['-reading both', 'printed', 'code']),
    ('2', '-features fc', ['-features fc', 'relu', 'conv']),
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


@pytest.mark.parametrize(('name', 'flags', 'words'), BAD)
def test_bad_input_is_refused_before_painting(command, painted, capsys, data, name, flags, words):
    Path('file').touch()
    flags = flags.format(inputs=data / 'inputs', models=data / 'models')
    assert command(name, flags) == 1
    err = capsys.readouterr().err
    assert all(word in err for word in words), err
    assert err.startswith('neural_style-figures: ') and 'Traceback' not in err
    assert painted == [] and not os.path.exists('out')


def test_help_and_list_show_every_figure(capsys):
    for argv in (['list'], ['-help'], ['1', '-help']):
        assert main(argv) == 0
        out = capsys.readouterr().out
        assert all(figure.title in out for figure in FIGURES.values())
    assert 'FIGURE [options]' in out and '-reading' in out
    assert main([]) == 1
    assert 'list' in capsys.readouterr().err


def test_every_flag_and_figure_is_in_the_manual():
    manual = (ROOT / 'docs' / 'figures.md').read_text()
    flags = command_line().defaults()
    for word in (*(f'-{name}' for name in flags), *FIGURES):
        assert f'`{word}' in manual or f' {word}`' in manual, word


def test_a_network_with_branches_keeps_them_when_it_is_shortened():
    layers = [('a', nn.ReLU()), ('b', nn.Sigmoid()), ('c', Concat(1)), ('d', nn.ReLU())]
    cnn = Graph(layers, [[(-1, 0)], [(-1, 0)], [(0, 0), (1, 0)], [(2, 0)]])
    picture = Picture('content.png', '-content_image')
    painting = Painting(
        'x', 'x', (0, 0), picture, (picture,), {'content_layers': 'c', 'style_layers': 'a'}
    )
    short = shorten(cnn, [painting], 'some.caffemodel')
    assert [name for name, _ in short.named_children()] == ['a', 'b', 'c']
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(short(x), torch.cat((x.relu(), x.sigmoid()), 1))
