"""Paintings and their records, and which of them are rendered again."""

import os
import shutil
from pathlib import Path

import pytest
from planned import record_of

from neural_style.figures.paper import LAYERS


def test_record_holds_settings_losses_and_the_curve(command):
    command('2', '-num_iterations 3')
    record = record_of('B')
    settings = record['settings']
    assert settings['content_layers'] == 'relu4_2' and settings['seed'] == 1
    for checksum in (
        settings['content_image'],
        *settings['style_images'],
        settings['network']['sha256'],
    ):
        assert len(checksum) == 64
    layers = ['relu4_2', *(f'relu{layer}' for layer in LAYERS)]
    assert [loss['layer'] for loss in record['losses']] == layers
    assert len(record['curve']) == 3
    lowest = record['curve'][record['evaluation'] - 1]
    assert lowest == min(record['curve'])
    assert sum(loss['loss'] for loss in record['losses']) == pytest.approx(lowest)
    assert record['pictures'] == {'content_image': 'scene.jpg', 'style_images': ['strokes.jpg']}


def test_record_of_several_scales_is_that_of_the_last(command):
    command('2', '-image_size 64 -multiscale 48 -padding replicate')
    record = record_of('B')
    assert record['settings']['scales'] == [48, 64]
    assert record['settings']['padding'] == 'replicate'
    assert len(record['curve']) == record['settings']['num_iterations']
    lowest = record['curve'][record['evaluation'] - 1]
    assert lowest == min(record['curve'])
    assert sum(loss['loss'] for loss in record['losses']) == pytest.approx(lowest)


@pytest.mark.slow
def test_changed_settings_are_rendered_again(command, calls, data):
    command('style_scale')
    for flags in ('-seed 2', '-image_size 24', '-num_iterations 1'):
        del calls[:]
        command('style_scale', flags)
        assert len(calls) == 3, flags
    shutil.copy(data / 'inputs' / 'waves.jpg', 'style.jpg')
    command('style_scale', '-style_image style.jpg')
    shutil.copy(data / 'inputs' / 'ink.jpg', 'style.jpg')  # another image, the same name
    del calls[:]
    command('style_scale', '-style_image style.jpg')
    assert len(calls) == 3


def test_only_a_lost_painting_is_rendered_again(command, calls):
    command('style_scale')
    del calls[:]
    os.remove('out/scale_1.png')
    command('style_scale')
    assert len(calls) == 1
    Path('out', 'scale_2.json').write_text('{"settings":')  # cut off
    command('style_scale')
    assert len(calls) == 2


def test_stale_record_never_stands_beside_a_new_painting(command, monkeypatch):
    command('style_scale')
    before = os.path.exists('out/scale_2.json')

    def interrupted(path, image):
        raise KeyboardInterrupt

    monkeypatch.setattr('neural_style.figures.rendering.image.save', interrupted)
    assert command('style_scale', '-seed 2') == 130
    assert before and not os.path.exists('out/scale_2.json')
