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

from neural_style.command.networks import NETWORK, locate_network
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview import Preview
from neural_style.command.process import exit_status
from neural_style.command.run import run
from neural_style.command.signals import Interruption
from neural_style.command.terminal import log_printed, open_streams
from neural_style.files.atomic import write_whole
from neural_style.files.locks import LockedError, locked
from neural_style.memory.heap import configure_malloc
from neural_style.modes import default_modes
from neural_style.web.job import BEFORE, LIVE, NICENESS, PICTURE, STATE, Job
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
    page = Preview()
    with published(job, page):
        status = exit_status(functools.partial(run_job, job, page))
        publish(job, page)
    if status == 0:
        job.update(state='finished')
        job.file(STATE).unlink(missing_ok=True)  # it may be large
    elif status == INTERRUPTED and job.has(PICTURE):
        is_final = job.request() == 'stop'
        if is_final:
            job.file(STATE).unlink(missing_ok=True)
        job.update(state='stopped' if is_final else 'paused')
    else:
        job.update(state='failed', message=job.error())
    return status


def run_job(job: Job, page: Preview) -> int:
    """Run the flags of a job, or continue it from its state."""
    start_folder = os.getcwd()
    os.chdir(job.folder)
    arguments = parse_arguments(['-resume', STATE] if job.has(STATE) else job.read()['flags'])
    if not job.has(STATE):
        os.chdir(start_folder)  # where models may be
        arguments, _ = locate_network(arguments)
        files = {name: os.path.abspath(str(arguments.values[name])) for name in NETWORK}
        arguments = arguments.with_values(**files)
        os.chdir(job.folder)
    configure_malloc()
    if is_wanted(job):
        sketch(job)
    with log_printed(logging.INFO), Interruption() as interruption:
        run(replace(arguments, page=page), interruption)
    return 0


@contextlib.contextmanager
def published(job: Job, page: Preview) -> Iterator[None]:
    """Write what the page shows into the folder of the job for the time of a run."""
    has_ended = threading.Event()

    def work() -> None:
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


def publish(job: Job, page: Preview) -> None:
    """Write losses and picture as they are now."""
    state = page.state()
    if not state['run']:
        return
    with contextlib.suppress(OSError):  # a full disk ends no run
        if not job.has(BEFORE) and (content := page.content()) is not None:
            write_whole(job.file(BEFORE), content)
        if state['picture'] is not None and (picture := page.picture()) is not None:
            write_whole(job.file(LIVE), picture)
        write_whole(job.file('progress.json'), json.dumps(state).encode())


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
