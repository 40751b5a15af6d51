"""Torch7's random numbers: MT19937 and what TH makes of its outputs."""

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

CHUNK = 1 << 18  # numbers drawn at a time: a Python float takes 32 bytes


class Generator:
    """A stream of random numbers, equal to Torch7's for the same seed and order of calls.

    A new generator is seeded from the operating system (TH/THRandom.c: THGenerator_new).
    """

    def __init__(self) -> None:
        self.seed()

    def manual_seed(self, seed: float) -> None:
        """Start the stream of a seed: its fraction is dropped, its low 32 bits count.

        What does not fit a 64-bit integer is the smallest one, as on x86.  Also forgets the second
        half of a pair of normal numbers.  Raises ValueError for nan and inf.
        Source: TH/THRandom.c: THRandom_manualSeed.
        """
        if not math.isfinite(seed):
            raise ValueError(f'seed {seed}: must be a finite number')
        self._restart(int(seed) if -(2.0**63) <= seed < 2.0**63 else -(2**63))

    def _restart(self, seed: int) -> None:
        self._bits = np.random.MT19937()
        # numpy's old seeding is the init_genrand of MT19937's authors, as TH's
        self._bits._legacy_seeding(seed % 2**32)
        self._second_normal: float | None = None

    def seed(self) -> int:
        """Seed from the operating system; returns the 64-bit seed."""
        seed = int.from_bytes(os.urandom(8), 'little')
        self._restart(seed)
        return seed

    def state(self) -> dict[str, Any]:
        """Return the position in the stream, for restore: a tensor and numbers."""
        bits = self._bits.state['state']
        return {
            'key': torch.from_numpy(bits['key'].astype(np.int64)),
            'position': int(bits['pos']),
            'second_normal': self._second_normal,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the position that a state holds."""
        key = state['key'].numpy().astype(np.uint32)
        bits: Any = {'key': key, 'pos': state['position']}
        self._bits.state = {'bit_generator': 'MT19937', 'state': bits}
        self._second_normal = state['second_normal']

    def random(self, n: int) -> np.ndarray:
        """Return the next n outputs of MT19937: (n,) uint64, each below 2^32."""
        return self._bits.random_raw(n)

    def uniform(self, n: int) -> np.ndarray:
        """Draw n numbers in [0, 1): (n,) float64, multiples of 2^-32.  THRandom.c: __uniform__."""
        return self.random(n) * 2.0**-32

    def randn(self, *size: int) -> Tensor:
        """Draw normal numbers, mean 0 and standard deviation 1, in float64.

        Box-Muller: two uniform numbers x, y give rho * cos(2 pi x), then rho * sin(2 pi x)
        with rho = sqrt(-2 log(1 - y)); the second is kept for the next call if need be, whatever
        is drawn in between.  Source: TH/THRandom.c: THRandom_normal.
        """
        count = math.prod(size)
        normal = np.empty(count)
        filled = 0
        if count and self._second_normal is not None:
            normal[0], self._second_normal = self._second_normal, None
            filled = 1
        while filled < count:
            pairs = self._normal_pairs(min(CHUNK, count - filled + 1) // 2)
            taken = min(len(pairs), count - filled)
            normal[filled : filled + taken] = pairs[:taken]
            if taken < len(pairs):
                self._second_normal = float(pairs[taken])
            filled += taken
        return torch.from_numpy(normal).view(size)

    def _normal_pairs(self, n: int) -> np.ndarray:
        """Draw 2 n normal numbers: cosine, sine, cosine, ..."""
        uniform = self.uniform(2 * n)
        angle = 2.0 * math.pi * uniform[0::2]
        rho = np.sqrt(-2.0 * _map(math.log, 1.0 - uniform[1::2]))
        pairs = np.stack((rho * _map(math.cos, angle), rho * _map(math.sin, angle)), 1)
        return pairs.ravel() + 0.0  # the mean; makes -0 a 0, as there

    def bernoulli(self, p: float, *size: int) -> Tensor:
        """Draw 1 with probability p, else 0, in float32, in element order.

        p: in [0, 1].  Source: TH/THRandom.c: THRandom_bernoulli (uniform <= p, not <).
        """
        if not 0 <= p <= 1:
            raise ValueError(f'probability {p}: must be >= 0 and <= 1')
        ones = self.uniform(math.prod(size)) <= p
        return torch.from_numpy(ones.astype(np.float32)).view(size)


def _map(function: Callable[[float], float], values: np.ndarray) -> np.ndarray:
    """Apply the C library's log, sin or cos to each value.

    NumPy's vectorised versions differ from it in the last bit on some processors.
    """
    return np.fromiter(map(function, values.tolist()), np.float64, len(values))
