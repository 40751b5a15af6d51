"""The button that brings a style in a file in the place of a painting."""

from collections.abc import Callable
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.web import style_files
from neural_style.web.file_button import make_file_button
from neural_style.web.stand_ins import stands_for


def make_style_upload(
    style: Any,
    arguments: Arguments,
    elem_id: str = 'ns-trained',
    describe: Callable[[str | None], str] = style_files.describe,
) -> None:
    """Make the button.

    style: the component of the style, which shows what stands for the file.  describe: path of a
    style → what there is to say of it.
    """
    max_bytes = int(arguments.max_upload) << 20

    def bring(path: str) -> tuple[str, str]:
        if not style_files.is_style_file(path):
            raise ValueError(f'this file is no style; those end in {style_files.SUFFIXES[0]}')
        style_files.check(path, max_bytes)
        return style_files.stand_in_for(path), describe(path)

    def note_of(picture: str | None) -> str:
        return describe(stands_for(picture))

    make_file_button(style, '… or a trained style', style_files.SUFFIXES, elem_id, bring, note_of)
