"""Videos that people bring: what may be painted of them, and their first frame as a picture.

python -m neural_style.web.clips VIDEO PICTURE LIMIT [FLAG ...] writes the first frame that the
flags select, and prints the number of frames and their size.  Decoders of videos fail in ways of
their own, and are not let into the process of the page.
"""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from neural_style.command.clips import check_clip, open_content
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview import encode, shrunk
from neural_style.command.terminal import with_flags
from neural_style.files.atomic import write_whole
from neural_style.video.libraries import EXTRA
from neural_style.video.opening import holds_video
from neural_style.video.picture_files import is_animation
from neural_style.web.job import without_folders
from neural_style.web.uploads import MAX_PIXELS, too_large

PATIENCE = 60.0  # seconds for a first frame
LIBRARIES = ('av', 'cv2')
REMEDY = 'choose a part with -start and -end, or -every 2, under All settings (Video)'


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a video.  frames: how many are to be painted.  size: width and height."""

    frames: int
    size: tuple[int, int]


def is_clip_file(path: str) -> bool:
    """Tell whether a file is a video or an animation by its content, whatever its name says.

    Only containers that hold all of their pictures count: FFmpeg reads playlists too, which name
    other files.
    """
    return holds_video(path) or is_animation(path)


def inspect(path: str, picture: str, limit: int, flags: Sequence[str] = ()) -> ClipFacts:
    """Look at a video in a process of its own; write its first frame as a JPEG.

    limit: frames are counted a little beyond it, if the file does not say how many there are.
    Raises ValueError.
    """
    if not all(map(importlib.util.find_spec, LIBRARIES)):
        raise ValueError(f'videos need an extra on the machine of this page: {EXTRA}')
    command = [sys.executable, '-m', __name__, path, picture, str(limit), *flags]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
        content = json.loads(done.stdout)
        problem = content.get('problem', '')
    except (ValueError, subprocess.TimeoutExpired):
        problem = 'this file is no video that can be read; try an MP4'
    if problem:
        raise ValueError(problem)
    return ClipFacts(content['frames'], tuple(content['size']))


def check_length(facts: ClipFacts, limit: int) -> None:
    """Refuse a video that has too many frames.  Raises ValueError."""
    if facts.frames > limit:
        raise ValueError(
            f'the video has {facts.frames} frames, and up to {limit} are painted: {REMEDY};'
            ' or cut it'
        )


def main(path: str, picture: str, limit: str, *flags: str) -> None:
    """Print what is known of a video, or why it cannot be painted, as JSON."""
    sys.stdout.write(json.dumps(facts_of(path, picture, int(limit), flags)))


def facts_of(path: str, picture: str, limit: int, flags: Sequence[str]) -> dict[str, object]:
    """Return frames and size, or the problem; write the first frame."""
    output = os.path.join(os.path.dirname(picture), 'video.mp4')  # is written by the painter
    words = ['-content_image', path, '-style_image', '', *flags, '-output_image', output]
    try:
        arguments = parse_arguments(words)
        clip = open_content(arguments, check_clip(arguments))
        frames = clip.frames()
        first = next(frames, None)
        if first is None:
            return {'problem': 'there is no frame to paint in this video'}
        height, width = first.pixels.shape[:2]
        if width * height > MAX_PIXELS:
            return {'problem': too_large()}
        write_whole(picture, encode(shrunk(first.image())))
        count = clip.count or 1 + sum(1 for _ in itertools.islice(frames, limit))
    except (ValueError, OSError) as error:
        text = str(error).replace(path, os.path.basename(path)).replace('`content_image` ', '')
        return {'problem': without_folders(with_flags(text))}
    return {'frames': count, 'size': [width, height]}


if __name__ == '__main__':
    main(*sys.argv[1:])
