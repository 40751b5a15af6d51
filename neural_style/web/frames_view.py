"""What the page shows of a video while it is painted: its finished frames, from their folder."""

import signal
import time
from typing import Any

from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.preview import encode, shrunk
from neural_style.command.signals import Interruption
from neural_style.command.work_folder import WorkFolder
from neural_style.torch7 import image
from neural_style.web.job import FRAMES, Job


class FramesView:
    """The finished frames of a video's run, as Preview shows the evaluations of a picture's.

    They are read from their folder, so that painting knows nothing of it.
    """

    def __init__(self, job: Job, arguments: Arguments, interruption: Interruption):
        self._folder = WorkFolder(str(job.file(FRAMES)))
        self._total = int(job.read().get('frames', 0)) * int(arguments.num_passes)
        self._interruption = interruption
        self._begun = time.monotonic()
        self._first = self._read()
        self._newest: tuple[int, Tensor] | None = None

    def state(self) -> dict[str, Any]:
        """Return what the page shows beside the pictures, for JSON."""
        done = self._read()
        if done and (self._newest is None or self._newest[0] != done):
            picture = image.load(self._folder.final(self._folder.records[-1].number))
            self._newest = done, picture
        elapsed = time.monotonic() - self._begun
        new = done - self._first
        size = [0, 0] if self._newest is None else list(self._newest[1].shape[:0:-1])
        return {
            'run': 1,
            'evaluation': done,
            'evaluations': max(self._total, done),
            'size': size,
            'elapsed': elapsed,
            'left': max(self._total - done, 0) * elapsed / new if new else None,
            'losses': [],
            'picture': None if self._newest is None else self._newest[0],
        }

    def content(self) -> bytes | None:
        """Return None: frames move on, and there is no one picture to compare them with."""
        return None

    def picture(self) -> bytes | None:
        """Return the newest frame as a JPEG; None if there is none yet."""
        if self._newest is None:
            return None
        return encode(shrunk(self._newest[1].double()))

    def request_stop(self) -> None:
        """Ask the run to end after this evaluation, as Ctrl-C does; finished frames are kept."""
        self._interruption.signal = signal.SIGINT

    def _read(self) -> int:
        """Return how many frames are finished, of all passes.

        The folder is removed when the video is written; then they stay as many.
        """
        if self._folder.exists():
            self._folder.read_records()
        return len(self._folder.records)
