"""Cameras that are painted live: whose frame is painted when, and by which process.

A browser sends a frame, and the next one once an answer is there: what its camera sees meanwhile is
dropped, and nothing is queued but one frame of every camera, which take turns.  Frames are kept in
memory alone.
"""

import asyncio
import json
import math
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

CAMERA = re.compile(r'[\w-]{8,64}')  # what a browser calls its camera
SIZES = (256, 384, 512)  # of a frame's longer side, that the page offers
MAX_BYTES = 1 << 20  # of a frame; one of 512 x 384 has a twentieth
SILENCE = 10.0  # seconds after which a camera without frames has gone
IDLE = 60.0  # seconds after which a painter without frames ends, and gives its memory back
# Threads that wait for each other give their cores up after some microseconds: where a browser or
# another painter needs one, with libgomp's patience a frame took up to 900 ms, with this one 170.
WAITING = {'GOMP_SPINCOUNT': '10000'}
GONE = 'the painter has ended unexpectedly; start the camera again'


class RefusedError(ValueError):
    """A frame that is not painted.  status: of the answer, in HTTP."""

    def __init__(self, status: int, problem: str):
        super().__init__(problem)
        self.status = status


class Cameras:
    """The cameras that are painted, in turn.

    limit: how many there may be.  max_size: of the longer side of their frames.
    """

    def __init__(self, limit: int, max_size: int = max(SIZES)):
        self.limit = limit
        self.sizes = [size for size in SIZES if size <= max_size] or [max_size]
        self.painter = PaintingProcess()
        self._styles: dict[str, str] = {}  # paths, by what stands for them outside
        self._seen: dict[str, float] = {}  # when the last frame of a camera came
        self._in_flight: set[str] = set()  # cameras of which a frame is painted, or waits
        self._turn = asyncio.Lock()  # whoever comes first is first
        self._idle: asyncio.TimerHandle | None = None

    def offer(self, style: str) -> str:
        """Return the name under which browsers ask for a style that was checked.  style: a path."""
        known = (name for name, path in self._styles.items() if path == style)
        name = next(known, None) or secrets.token_hex(16)
        self._styles[name] = style
        return name

    async def paint(self, camera: str, query: Mapping[str, str], frame: bytes) -> bytes:
        """Paint a frame of a camera; JPEG in, JPEG out.  Raises RefusedError.

        query: style, a name from offer; strength, from 0 to 1; weights of the styles in its file,
        or ''.
        """
        request = {'camera': camera, 'max_size': self.sizes[-1], **self._settings(query)}
        if not CAMERA.fullmatch(camera):
            raise RefusedError(400, 'this is no name of a camera')
        if len(frame) > MAX_BYTES:
            raise RefusedError(413, 'this frame is too large')
        self._admit(camera)
        self._in_flight.add(camera)
        try:
            async with self._turn:
                return await self._painted(request, frame)
        finally:
            self._in_flight.remove(camera)

    def leave(self, camera: str) -> None:
        """Give the place of a camera to others."""
        self._seen.pop(camera, None)

    def close(self) -> None:
        """End the painter."""
        self.painter.close()

    def _settings(self, query: Mapping[str, str]) -> dict[str, Any]:
        style = self._styles.get(query.get('style', ''))
        if style is None:
            raise RefusedError(404, 'the page has been started again; choose the style again')
        try:
            strength = float(query.get('strength', '1'))
            weights = [float(weight) for weight in query.get('weights', '').split(',') if weight]
        except ValueError:
            raise RefusedError(400, 'strength and weights are numbers') from None
        if not 0 <= strength <= 1 or not all(0 <= x < math.inf for x in weights):
            raise RefusedError(400, 'strength is a number from 0 to 1, weights are from 0')
        return {'style': style, 'strength': strength, 'weights': weights}

    def _admit(self, camera: str) -> None:
        now = time.monotonic()
        self._seen = {name: then for name, then in self._seen.items() if now - then < SILENCE}
        if camera not in self._seen and len(self._seen) >= self.limit:
            raise RefusedError(
                503, f'as many cameras as may be ({self.limit}) are painted now; try again later'
            )
        self._seen[camera] = now
        if camera in self._in_flight:
            raise RefusedError(429, 'this frame is dropped: another of its camera is painted')

    async def _painted(self, request: Mapping[str, Any], frame: bytes) -> bytes:
        if self._idle is not None:
            self._idle.cancel()
        try:
            return await asyncio.to_thread(self.painter.paint, request, frame)
        finally:
            self._idle = asyncio.get_running_loop().call_later(IDLE, self.painter.close)


class PaintingProcess:
    """The process of live_painter.py, which starts with its first frame."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def paint(self, request: Mapping[str, Any], frame: bytes) -> bytes:
        """Let a frame be painted, as LivePainter.paint does it.  Raises RefusedError."""
        with self._lock:
            process = self._process = self._process or start()
            try:
                head, content = ask(process, {**request, 'bytes': len(frame)}, frame)
            except (OSError, ValueError):  # no whole line
                self._end()
                raise RefusedError(500, GONE) from None
        if head['problem']:
            raise RefusedError(400, head['problem'])
        return content

    def close(self) -> None:
        """End the process, if there is one; the next frame starts another."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None


def start() -> 'subprocess.Popen[bytes]':
    """Start the process; what goes wrong in it is seen where the page was started."""
    return subprocess.Popen(
        [sys.executable, '-m', 'neural_style.web.live_painter'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**WAITING, **os.environ},
        start_new_session=True,  # Ctrl-C is the page's
    )


def ask(
    process: 'subprocess.Popen[bytes]', request: Mapping[str, Any], frame: bytes
) -> tuple[dict[str, Any], bytes]:
    """Return the head of an answer, and its content.  Raises OSError and ValueError."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(request).encode() + b'\n' + frame)
    process.stdin.flush()
    head = json.loads(process.stdout.readline())
    content = process.stdout.read(head['bytes'])
    if len(content) < head['bytes']:
        raise ValueError('the answer ends within a picture')
    return head, content
