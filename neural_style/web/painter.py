"""The painter of a job: a process of its own, which paints on when the page is killed.

It runs the command in the folder of the job, and writes there what the page shows.
"""

import contextlib
import functools
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from neural_style.command.arguments import Arguments
from neural_style.command.networks import NETWORK, locate_network
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview import Preview, encode, shrunk
from neural_style.command.process import exit_status
from neural_style.command.run import run
from neural_style.command.signals import Interruption
from neural_style.command.terminal import log_printed, open_streams
from neural_style.command.video import run_video
from neural_style.distributed import SINGLE_PROCESS
from neural_style.files.atomic import write_whole
from neural_style.files.locks import LockedError, locked
from neural_style.memory.heap import configure_malloc
from neural_style.modes import default_modes
from neural_style.torch7 import image
from neural_style.video.clip import Selection
from neural_style.video.decoding import open_video
from neural_style.web.frames_view import FramesView
from neural_style.web.job import BEFORE, LIVE, NICENESS, PICTURE, STATE, VIDEO, Job
from neural_style.web.sketch import is_wanted, sketch

INTERVAL = 0.4  # seconds between two looks at the run
INTERRUPTED = 130


def main(folder: str) -> int:
    """Paint the job in a folder, and write how it ended."""
    job = Job(Path(folder).absolute())
    if hasattr(os, 'nice'):
        os.nice(NICENESS)
    try:
        with locked(folder), open_streams(), default_modes():
            return paint(job)
    except LockedError:
        return 1  # another painter is at work on it


def paint(job: Job) -> int:
    """Run the command of a job; returns its exit status."""
    job.update(state='painting', message='')
    status = exit_status(functools.partial(run_job, job))
    if status == 0:
        job.update(state='finished')
        job.forget_state()
    elif status == INTERRUPTED and (job.is_video or job.has(PICTURE)):
        is_final = job.request() == 'stop'
        if is_final:
            job.forget_state()
        job.update(state='stopped' if is_final else 'paused')
    else:
        job.update(state='failed', message=job.error())
    return status


def run_job(job: Job) -> int:
    """Run the flags of a job, or continue it from its state."""
    arguments = located_arguments(job)
    configure_malloc()
    if is_wanted(job):
        sketch(job)
    with log_printed(logging.INFO), Interruption() as interruption:
        if job.is_video:
            view = FramesView(job, arguments, interruption)
            with published(job, view):
                run_video(arguments, interruption, SINGLE_PROCESS)
        else:
            page = Preview()
            with published(job, page):
                run(replace(arguments, page=page), interruption)
        if job.is_video or arguments.fast:
            publish_result(job)
    return 0


def located_arguments(job: Job) -> Arguments:
    """Return the arguments of a job, and make its folder the current one."""
    start_folder = os.getcwd()
    os.chdir(job.folder)
    if job.has(STATE):
        return parse_arguments(['-resume', STATE])
    arguments = parse_arguments(job.read()['flags'])
    os.chdir(start_folder)  # where models may be
    if not arguments.fast:
        arguments, _ = locate_network(arguments)
        files = {name: os.path.abspath(str(arguments.values[name])) for name in NETWORK}
        arguments = arguments.with_values(**files)
    os.chdir(job.folder)
    return arguments


@contextlib.contextmanager
def published(job: Job, page: Preview | FramesView) -> Iterator[None]:
    """Write what the page shows into the folder of the job for the time of a run."""
    has_ended = threading.Event()

    def work() -> None:
        publish(job, page)  # at once, so that the shortest of runs has been looked at
        while not has_ended.wait(INTERVAL):
            publish(job, page)
            if job.request():
                page.request_stop()

    thread = threading.Thread(target=work, name='publish', daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()
        publish(job, page)


def publish(job: Job, page: Preview | FramesView) -> None:
    """Write losses and picture as they are now."""
    with contextlib.suppress(OSError):  # a full disk ends no run
        state = page.state()
        if not state['run']:
            return
        if not job.has(BEFORE) and (content := page.content()) is not None:
            write_whole(job.file(BEFORE), content)
        if state['picture'] is not None and (picture := page.picture()) is not None:
            write_whole(job.file(LIVE), picture)
        write_whole(job.file('progress.json'), json.dumps(state).encode())


def publish_result(job: Job) -> None:
    """Show what was painted without an evaluation to look at, or a video from its beginning."""
    count = 1
    if job.is_video:
        clip = open_video(VIDEO, Selection())
        picture = next(clip.frames()).image()
        count = clip.count or count
        expected = int(job.read().get('frames', count))
        if count < expected:
            job.update(message=f'{expected - count} of {expected} frames could not be read')
    else:
        picture = image.load(PICTURE)
    height, width = picture.shape[1:]
    state = {'evaluation': count, 'evaluations': count, 'size': [width, height], 'picture': 0}
    write_whole(job.file(LIVE), encode(shrunk(picture)))
    write_whole(job.file('progress.json'), json.dumps({**job.progress(), **state}).encode())


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
