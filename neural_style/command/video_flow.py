"""-flow_pattern: the files of a clip's flow are looked at before anything is painted."""

import logging
import os
from collections.abc import Iterator
from itertools import islice

from neural_style.command.video_run import VideoRun
from neural_style.logs import log_level
from neural_style.video.flow import view
from neural_style.video.flow_files import flow_file


def check_flow(run: VideoRun) -> None:
    """Refuse files of the flow that are missing, or do not fit the frames.

    The first two frames say whether the files fit.  Where one is missing, all frames are followed,
    since none is needed from one scene to the next.  Raises SettingError.
    """
    arguments = run.arguments
    if arguments.flow_pattern == '':
        return
    limit = 2 if all(map(os.path.isfile, _files(run))) and run.clip.count else None
    previous = None
    with log_level(logging.ERROR):  # a frame that is left out is told once, by the painting
        frames = (scaled for scaled in run.scaled_frames() if not scaled.is_finished)
        for scaled in islice(frames, limit):
            current = view(scaled.frame.number, scaled.image)
            if scaled.motions and previous is not None and arguments.num_passes > 1:
                run.find_motion(previous, current)  # the second pass goes backward
            previous = current


def _files(run: VideoRun) -> Iterator[str]:
    """Yield the files of a clip that is a single scene."""
    arguments, numbers = run.arguments, run.clip.numbers
    numbers = range(1, (run.clip.count or 0) + 1) if numbers is None else numbers
    patterns = filter(None, (arguments.flow_pattern, arguments.flowWeight_pattern))
    distances = {1, *run.options.indices}
    pairs = [pair for d in distances for pair in zip(numbers[d:], numbers[:-d], strict=True)]
    if arguments.num_passes > 1:
        pairs += zip(numbers[:-1], numbers[1:], strict=True)
    for pattern in patterns:
        for current, previous in pairs:
            yield flow_file(pattern, current, previous)
