"""The queue: jobs are painted one after the other, each by a process of its own."""

import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from neural_style.web import job as jobs
from neural_style.web.job import Job

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
        self._thread = threading.Thread(target=self._work, name='queue', daemon=True)

    def open(self) -> None:
        """Begin to paint."""
        self._thread.start()

    def close(self) -> None:
        """Let the painter save its state, and end."""
        self._is_closed.set()
        current = self._current
        if current is not None:
            current.ask('pause')
        self._thread.join(CLOSING)

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
            job.file(jobs.STATE).unlink(missing_ok=True)
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

    def _paint(self, job: Job) -> None:
        job.update(state='painting')
        with open(job.file('log.txt'), 'ab') as log:
            painter = subprocess.Popen(
                [sys.executable, '-m', 'neural_style.web.painter', str(job.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the page's
            )
            painter.wait()
        job.settle()
