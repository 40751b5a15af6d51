"""Styles in files: trained ones and those of -save_style, in the place of a painting.

A style that comes with the program is shown by what it makes of a photograph, any other by a card.
"""

import os
import shutil

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from neural_style.command.paths import join_paths
from neural_style.command.saved_styles import load_saved_style
from neural_style.command.trained_styles import load_trained_style, shipped_styles
from neural_style.fast.trained import TrainedStyle, is_trained_style
from neural_style.transfer.saved_style import SUFFIX, is_saved_style
from neural_style.web import uploads
from neural_style.web.choices import PICTURES
from neural_style.web.flag_checks import without_machine
from neural_style.web.stand_ins import new_stand_in

SUFFIXES = [SUFFIX]
SIZE = (480, 360)  # of a card
PAPER, INK, FAINT = '#f6f4f0', '#24262b', '#5b5e66'
MARGIN = 32
TOP = 90  # under the label of the page


def is_style_file(path: str | None) -> bool:
    """Tell whether a path is that of a style and no picture, by its suffix as in the command."""
    return is_saved_style(path)


def paints_at_once(path: str | None) -> bool:
    """Tell whether a path is that of a trained style."""
    return path is not None and is_style_file(path) and is_trained_style(path)


def check(path: str, max_bytes: int) -> None:
    """Refuse a file that is no style, or too large.  Raises ValueError as the command does."""
    uploads.check_bytes(path, max_bytes)
    with without_machine():
        load = load_trained_style if paints_at_once(path) else load_saved_style
        load(join_paths([path]))


def stand_in_for(path: str) -> str:
    """Return a picture that stands for a style that was checked."""
    picture = new_stand_in(path)
    name = name_of(path)
    sample = samples().get(path)
    if sample is not None:
        shutil.copyfile(sample, picture)
    elif paints_at_once(path):
        names = [other for other in TrainedStyle.load(path).names if other != name]
        draw_card('Trained style', [name, *names]).save(picture, quality=92)
    else:
        draw_card('Saved style', [name]).save(picture, quality=92)
    return picture


def describe(path: str | None) -> str:
    """Return what there is to say of a style; '' for a picture."""
    if path is None or not is_style_file(path):
        return ''
    if paints_at_once(path):
        return f'The trained style {name_of(path)}: it paints at once, whatever the preset.'
    return 'A saved style: paint with the preset and the size that it was saved with.'


def name_of(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def samples() -> dict[str, str]:
    """Return a picture painted with each style that comes with the program, by the style's path."""
    paths = {path: str(PICTURES / f'trained_{name}.jpg') for name, path in shipped_styles().items()}
    return {path: sample for path, sample in paths.items() if os.path.isfile(sample)}


def draw_card(kind: str, names: list[str]) -> PIL.Image.Image:
    """Draw what stands for a style: what kind it is of, its name, and those that are in it."""
    card = PIL.Image.new('RGB', SIZE, PAPER)
    pen = PIL.ImageDraw.Draw(card)
    pen.text((MARGIN, TOP), kind, FAINT, PIL.ImageFont.load_default(22))
    top = TOP + 40
    for name, size in zip(names, (44, 26, 26, 26), strict=False):
        font = PIL.ImageFont.load_default(size)
        while font.getlength(name) > SIZE[0] - 2 * MARGIN:
            name = f'{name.rstrip("…")[:-1]}…'
        pen.text((MARGIN, top), name, INK, font)
        top += int(1.6 * size)
    return card
