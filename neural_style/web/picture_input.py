"""Places of the page where a picture is dropped, pasted or taken, with examples beneath them."""

from typing import Any

import gradio as gr

from neural_style.web import style_files
from neural_style.web.choices import PICTURES
from neural_style.web.events import UNSEEN


def kept_path(payload: Any) -> str | None:
    """Return the path of an uploaded picture unread: uploads.check says what is no picture."""
    return None if payload is None else payload.path


def picture_input(label: str, elem_id: str, height: int, start: str | None = None) -> Any:
    """Make the place where a picture is dropped, pasted or taken.  start: one that is there."""
    picture: Any = gr.Image(
        start,
        type='filepath',
        image_mode=None,
        label=label,
        sources=['upload', 'clipboard', 'webcam'],
        height=height,
        elem_id=elem_id,
        buttons=[],
        placeholder='Drop, paste, or click',
    )
    picture.preprocess = kept_path
    return picture


def example_paths(names: tuple[str, ...]) -> list[str]:
    """Return the paths of pictures that come with the page."""
    return [str(PICTURES / f'{name}.jpg') for name in names]


def picture_with_examples(
    label: str, elem_id: str, files: list[str], start: str | None = None
) -> Any:
    """Make the place for a picture, with examples under it: pictures, or styles with samples.

    start: a picture that is there at the beginning.
    """
    picture = picture_input(label, elem_id, 230, start)
    samples = style_files.samples()
    examples = gr.Gallery(
        [samples.get(file, file) for file in files],
        columns=len(files),
        label=f'Examples: {label.lower()}',
        show_label=False,
        container=False,
        allow_preview=False,
        interactive=False,
        object_fit='cover',
        buttons=[],
        elem_id=f'{elem_id}-examples',
        elem_classes=['ns-thumbs', 'ns-examples'],
    )

    def choose(event: gr.SelectData) -> Any:
        file = files[int(event.index)]
        return style_files.stand_in_for(file) if file in samples else file

    examples.select(choose, None, picture, **UNSEEN)
    return picture
