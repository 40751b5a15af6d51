"""The button that brings a video in the place of the photograph."""

import os
import shutil
from typing import Any

import gradio as gr

from neural_style.command.arguments import Arguments
from neural_style.web import clips, uploads
from neural_style.web.clips import ClipFacts
from neural_style.web.file_button import make_file_button
from neural_style.web.stand_ins import new_stand_in, stands_for

SUFFIXES = ['.mp4', '.m4v', '.mov', '.webm', '.mkv', '.avi']


def make_clip_upload(content: Any, arguments: Arguments) -> None:
    """Make the button, and the line that says what the picture stands for.

    content: the component of the photograph, which shows the first frame.
    """
    max_bytes, max_frames = int(arguments.max_upload) << 20, int(arguments.max_frames)

    def bring(path: str) -> tuple[str, str]:
        return shown_clip(path, max_bytes, max_frames)

    make_file_button(content, '… or a video', SUFFIXES, 'ns-video', bring, note_of)


def shown_clip(path: str, max_bytes: int, max_frames: int) -> tuple[str, str]:
    """Return the first frame of a video, which stands for it, and what there is to say of it."""
    uploads.check_bytes(path, max_bytes)
    if not clips.is_clip_file(path):
        raise ValueError('this file is no video that can be read; try an MP4')
    picture, facts = stand_in_for(path, max_frames)
    width, height = facts.size
    text = f'A video of {facts.frames} frames, {width} × {height}.'
    if facts.frames > max_frames:
        text += f' Up to {max_frames} are painted: {clips.REMEDY}.'
    return picture, text


def note_of(picture: str | None) -> Any:
    """Return what there is to say of a picture; a video has said it already."""
    if stands_for(picture) != picture:
        return gr.skip()
    is_animation = picture is not None and clips.is_clip_file(picture)
    return 'An animation: it is painted as a video.' if is_animation else ''


def stand_in_for(path: str, limit: int) -> tuple[str, ClipFacts]:
    """Return a picture that stands for a video, and what is known of it.  Raises ValueError.

    limit: frames are counted a little beyond it.
    """
    picture = new_stand_in(path)
    try:
        return picture, clips.inspect(path, picture, limit)
    except ValueError:
        shutil.rmtree(os.path.dirname(str(stands_for(picture))))
        raise
