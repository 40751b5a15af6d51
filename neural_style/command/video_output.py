"""The result of a video's run: its finished frames, encoded, with the sound of the source."""

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import PIL.Image

from neural_style.command import recipe as recipes
from neural_style.command.signals import Interrupted
from neural_style.command.terminal import warn
from neural_style.command.video_run import VideoRun
from neural_style.video.animations import SUFFIXES, write_animation
from neural_style.video.encoding import Sound, encode_video
from neural_style.video.opening import is_video
from neural_style.video.picture_files import is_pattern


def finish(run: VideoRun) -> None:
    """Make the video of the finished frames, and remove their folder.  Raises OSError."""
    output = run.arguments.output_image
    if is_pattern(output):
        run.folder.remove()
        warn(f'the frames are in {os.path.abspath(output)}')
        return
    replaced = '; it replaced an earlier file' if os.path.exists(output) else ''
    path = run.folder.file('video' + os.path.splitext(output)[1])
    try:
        _encode(run, path)
        os.replace(path, output)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f'{output}: cannot write the video: {reason}') from error
    run.folder.remove()
    warn(f'the video is in {os.path.abspath(output)}{replaced}')


def _encode(run: VideoRun, path: str) -> None:
    clip, selection = run.clip, run.options.selection
    rate = clip.format.rate / selection.every
    if os.path.splitext(path)[1].lower() in SUFFIXES:
        write_animation(path, _pictures(run), rate)
        return
    has_sound = is_video(clip.path)
    encode_video(
        path,
        _pictures(run),
        replace(clip.format, rate=rate),
        crf=run.arguments.video_crf,
        sound=Sound(clip.path, selection.start, selection.end) if has_sound else None,
        comment=_recipe(run),
    )


def _pictures(run: VideoRun) -> Iterator[tuple[Fraction, np.ndarray]]:
    """Yield time and pixels of the finished frames."""
    for record in run.folder.frames():
        if run.interruption.signal:
            raise Interrupted('interrupted', run.interruption.signal)
        with PIL.Image.open(run.folder.final(record.number)) as picture:
            yield record.time, np.asarray(picture.convert('RGB'))


def _recipe(run: VideoRun) -> str | None:
    """Return the recipe that goes into a video made from a file."""
    recipe = recipes.record(run.arguments, run.checksums)
    is_from_file = os.path.isfile(run.arguments.content_image)
    if recipe is None or not is_from_file or run.arguments.flow_pattern != '':
        return None
    return recipe(int(run.options.iterations[0]))
