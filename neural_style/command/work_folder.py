"""The folder in which the finished frames of a video wait until all are painted: out.frames.

state.json      settings, checksums of the inputs, versions
frames.jsonl    a line for each finished frame: number, time, whether it begins a scene;
frames.N.jsonl  likewise, by process N of several that paint scenes of their own
scenes.json     the number of the first frame of each scene, and how many frames it has, for these
N.png           the frame as it was painted; N.final.png in the colours that it gets in the end
flow_N_M.npy    the flow from one frame to another, as long as it may be needed
"""

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.input_files import Checksums
from neural_style.files.atomic import write_whole
from neural_style.files.pillow import to_tensor
from neural_style.torch7 import image

FORMAT = 1
HALF_STEP = 0.5 / 255  # of what eight bits cut off, on average


@dataclass(frozen=True)
class FrameRecord:
    """A finished frame.  time: seconds on the clip's clock.  pass_number: of several, from 1."""

    number: int
    time: Fraction
    begins_scene: bool
    pass_number: int = 1

    def line(self) -> str:
        """Return the record as a line of JSON."""
        return json.dumps([self.number, str(self.time), self.begins_scene, self.pass_number]) + '\n'


def work_folder(output_image: str) -> str:
    """Return the folder for the frames of an output: out.mp4 has out.frames."""
    return os.path.splitext(output_image)[0] + '.frames'


class WorkFolder:
    """The finished frames of a video.

    rank: of the process; each has a file of its own for the frames that it has finished.
    """

    def __init__(self, path: str, rank: int = 0):
        self.path = path
        self.records: list[FrameRecord] = []
        self._notes = self.file(f'frames.{rank}.jsonl' if rank else 'frames.jsonl')
        self._length = 0  # of these notes, in bytes

    def exists(self) -> bool:
        return os.path.isfile(self.file('state.json'))

    def begin(self, arguments: Arguments, checksums: Checksums) -> None:
        """Make the folder.  Raises OSError."""
        content = {
            'format': FORMAT,
            'torch': torch.__version__,
            'settings': dict(arguments.values) | {'generator_seed': arguments.generator_seed},
            'sums': checksums,
        }
        try:
            os.makedirs(self.path, exist_ok=True)
            write_whole(self.file('state.json'), json.dumps(content).encode())
        except OSError as error:
            with contextlib.suppress(OSError):  # it is empty, or of another run
                os.rmdir(self.path)
            raise type(error)(f'{self.path}: cannot write the frames: {error.strerror}') from error

    def read(self) -> dict[str, Any]:
        """Read what an interrupted run has left: the state; the frames become the records.

        Raises ValueError for another folder.
        """
        try:
            with open(self.file('state.json'), encoding='utf-8') as file:
                state = json.load(file)
            settings = state['settings']
            is_state = state['format'] == FORMAT and isinstance(state['sums'], dict)
            if not is_state or not isinstance(settings['generator_seed'], int | None):
                raise ValueError
            if not all(isinstance(value, int | float | str | None) for value in settings.values()):
                raise ValueError
            self.read_records()
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise ValueError(
                f'-resume {self.path}: these are not the frames of an interrupted run'
            ) from error
        return state

    def read_records(self) -> None:
        """Read which frames are finished, by whatever process; a line cut off does not count."""
        self.records = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.path), 'frames*.jsonl'))):
            with open(path) as file:
                lines = [line for line in file if line.endswith('\n')]
            for line in lines:
                number, time, begins_scene, pass_number = json.loads(line)
                self.records.append(FrameRecord(number, Fraction(time), begins_scene, pass_number))
            if path == self._notes:
                self._length = sum(map(len, lines))

    def save(self, record: FrameRecord, painted: Tensor, final: Tensor | None) -> None:
        """Add a finished frame, (3, H, W), RGB; final: in other colours, or None.

        Raises OSError.
        """
        image.save(self._picture(record.number, record.pass_number), painted)
        if final is not None:
            image.save(self._final(record.number), final)
        try:
            self._cut_off()
            with open(self._notes, 'a') as file:
                file.write(record.line())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise type(error)(f'{self.path}: cannot write the frames: {error.strerror}') from error
        self.records.append(record)
        self._length += len(record.line())
        if record.pass_number > 1:
            with contextlib.suppress(OSError):
                os.remove(self._picture(record.number, record.pass_number - 1))

    def _cut_off(self) -> None:
        """Remove a line that a killed run has left unfinished."""
        if os.path.exists(self._notes):
            os.truncate(self._notes, self._length)

    def save_scenes(self, scenes: Sequence[tuple[int, int]]) -> None:
        """Keep where scenes begin: the number of the first frame, and the count of frames."""
        write_whole(self.file('scenes.json'), json.dumps(scenes).encode())

    def scenes(self) -> list[tuple[int, int]] | None:
        """Return what save_scenes has kept; None if nothing is there."""
        try:
            with open(self.file('scenes.json')) as file:
                return [(int(first), int(count)) for first, count in json.load(file)]
        except (OSError, ValueError, TypeError):
            return None

    def painted(self, number: int) -> Tensor:
        """Return a frame as it was painted in its last pass: (3, H, W), RGB."""
        return dequantised(image.load(self._picture(number, self._last_pass(number))))

    def frames(self) -> list[FrameRecord]:
        """Return the last record of each frame, in the order of time."""
        last = {record.number: record for record in self.records}
        return sorted(last.values(), key=lambda record: record.time)

    def save_content(self, number: int, frame: Tensor) -> None:
        """Keep a frame that is to be painted again: (3, H, W), RGB in [0, 1], at 16 bits."""
        values = frame.clamp(0, 1).mul(65535).round().numpy().astype(np.uint16)
        np.save(self.file(f'{number}.content.npy'), values)

    def content(self, number: int) -> Tensor:
        """Return a frame that save_content has kept."""
        values = np.load(self.file(f'{number}.content.npy'), allow_pickle=False)
        return torch.from_numpy(values.astype(np.float64)).div_(65535)

    def final(self, number: int) -> str:
        """Return the path of the picture of a finished frame."""
        path = self._final(number)
        return path if os.path.exists(path) else self._picture(number, self._last_pass(number))

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _last_pass(self, number: int) -> int:
        records = reversed(self.records)
        return next(record.pass_number for record in records if record.number == number)

    def _picture(self, number: int, pass_number: int) -> str:
        name = f'{number}.png' if pass_number == 1 else f'{number}.{pass_number}.png'
        return self.file(name)

    def _final(self, number: int) -> str:
        return self.file(f'{number}.final.png')

    def file(self, name: str) -> str:
        """Return the path of a file of the folder."""
        return os.path.join(self.path, name)


def quantised(picture: Tensor) -> Tensor:
    """Return a painted frame as it comes back from its file, so that all runs go on alike."""
    return dequantised(to_tensor(image.to_bytes(picture), 255))


def dequantised(picture: Tensor) -> Tensor:
    """Return the middle of the values that eight bits stand for: they were cut off, not rounded."""
    return picture + HALF_STEP
