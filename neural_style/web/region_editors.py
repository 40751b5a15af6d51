"""The editors in which regions are drawn with the brush."""

import functools
import os
import tempfile
from dataclasses import dataclass
from typing import Any

import gradio as gr
import PIL.Image
import PIL.ImageOps

from neural_style.web import regions, style_files, uploads
from neural_style.web.events import UNSEEN, refusal
from neural_style.web.stand_ins import stands_for

LONGEST_SIDE = 1024  # of a picture in an editor: one of a camera would make its brush sluggish


@dataclass(frozen=True)
class RegionEditors:
    """The components: an editor for each picture, and what happens to the remainder."""

    content: Any
    style: Any
    keeps_rest: Any


def make_regions(content: Any, style: Any, max_bytes: int) -> RegionEditors:
    """Make the editors, which follow the components of the two pictures."""
    gr.Markdown(
        'Paint over parts of the photograph, and with the same colour over the part of the style'
        ' that they shall take. Draw nothing on the style to use all of it.'
    )
    with gr.Row():
        editors = RegionEditors(
            region_editor('Photograph', 'ns-content-regions'),
            region_editor('Style', 'ns-style-regions'),
            gr.Checkbox(
                False,
                label='Leave what is not painted over as it is',
                elem_id='ns-rest',
                render=False,
            ),
        )
    editors.keeps_rest.render()
    for picture, editor in ((content, editors.content), (style, editors.style)):
        picture.change(functools.partial(editable, max_bytes), picture, editor, **UNSEEN)
    return editors


def editable(max_bytes: int, path: str | None) -> str | None:
    """Return a picture for its editor, upright and not too large; say at once if it is none.

    There is none to draw on of a style in a file.
    """
    if path is None or style_files.is_style_file(stands_for(path)):
        return None
    try:
        formats = uploads.check(path, max_bytes)
    except ValueError as error:
        raise refusal(error) from None
    try:
        return reduced(path, formats)
    except Exception:  # as decoders fail: the painter says what is damaged
        return None


def reduced(path: str, formats: tuple[str, ...]) -> str:
    """Write a picture of at most LONGEST_SIDE beside those of gradio; returns its path."""
    with PIL.Image.open(path, formats=formats) as picture:
        picture.draft('RGB', (LONGEST_SIDE, LONGEST_SIDE))  # decodes a large JPEG smaller
        upright = PIL.ImageOps.exif_transpose(picture).convert('RGB')
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    folder = tempfile.mkdtemp(dir=os.environ.get('GRADIO_TEMP_DIR'))
    copy = os.path.join(folder, 'picture.jpg')
    upright.save(copy, quality=90)
    return copy


def region_editor(label: str, elem_id: str) -> Any:
    """Make an editor with a brush of few colours."""
    return gr.ImageEditor(
        type='pil',
        label=label,
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(default_size=40, colors=list(regions.COLORS), color_mode='fixed'),
        elem_id=elem_id,
        min_width=150,
        height=300,
        buttons=[],
    )
