"""The gallery of colour and scale."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from planned import plan_of, record_of


def test_control_shows_every_choice_of_colour_and_both_ways_of_scale():
    paintings = {painting.name: painting for painting in plan_of('control').paintings}
    colors = {painting.settings.get('color', '') for painting in paintings.values()}
    assert colors == {'', 'content', 'luminance', 'match'}
    first, second = paintings['layers'].styles
    assert paintings['strokes'].content == second and paintings['strokes'].styles == (first,)
    assert paintings['combined'].style_paintings == (paintings['strokes'],)


@pytest.mark.slow
def test_pictures_of_regions_beside_the_inputs_add_a_row(command, calls, data):
    for name, colors in (('scene', [(255, 0, 0), (0, 0, 255)]), ('strokes', [(255, 0, 0)])):
        shutil.copy(data / 'inputs' / f'{name}.jpg', f'{name}.jpg')
        with Image.open(f'{name}.jpg') as picture:
            size = picture.size
        regions = Image.new('RGB', size, colors[-1])
        if len(colors) > 1:
            regions.paste(colors[0], (0, 0, size[0] // 2, size[1]))
        regions.save(f'{name}_regions.png')
    styles = f'strokes.jpg,{data}/inputs/waves.jpg'
    assert command('control', f'-content_image scene.jpg -style_image {styles}') == 0
    assert len(calls) == 11
    assert calls[-1]['content_regions'] == 'scene_regions.png'
    record = record_of('regions_match')
    record = record_of('regions_match')
    assert record['settings']['content_regions'] != record['settings']['style_regions'][0]


@pytest.mark.slow
def test_a_painting_may_be_the_style_of_a_later_one(command, calls):
    assert command('control') == 0
    assert len(calls) == 9
    record = record_of('combined')
    assert record['pictures']['style_images'] == ['strokes.png']
    assert record['settings']['style_paintings'] == [record_of('strokes')['settings']]
    assert np.asarray(Image.open('out/sheet.png')).std() > 20
    del calls[:]
    os.remove('out/combined.png')
    assert command('control') == 0
    assert len(calls) == 1, 'the others are already painted'
