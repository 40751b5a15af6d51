"""The button beneath a picture that brings another file, for which the picture then stands."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from neural_style.web.events import UNSEEN, refusal


def make_file_button(
    picture: Any,
    label: str,
    suffixes: list[str],
    elem_id: str,
    bring: Callable[[str], tuple[str, str]],
    note_of: Callable[[str | None], Any],
) -> None:
    """Make the button, and the line that says what the picture stands for.

    picture: the component in whose place files are brought.  bring: path → the picture that stands
    for the file, and what there is to say of it; raises ValueError.  note_of: path of any picture
    → what there is to say of it, or gr.skip() to leave what was said.
    """
    button = gr.UploadButton(label, file_types=suffixes, size='sm', elem_id=elem_id)
    note = gr.HTML(elem_id=f'{elem_id}-note', padding=False)

    def bring_file(path: str) -> Any:
        yield gr.skip(), 'Looking at the file …'
        try:
            brought = bring(path)
        except ValueError as error:
            yield gr.skip(), ''
            raise refusal(error) from None
        yield brought

    button.upload(bring_file, button, [picture, note], **UNSEEN)
    picture.change(note_of, picture, note, **UNSEEN)
