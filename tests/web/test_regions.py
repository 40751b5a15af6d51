"""Regions that are drawn with the brush."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from neural_style.web import regions

ORANGE, BLUE = (230, 85, 13), (49, 130, 189)


def strokes(*rectangles):
    """Return what an editor gives for strokes: (colour, box), with a soft edge."""
    layer = Image.new('RGBA', (80, 60))
    for color, box in rectangles:
        ImageDraw.Draw(layer).rectangle(box, fill=(*color, 255), outline=(*color, 90))
    return {'background': None, 'layers': [layer], 'composite': None}


def test_strokes_become_flat_colours():
    picture = regions.drawn(strokes((ORANGE, (0, 0, 40, 30)), (BLUE, (41, 31, 79, 59))))
    assert picture.size == (80, 60)
    assert set(regions.colors_of(picture)) == {ORANGE, BLUE, regions.REST}
    assert np.asarray(picture)[10, 10].tolist() == list(ORANGE)


@pytest.mark.parametrize('editor', [None, {}, {'layers': []}, strokes()])
def test_no_strokes_are_no_regions(editor):
    assert regions.flags(editor, None, False) == ([], {})


def test_rest_is_left_as_it_is_where_that_is_asked_for():
    words, pictures = regions.flags(strokes((ORANGE, (10, 10, 40, 30))), None, True)
    assert words == ['-content_regions', 'content_regions.png', '-region_weights', '0,1']
    assert pictures.keys() == {'content_regions.png'}


def test_region_that_the_style_lacks_is_named():
    content = strokes((ORANGE, (10, 10, 40, 30)), (BLUE, (41, 31, 79, 59)))
    with pytest.raises(ValueError, match='no region in blue'):
        regions.flags(content, strokes((ORANGE, (0, 0, 20, 20))), False)


def test_style_alone_has_no_regions():
    with pytest.raises(ValueError, match='on the content too'):
        regions.flags(None, strokes((ORANGE, (0, 0, 20, 20))), False)
