"""The queue: jobs are painted one after the other, each by a process of its own."""

import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from neural_style.web import job as jobs
from neural_style.web.job import Job
from neural_style.web.sketch import is_wanted

POLL = 0.2  # seconds
CLOSING = 30.0  # seconds that a painter has to save its state when the page ends


class QueueFullError(ValueError):
    """As many jobs wait as may."""


class PaintingQueue:
    """Paints jobs in their order.

    Painters outlive a page that is killed: the next page waits for them, and shows them.
    limit: of the jobs that may wait.
    """

    def __init__(self, results: Path, limit: int):
        self.results = results
        self.limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._is_closed = threading.Event()
        self._adopted: list[Job] = []
        for job in jobs.jobs(results):
            if job.is_painted():
                self._adopted.append(job)
            elif job.state == 'waiting':
                self._waiting.append(job)
            else:
                job.settle()
        self._sketched: set[str] = set()  # names of jobs; each is tried once
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._work, self._sketch)
        ]

    def open(self) -> None:
        """Begin to paint."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let the painter save its state, and end."""
        self._is_closed.set()
        current = self._current
        if current is not None:
            current.ask('pause')
        self._threads[0].join(CLOSING)

    def check(self) -> None:
        """Raise QueueFullError if no other job may wait."""
        with self._lock:
            if len(self._waiting) >= self.limit:
                raise QueueFullError(
                    f'{len(self._waiting)} pictures are waiting already; try again later'
                )

    def add(self, job: Job, first: bool = False) -> None:
        """Let a job wait for its turn.  first: it goes on, and waits for no other."""
        job.file('stop').unlink(missing_ok=True)
        job.update(state='waiting', message='')
        with self._lock:
            if first:
                self._waiting.appendleft(job)
            else:
                self._waiting.append(job)

    def position(self, job: Job) -> int:
        """Return how many pictures are painted before a job that waits."""
        with self._lock:
            is_busy = self._current is not None
            return self._waiting.index(job) + is_busy if job in self._waiting else 0

    def end(self, job: Job, request: str) -> None:
        """Pause or stop a job, whether it is painted or waits."""
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
                job.update(state='paused' if job.has(jobs.LIVE) else 'stopped')
                return
        if job.state == 'painting':
            job.ask(request)
        elif job.state == 'paused' and request == 'stop':
            job.forget_state()
            job.update(state='stopped')

    def _work(self) -> None:
        for job in self._adopted:
            self._current = job
            while job.is_painted() and not self._is_closed.is_set():
                time.sleep(POLL)
            job.settle()
        self._current = None
        while not self._is_closed.is_set():
            with self._lock:
                self._current = self._waiting.popleft() if self._waiting else None
            if self._current is None:
                time.sleep(POLL)
            else:
                self._paint(self._current)

    def _sketch(self) -> None:
        """Paint sketches of jobs that wait while another is painted, one at a time."""
        while not self._is_closed.wait(POLL):
            with self._lock:
                waiting = list(self._waiting) if self._current is not None else []
            waiting = [job for job in waiting if job.id not in self._sketched and is_wanted(job)]
            if waiting:
                self._sketched.add(waiting[0].id)
                run_module('sketch', waiting[0])

    def _paint(self, job: Job) -> None:
        job.update(state='painting')
        run_module('painter', job)
        job.settle()


def run_module(name: str, job: Job) -> None:
    """Run a module of this package for a job in a process of its own, and wait for its end."""
    with open(job.file('log.txt'), 'ab') as log:
        process = subprocess.Popen(
            [sys.executable, '-m', f'neural_style.web.{name}', str(job.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # Ctrl-C is the page's
        )
        process.wait()
