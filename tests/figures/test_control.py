"""The gallery of colour and scale."""

import os

import numpy as np
from PIL import Image
from planned import plan_of, record_of


def test_control_shows_every_choice_of_colour_and_both_ways_of_scale():
    paintings = {painting.name: painting for painting in plan_of('control').paintings}
    colors = {painting.settings.get('color', '') for painting in paintings.values()}
    assert colors == {'', 'content', 'luminance', 'match'}
    first, second = paintings['layers'].styles
    assert paintings['strokes'].content == second and paintings['strokes'].styles == (first,)
    assert paintings['combined'].style_paintings == (paintings['strokes'],)


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
