"""Sketches: what is painted at once, to look at while a picture waits, or is begun.

python -m neural_style.web.sketch FOLDER paints that of a job which waits.
"""

import contextlib
import logging
import os
import sys
from pathlib import Path

from neural_style.command.parsing import parse_arguments
from neural_style.command.run import run
from neural_style.command.signals import Interruption
from neural_style.command.terminal import open_streams
from neural_style.logs import log_level
from neural_style.modes import default_modes
from neural_style.transfer.saved_style import is_saved_style
from neural_style.web.job import LIVE, NICENESS, SKETCH, Job

# What a sketch has of a job; it has no more pixels than the page shows.
SKETCHED = (
    *('-content_image', '-style_image', '-style_blend_weights', '-original_colors'),
    *('-content_regions', '-style_regions', '-region_weights'),
)
SIZE = 640


def main(folder: str) -> int:
    """Paint the sketch of the job in a folder."""
    os.chdir(folder)
    if hasattr(os, 'nice'):
        os.nice(NICENESS)
    with open_streams(), default_modes():
        sketch(Job(Path(folder).absolute()))
    return 0


def is_wanted(job: Job) -> bool:
    """Tell whether a job has nothing to show yet, and does not go on from another's picture."""
    has_picture = job.has(SKETCH) or job.has(LIVE) or job.value('-init_image')
    is_fast = '-fast' in job.read()['flags']  # it is not worth painting twice
    has_no_painting = is_saved_style(job.value('-style_image'))
    return not (has_picture or job.is_video or is_fast or has_no_painting)


def sketch(job: Job) -> None:
    """Paint a sketch in the folder of its job, which is the current one."""
    flags = [word for flag in SKETCHED if job.value(flag) for word in (flag, job.value(flag))]
    size = min(int(job.value('-image_size')), SIZE)
    upright = ['-exif_orientation', '1', '-icc_profile', '1']
    words = ['-fast', *flags, *upright, '-image_size', str(size), '-output_image', SKETCH]
    # what there is to say, and why something fails, the run itself says
    with log_level(logging.CRITICAL), contextlib.suppress(ValueError, OSError, MemoryError):
        run(parse_arguments(words), Interruption())


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
