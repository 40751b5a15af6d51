"""-content_regions and -style_regions: pictures of flat colours, and masks."""

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import SEVEN_ITERATIONS
from written import pixels

from neural_style.command.process import main
from neural_style.memory import heap


def draw(name, *colors, size=(96, 72)):
    """Save stripes of colours, one beside the other."""
    image = Image.new('RGB', size)
    width = size[0] // len(colors)
    for number, color in enumerate(colors):
        image.paste(color, (number * width, 0, size[0], size[1]))
    image.save(name)


@pytest.fixture
def pictures(command):
    """Draw pictures of regions into the current folder."""
    draw('content.png', 'red', 'blue')
    draw('style, red.png', 'red', size=(9, 9))
    draw('style.png', 'blue', 'red', size=(80, 50))
    draw('left.png', 'white', 'black')
    draw('right.png', 'black', 'white')
    draw('all.png', 'white')


def test_a_picture_of_flat_colors_gives_each_region_a_style(pictures, command, data, capsys):
    styles = f'{data}/inputs/strokes.jpg,{data}/inputs/waves.jpg -init image'
    assert command(f'-style_image {styles} -content_regions content.png') == 0
    captured = capsys.readouterr().err
    assert 'content.png: the regions are, in this order, #ff0000 (50%), #0000ff (50%)' in captured
    masks = '-content_regions left.png,right.png -output_image masks.png'
    assert command(f'-style_image {styles} {masks}') == 0
    assert np.array_equal(pixels('out.png'), pixels('masks.png'))
    command(f'-style_image {styles} -output_image blended.png')
    assert not np.array_equal(pixels('out.png'), pixels('blended.png'))


@pytest.mark.parametrize(
    ('styles', 'want'),
    [(1, [[True, True]]), (2, [[True, False], [False, True]])],
)
def test_masks_are_those_of_one_style_image_or_of_each(traced_command, data, styles, want):
    draw('left.png', 'white', 'black')
    draw('right.png', 'black', 'white')
    names = ','.join([f'{data}/inputs/strokes.jpg', f'{data}/inputs/waves.jpg'][:styles])
    for name in ('sky', 'sea'):
        draw(f'{name}.png', 'gray', size=(8, 8))
    status, keywords = traced_command(
        *('-content_regions', 'left.png,right.png', '-style_regions', 'sky.png,sea.png'),
        *('-style_image', names, '-region_weights', '1,0.5'),
    )
    assert status == 0
    assert [mask.name for mask in keywords['content_regions']] == ['left.png', 'right.png']
    left = keywords['content_regions'][0].map
    assert left.shape == (1, 72, 96) and left.dtype == torch.float32
    entries = keywords['style_regions']
    assert [[mask is not None for mask in masks] for masks in entries] == want
    assert keywords['region_weights'] == '1,0.5'


REFUSED = [
    ('-content_regions nosuch.png', '-content_regions nosuch.png: no such file'),
    ('-content_regions {inputs}/scene.jpg', 'scene.jpg: this is no picture of flat colours;'),
    ('-style_regions content.png', '-style_regions: there are no -content_regions'),
    ('-style_regions nosuch.png', '-style_regions: there are no -content_regions'),
    (
        '-content_regions content.png -region_weights 1',
        '-region_weights: 1 weights for 2 regions: #ff0000, #0000ff',
    ),
    ('-content_regions ,', '-content_regions ,: names no picture'),
    ('-content_regions content.png -region_weights 1,x', '-region_weights 1,x: give a finite'),
    (
        '-content_regions content.png -style_regions left.png',
        '-style_regions: left.png has no colour in common with content.png',
    ),
    (
        '-content_regions content.png -style_regions "style\\, red.png"',
        'no style image serves #0000ff of content.png; paint it in style, red.png, or give it'
        ' weight 0 in -region_weights',
    ),
    (
        '-content_regions style.png',
        'region #0000ff of style.png: 80 x 50 pixels have another aspect than the 48 x 36',
    ),
    (
        '-content_regions left.png,right.png -style_regions all.png',
        '-style_regions all.png: 1 masks, for 2 regions and 1 style images',
    ),
]


@pytest.mark.parametrize(('flags', 'message'), REFUSED, ids=[flags for flags, _ in REFUSED])
def test_regions_that_do_not_fit_are_refused(pictures, command, data, capsys, flags, message):
    assert command(flags.format(inputs=data / 'inputs')) == 1
    captured = capsys.readouterr().err
    assert message in captured and 'Traceback' not in captured


def test_regions_of_a_batch_are_refused(pictures, command, data, capsys):
    assert command(f'-content_image {data}/inputs -content_regions content.png') == 1
    assert '-content_regions content.png: the regions are those of a' in capsys.readouterr().err


@pytest.mark.parametrize(
    'flags',
    [
        '-content_regions content.png -style_regions style.png -region_weights 1,0.5',
        '-content_regions left.png,right.png -style_regions right.png,all.png -multiscale 2',
    ],
)
def test_recipe_repeats_a_run_with_regions(pictures, command, data, flags):
    """The pictures are in the folder of the picture, the others are named."""
    flags = flags.replace('style.png', 'sized.png').replace('right.png,all', 'all.png,all')
    draw('sized.png', 'blue', 'red', size=(48, 30))
    assert command(f'{flags} -noise_scale 20') == 0
    inputs, models = data / 'inputs', data / 'models' / 'mini_vgg19_conv'
    network = ['-proto_file', f'{models}.prototxt', '-model_file', f'{models}.caffemodel']
    images = ['-content_image', f'{inputs}/scene.jpg', '-style_image', f'{inputs}/strokes.jpg']
    assert main(['-rerun', 'out.png', '-gpu', '-1', *images, *network]) == 0
    assert np.array_equal(pixels('out.png'), pixels('out_rerun.png'))


def test_resumed_run_checks_its_regions(pictures, command, capsys):
    flags = f'{SEVEN_ITERATIONS} -noise_scale 20 -content_regions content.png -region_weights 1,0'
    assert command(f'{flags} -checkpoint state -checkpoint_iter 3') == 0
    more = '-resume state -num_iterations 10 -output_image more.png'.split()
    assert main(more) == 0
    assert command(f'{flags} -num_iterations 10 -output_image long.png') == 0
    assert np.array_equal(pixels('more.png'), pixels('long.png'))
    draw('content.png', 'blue', 'red')
    capsys.readouterr()
    assert main(more) == 1
    assert '-content_regions: content.png is not what the run' in capsys.readouterr().err


def test_plan_of_a_dry_run_counts_the_guides(pictures, command, capsys, monkeypatch):
    # whatever other tests have left in this process
    monkeypatch.setattr(heap, 'resident_bytes', lambda: 300 << 20)
    size = '-image_size 640 -dry_run'
    peaks = []
    for flags in (
        '',
        '-content_regions content.png',
        '-content_regions left.png,right.png,all.png',
    ):
        assert command(f'{size} {flags}') == 0
        text = capsys.readouterr().out
        peaks.append(int(text.rpartition('predicted peak ')[2].strip().removesuffix('M')))
    assert peaks[0] < peaks[1] < peaks[2]


def test_weights_without_regions_have_no_effect(command, capsys):
    assert command('-region_weights 1,0') == 0
    assert '-region_weights 1,0: has no effect without regions' in capsys.readouterr().err
