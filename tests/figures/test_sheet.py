"""The labelled sheet."""

import io

import torch
from PIL import Image
from planned import plan_of

from neural_style.figures.sheet import Sheet, parts


def test_sheet_has_every_painting_in_its_cell():
    plan = plan_of('3')
    grey = {painting.name: torch.full((3, 30, 40), 0.5) for painting in plan.paintings}
    inputs = {panel.input.path: torch.zeros(3, 40, 20) for panel in plan.panels}
    sheet = Sheet(plan, 40, 30)
    drawn = Image.open(io.BytesIO(sheet.draw('title', 'caption ' * 99, grey, inputs)))
    for painting in plan.paintings:
        x, y = sheet.corner(painting.cell)
        cell = drawn.crop((x, y, x + sheet.cell_size[0], y + sheet.cell_size[1]))
        assert cell.getextrema() == ((128, 128),) * 3


def test_text_is_raised_truncated_wrapped_and_ascii():
    assert parts('10^-5, ä') == [('10', False), ('-5', True), (', ?', False)]
    sheet = Sheet(plan_of('3'), 512, 384)
    assert sheet.width('10^-5') < sheet.width('10-5')
    shortened = sheet.truncate('a_very_long_name_of_a_picture.jpg', 100)
    assert shortened.endswith('...') and sheet.width(shortened) <= 100
    lines = sheet.wrap('one two three four five', 90, 1)
    assert len(lines) > 1 and ' '.join(lines) == 'one two three four five'
