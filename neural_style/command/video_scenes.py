"""The run over a video whose processes paint scenes of their own: -parallel scenes."""

import contextlib
import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from neural_style.command.saving import resume_command
from neural_style.command.signals import Interrupted
from neural_style.command.terminal import print_line, warn
from neural_style.command.video_run import VideoRun
from neural_style.distributed import World
from neural_style.logs import log_level
from neural_style.network.devices import gpu_of_rank, parse_gpus
from neural_style.video.clip import Frame
from neural_style.video.continuity import MotionTracker
from neural_style.video.flow import view
from neural_style.video.flow_cache import FlowCache


class ScenesRun(VideoRun):
    """A run that shares the scenes of a clip among processes, each with a device of its own.

    Every frame is that of one process, since nothing passes from one scene to the next.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._processes, self._recorded = self.world, self.arguments
        self._first_numbers: list[int] = []
        self._remaining: list[int] = []
        self._share: set[int] = set()
        self._done = 0  # frames of all processes, at the start
        rank = self.world.rank
        gpus = gpu_of_rank(parse_gpus(self.arguments.gpu), self.world.local_rank)
        self.arguments = replace(
            self.arguments.with_values(gpu=','.join(map(str, gpus))),
            # the first process makes the remarks on flags
            typed=frozenset() if rank else self.arguments.typed - {'parallel'},
        )
        self.world = World(rank, size=1)

    def paint_all(self) -> None:
        """Find the scenes, paint this process's, and wait for the others."""
        if self.arguments.dry_run:
            super().paint_all()
            return
        with self._meeting():
            self._find_scenes()
        self._share_scenes()
        self.use_flows(FlowCache(self.folder.path))
        with self._meeting():
            if self._share:
                super().paint_all()
        if self.world.rank == 0:  # which makes the video, and removes the folder
            self.folder.read_records()

    def count(self) -> int | None:
        """Return how many frames are finished, or this process's to paint."""
        if not self._first_numbers:
            return super().count()
        return self._done + sum(self._remaining[index] for index in self._share)

    def frames(self) -> Iterator[tuple[Frame, bool]]:
        """Yield the frames of the scenes of this process, and whether one begins a scene."""
        for frame in self.clip.frames():
            if not self._first_numbers:
                yield frame, False
            elif self._scene(frame.number) in self._share:
                yield frame, frame.number in self._first_numbers

    def how_to_continue(self) -> str:
        """Say how far all processes are, and how to go on."""
        if not self.folder.exists():
            return super().how_to_continue()
        self.folder.read_records()
        count = '' if self.clip.count is None else f' of {self.clip.count}'
        command = resume_command(self.folder.path)
        return f'after {len(self.folder.records)}{count} frames; continue with: {command}'

    @contextlib.contextmanager
    def _meeting(self) -> Iterator[None]:
        """Let all processes come to an end, and raise what has stopped one of them."""
        problem: BaseException | None = None
        try:
            yield
        except (Interrupted, ValueError, OSError) as error:
            problem = error
        if not self._processes.max(int(problem is not None)):
            return
        number = self._processes.max(self.interruption.signal)
        if problem is not None:
            raise problem
        if number:
            raise Interrupted('interrupted', number)
        raise ValueError('another process has failed')

    def _find_scenes(self) -> None:
        """Look for the cuts of the clip, unless that has been done; the first process does it."""
        if self.world.rank or (self.folder.exists() and self.folder.scenes()):
            return
        has_frames = bool(self.folder.records)
        if not self.folder.exists():
            self.folder.begin(self._recorded, self.checksums.by_flag())
        try:
            self.folder.save_scenes(self._scenes())
        except BaseException:
            if not has_frames:
                self.folder.remove()
            raise

    def _scenes(self) -> list[tuple[int, int]]:
        """Return the number of the first frame of each scene, and how many it has."""
        tracker = MotionTracker(self.find_motion, [])
        counts: Counter[int] = Counter()
        first = 0
        with log_level(logging.ERROR):  # a frame that is left out is told by the painting
            for frame in self.clip.frames():
                if self.interruption.signal:
                    raise Interrupted('interrupted', self.interruption.signal)
                if not tracker.follow(view(frame.number, self.scaled(frame))):
                    first = frame.number
                counts[first] += 1
        if not counts:
            raise self.no_frame()
        return list(counts.items())

    def _share_scenes(self) -> None:
        """Choose the scenes of this process, and say how many there are."""
        scenes = self.folder.scenes() or []
        self._first_numbers = [first for first, _ in scenes]
        finished = Counter(self._scene(record.number) for record in self.folder.records)
        self._remaining = [count - finished[index] for index, (_, count) in enumerate(scenes)]
        self._done = len(self.folder.records)
        shares = shared(self._remaining, self._processes.size, self.options.iterations)
        self._share = shares[self.world.rank]
        frames = sum(self._remaining[index] for index in self._share)
        print_line(
            f'{len(scenes)} scenes for {len(shares)} processes; this one paints {len(self._share)}'
            f' of them, {frames} frames'
        )
        if self.world.rank == 0 and sum(map(bool, shares)) < len(shares):
            warn(
                '-parallel scenes: there are fewer scenes to paint than processes;'
                ' -parallel tiles shares each frame'
            )

    def _scene(self, number: int) -> int:
        """Return the scene that a frame belongs to."""
        return bisect_right(self._first_numbers, number) - 1


def shared(
    remaining: Sequence[int], processes: int, iterations: tuple[float, float]
) -> list[set[int]]:
    """Share scenes among processes, the longest first, each to the one with the least to do.

    remaining: the frames to be painted of each scene.  iterations: of the first frame of a scene,
    and of the others.  Returns the scenes of each process.
    """
    first, later = iterations
    shares: list[set[int]] = [set() for _ in range(processes)]
    work = [0.0] * processes
    for index in sorted(range(len(remaining)), key=lambda index: -remaining[index]):
        if remaining[index]:
            process = work.index(min(work))
            shares[process].add(index)
            work[process] += first + (remaining[index] - 1) * later
    return shares
