"""Flows kept on disk, so that none is computed twice."""

import contextlib
import io
import os
import threading

import numpy as np
import torch
from torch import Tensor

from neural_style.files.atomic import write_whole
from neural_style.video.flow import View, dis_flow

LIMIT = 2 << 30  # bytes; what comes then is computed again where it is needed again
WAITING = 8  # flows in memory: those of the second frame, while the first is painted


class FlowCache:
    """Computes flows by DIS, and keeps them as float16 in files of a folder.

    folder: it need not exist yet; until it does, flows wait in memory.  limit: bytes of all files.
    writes: whether they are kept at all; those that are there are read.
    The flows of dis_flow are numbers of float16, so a run that finds them here goes on as one that
    computes them.
    """

    def __init__(self, folder: str, limit: int = LIMIT, writes: bool = True):
        self._folder = folder
        self._limit = limit
        self._writes = writes
        self._waiting: dict[str, np.ndarray] = {}
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()  # the next frame is prepared beside the painting
        if os.path.isdir(folder):
            with os.scandir(folder) as entries:
                files = [entry for entry in entries if entry.name.startswith('flow_')]
                self._sizes = {file.name: file.stat().st_size for file in files}

    def flow(self, source: View, target: View) -> Tensor:
        """Return the flow from one frame to another: (2, H, W), float32."""
        name = f'flow_{source.number}_{target.number}.npy'
        values = self._waiting.get(name)
        if values is None:
            values = self._read(name)
        if values is not None and values.shape == (2, *source.grey.shape):
            return torch.from_numpy(values.astype(np.float32))
        flow = dis_flow(source.grey, target.grey)
        if self._writes and len(self._waiting) < WAITING:
            self._waiting[name] = flow.numpy().astype(np.float16)
            self.store()
        return flow

    def store(self) -> None:
        """Write what waits, once there is the folder."""
        with self._lock:
            if not os.path.isdir(self._folder):
                return
            for name, values in list(self._waiting.items()):
                if sum(self._sizes.values()) + values.nbytes <= self._limit:
                    self._write(name, values)
                del self._waiting[name]

    def forget(self, number: int) -> None:
        """Remove the flows between a frame and earlier ones."""
        if not self._writes:
            return
        with self._lock:
            for name in {*self._waiting, *self._sizes}:
                if number == max(map(int, name.removesuffix('.npy').split('_')[1:])):
                    self._waiting.pop(name, None)
                    self._sizes.pop(name, None)
                    with contextlib.suppress(OSError):
                        os.remove(os.path.join(self._folder, name))

    def _write(self, name: str, values: np.ndarray) -> None:
        content = io.BytesIO()
        np.save(content, values)
        with contextlib.suppress(OSError):  # a full disk is for the frames
            write_whole(os.path.join(self._folder, name), content.getvalue())
            self._sizes[name] = values.nbytes

    def _read(self, name: str) -> np.ndarray | None:
        try:
            values = np.load(os.path.join(self._folder, name), allow_pickle=False)
        except (OSError, ValueError, EOFError):  # there is none, or it is damaged
            return None
        return values if values.dtype == np.float16 else None
