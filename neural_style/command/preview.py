"""The preview of a run: what its page shows, and what the buttons of the page ask for."""

import math
import os
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.command.arguments import Arguments
from neural_style.command.saving import OutputImage
from neural_style.command.schedule import Schedule
from neural_style.command.signals import Interruption
from neural_style.torch7 import image
from neural_style.transfer.session import Iterate

LONGEST_SIDE = 1280  # of a picture on the page, in pixels
JPEG_QUALITY = 90
SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.3, 5.0  # seconds between two pictures
SHARE = 0.005  # of the run's time that pictures may take, as answers take about as much
ATTENTION = 3.0  # seconds after a request in which a viewer is thought to be there


@dataclass
class RunView:
    """One run, as the page shows it.

    losses: (content, style, total) of every evaluation.
    """

    arguments: Arguments
    output: OutputImage
    interruption: Interruption
    schedule: Schedule
    content: bytes
    begun: float = field(default_factory=time.monotonic)
    losses: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    message: str = ''
    seconds: float | None = None  # that the run took, once it has ended


class Preview:
    """What the page of one run after another shows.

    The thread that paints calls begin, show and end; threads of the server call the rest.
    Pictures are taken only while a viewer asks for them, so seldom that they take half a hundredth
    of the run's time, though not more seldom than every five seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: RunView | None = None
        self._number = 0  # of runs that have begun
        self._snapshot: tuple[int, Tensor] | None = None  # evaluation and x, small, on the CPU
        self._encoded: tuple[int, bytes] | None = None
        self._next_snapshot = 0.0
        self._snapshot_seconds = 0.0
        self._last_request = -math.inf
        self._save_requested = False

    def begin(
        self,
        arguments: Arguments,
        output: OutputImage,
        content: Tensor,
        schedule: Schedule,
        interruption: Interruption,
    ) -> None:
        """Show a run that begins, or goes on.

        content: (3, H, W), RGB in [0, 1].
        """
        view = RunView(arguments, output, interruption, schedule, encode(shrunk(content)))
        with self._lock:
            self._view, self._number = view, self._number + 1
            self._snapshot = self._encoded = None
            self._save_requested = False

    def show(self, iterate: Iterate) -> None:
        """Note the losses of an evaluation and, if somebody looks and it is time, its image."""
        view = self._view
        assert view is not None
        content, style = (
            # on the device, which nobody waits for
            torch.stack([term.to(iterate.loss.device) for term in terms]).sum()
            if terms
            else torch.zeros(())
            for terms in (iterate.content_terms, iterate.style_terms)
        )
        height, width = iterate.x.shape[1:]
        with self._lock:
            view.losses.append((content, style, iterate.loss.detach().clone()))
            view.size = width, height
        now = time.monotonic()
        is_last = iterate.iteration >= iterate.num_iterations - 1
        if self.has_viewer() and (is_last or now >= self._next_snapshot):
            snapshot = (
                view.schedule.done + len(view.losses),
                shrunk(iterate.x.detach()).cpu().clone(),
            )
            self._snapshot_seconds = time.monotonic() - now
            self._next_snapshot = now + self._interval()
            with self._lock:
                self._snapshot = snapshot

    def end(self, message: str) -> None:
        """Show that the run has ended, and how."""
        with self._lock:
            if self._view is not None and self._view.seconds is None:
                self._view.seconds = time.monotonic() - self._view.begun
                self._view.message = message

    def take_save_request(self) -> bool:
        """Tell whether the picture is to be saved now; the request is then forgotten."""
        with self._lock:
            requested, self._save_requested = self._save_requested, False
        return requested

    def request_save(self) -> None:
        """Ask the run to save its picture after this evaluation."""
        self._save_requested = True

    def request_stop(self) -> None:
        """Ask the run to end after this evaluation and save picture and state, as Ctrl-C does."""
        with self._lock:
            if self._view is not None and self._view.interruption.gentle:
                self._view.interruption.signal = signal.SIGINT
                self._view.message = 'stopping after this evaluation'

    def has_viewer(self) -> bool:
        return time.monotonic() - self._last_request < ATTENTION

    def content(self) -> bytes | None:
        """Return the content image as a JPEG; None before the first run."""
        return None if self._view is None else self._view.content

    def picture(self) -> bytes | None:
        """Return the newest picture as a JPEG; None if there is none yet."""
        with self._lock:
            view, snapshot, encoded = self._view, self._snapshot, self._encoded
        if view is None or snapshot is None:
            return None
        if encoded is None or encoded[0] != snapshot[0]:
            start = time.monotonic()
            encoded = snapshot[0], encode(painted(view.output, snapshot[1]))
            with self._lock:
                self._encoded = encoded
                self._snapshot_seconds += time.monotonic() - start
                self._next_snapshot = max(self._next_snapshot, start + self._interval())
        return encoded[1]

    def state(self, since: int = 0) -> dict[str, Any]:
        """Return what the page shows beside the pictures, for JSON.

        since: losses of as many evaluations are known to the page.
        """
        self._last_request = time.monotonic()
        with self._lock:
            view = self._view
            if view is None:
                return {'run': 0}
            losses = view.losses[since:]
            schedule = view.schedule
            done = schedule.done + len(view.losses)
            picture = None if self._snapshot is None else self._snapshot[0]
        elapsed = time.monotonic() - view.begun if view.seconds is None else view.seconds
        left = None
        if view.losses:
            work = schedule.work(done) - schedule.work(schedule.done)
            left = elapsed / work * (schedule.work(schedule.total) - schedule.work(done))
        return {
            'run': self._number,
            'title': os.path.basename(view.arguments.output_image),
            'settings': typed_flags(view.arguments),
            'first': schedule.done,
            'evaluation': done,
            'evaluations': finite(schedule.total),
            'scale': schedule.scale_number(done),
            'scales': len(schedule.counts),
            'size': view.size,
            'elapsed': elapsed,
            'left': None if left is None else finite(max(left, 0.0)),
            'losses': [[finite(float(loss)) for loss in row] for row in losses],
            'picture': picture,
            'message': view.message,
            'has_ended': view.seconds is not None,
        }

    def _interval(self) -> float:
        return min(max(SHORTEST_INTERVAL, self._snapshot_seconds / SHARE), LONGEST_INTERVAL)


def finite(number: float) -> float | None:
    """Return a number that JSON can hold; None for infinity and NaN."""
    return number if math.isfinite(number) else None


def typed_flags(arguments: Arguments) -> list[tuple[str, str]]:
    """Return the flags that were given, and their values; of paths only the last part."""
    return [
        (f'-{name}', os.path.basename(str(arguments.values[name])))
        for name in arguments.values
        if name in arguments.explicit and name not in ('preview', 'gpu')
    ]


def shrunk(picture: Tensor) -> Tensor:
    """Return a picture (3, H, W) in a size for the page: averages of whole blocks of pixels."""
    factor = math.ceil(max(picture.shape[1:]) / LONGEST_SIDE)
    if factor == 1 or min(picture.shape[1:]) < factor:
        return picture
    return functional.avg_pool2d(picture[None], factor, ceil_mode=True)[0]


def painted(output: OutputImage, x: Tensor) -> Tensor:
    """Return the picture of a small x, in the colours that the picture of the run will have."""
    height, width = x.shape[1:]
    colors = output.colors
    if colors is not None:
        colors = image.scale_to(colors, width, height)
    return replace(output, size=(height, width), colors=colors).from_iterate(x)


def encode(picture: Tensor) -> bytes:
    """Return a picture (3, H, W), RGB, as a JPEG."""
    return bytes(image.encode('picture.jpg', picture, JPEG_QUALITY))
