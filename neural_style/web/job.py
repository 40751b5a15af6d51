"""A job: a picture or video in a folder of its own, which outlives the page and its machine.

job.json       flags, title, state
progress.json  what the page shows while it is painted
live.jpg       the newest picture
before.jpg     the content image, in the size of the page
sketch.jpg     what is painted at once, until the newest picture is worth more
picture.png    the result, with its recipe; of a video, picture.mp4
stop           exists while the painter is asked to end: pause or stop
log.txt        stderr of the painter
"""

import datetime
import json
import os
import re
import secrets
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neural_style.files.atomic import write_whole
from neural_style.files.locks import LockedError, locked

ID = re.compile(r'\d{8}-\d{6}-\d{6}-[0-9a-f]{12}')
PICTURE, STATE, LIVE, BEFORE = 'picture.png', 'picture.checkpoint', 'live.jpg', 'before.jpg'
SKETCH = 'sketch.jpg'
VIDEO, FRAMES = 'picture.mp4', 'picture.frames'  # the finished frames wait in a folder
NICENESS = 5  # of its processes: the page answers first
# Flags that a command line for others does not need.
PAGE_FLAGS = ('-print_iter', '-save_iter')
# Folders of the machine in a message; a file keeps its name.
FOLDERS = re.compile(r'(?<![\w.\\/-])(?:[A-Za-z]:)?[\\/](?:[^\s\\/:;,\'"()]+[\\/])*')


@dataclass(frozen=True)
class Job:
    """A job in its folder."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    def file(self, name: str) -> Path:
        return self.folder / name

    def read(self) -> dict[str, Any]:
        """Return what job.json holds."""
        return self._json('job.json') or {'flags': [], 'state': 'failed', 'title': ''}

    def update(self, **values: Any) -> None:
        """Change values of job.json."""
        content = {**self.read(), **values}
        write_whole(self.file('job.json'), json.dumps(content, indent=1).encode())

    def progress(self) -> dict[str, Any]:
        """Return what the painter has published last; {} before."""
        return self._json('progress.json') or {}

    def _json(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads(self.file(name).read_text('utf-8'))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    @property
    def state(self) -> str:
        return str(self.read()['state'])

    def has(self, name: str) -> bool:
        return self.file(name).is_file()

    @property
    def is_video(self) -> bool:
        return self.value('-output_image') == VIDEO

    @property
    def result(self) -> str:
        """Return the name of the file that is painted."""
        return VIDEO if self.is_video else PICTURE

    def can_continue(self) -> bool:
        """Tell whether painting can go on where it has stopped."""
        return self.is_video or self.has(STATE)

    def forget_state(self) -> None:
        """Remove the state of a picture, which may be large; a video goes on at its next frame."""
        self.file(STATE).unlink(missing_ok=True)

    def is_painted(self) -> bool:
        """Tell whether a painter is at work on it, of this page or of one that was killed."""
        try:
            with locked(str(self.folder)):
                return False
        except LockedError:
            return True

    def ask(self, request: str) -> None:
        """Ask the painter to end after this evaluation; request: pause or stop."""
        write_whole(self.file('stop'), request.encode())

    def request(self) -> str:
        """Return what the painter is asked for; '' for nothing."""
        try:
            return self.file('stop').read_text('utf-8')
        except OSError:
            return ''

    def settle(self) -> None:
        """Give a job whose painter has gone without a word a state that is true."""
        if self.state == 'painting':
            has_picture = self.has(LIVE)
            message = '' if has_picture else self.error() or 'stopped before the first evaluation'
            self.update(state='paused' if has_picture else 'failed', message=message)

    def error(self) -> str:
        """Return the last message of the painter, without folders of the machine."""
        try:
            lines = self.file('log.txt').read_text('utf-8', 'replace').splitlines()
        except OSError:
            return ''
        messages = [line for line in lines if line.startswith('neural_style: ')]
        return without_folders(messages[-1].removeprefix('neural_style: ')) if messages else ''

    def command(self) -> str:
        """Return the command line that paints the same, in the folder of its pictures."""
        flags = list(self.read()['flags'])
        pairs = [i for i, flag in enumerate(flags) if flag in PAGE_FLAGS]
        kept = [word for i, word in enumerate(flags) if not {i, i - 1} & set(pairs)]
        return shlex.join(['neural_style', *kept])

    def value(self, flag: str) -> str:
        """Return the value of a flag of the job; '' if it is not among them."""
        flags = self.read()['flags']
        return flags[flags.index(flag) + 1] if flag in flags else ''


def create(results: Path) -> Job:
    """Make the folder of a new job."""
    moment = datetime.datetime.now().strftime('%Y%m%d-%H%M%S-%f')  # in the order of their names
    name = f'{moment}-{secrets.token_hex(6)}'
    (results / name).mkdir(parents=True, mode=0o700)
    return Job(results / name)


def find(results: Path, name: str | None) -> Job | None:
    """Return a job by its name; None if there is none, whatever the name is."""
    if not isinstance(name, str) or not ID.fullmatch(name):
        return None
    job = Job(results / name)
    return job if job.has('job.json') else None


def jobs(results: Path) -> Iterator[Job]:
    """Yield all jobs, the oldest first."""
    names = sorted(os.listdir(results)) if results.is_dir() else []
    for name in names:
        job = find(results, name)
        if job is not None:
            yield job


def without_folders(text: str) -> str:
    """Leave the folders of the machine out of a message."""
    return FOLDERS.sub('', text)


def start(job: Job, flags: Sequence[str], title: str) -> None:
    """Write the flags of a job that waits."""
    job.update(flags=list(flags), title=title, state='waiting', message='', created=time.time())
