"""-precision: what the convolutions are calculated in."""

import time

import torch
from torch.nn import functional

# By name: losses, Gram matrices and the optimiser are float32 in any case.
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# Less than this is not worth the rounding; it also keeps `auto` from flipping where it is close.
WORTHWHILE = 1.2
# What -lbfgs_max_step 0 comes to in low precision: after the leap that L-BFGS may take early, which
# float32 comes back from, a run was seen to stay where it was.
LOW_MAX_STEP = 10.0


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn the flag -precision into a key of PRECISIONS.

    'auto' is bf16 where the device's convolutions are faster in it, else fp32.  Raises ValueError
    for an unknown word, and for a precision that the device is no faster in, or cannot do.
    """
    if precision == 'fp32':
        return precision
    if precision == 'auto':
        return 'bf16' if speedup('bf16', device) >= WORTHWHILE else 'fp32'
    if precision not in PRECISIONS:
        raise ValueError(f'-precision {precision}: choose fp32, bf16, fp16 or auto')
    found = speedup(precision, device)
    if found < WORTHWHILE:
        how = f'{found:.2g} times as fast as fp32' if found else 'not to be had'
        raise ValueError(
            f'-precision {precision}: on this device ({device}) it is {how}; use fp32, or auto'
        )
    return precision


def speedup(precision: str, device: torch.device) -> float:
    """How many times faster a convolution is than in float32, measured; 0 if it cannot be had.

    On a CPU on one thread, so that other programs do not count.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        full = _seconds(torch.float32, device)
        return full / _seconds(PRECISIONS[precision], device)
    except RuntimeError:  # no such convolution
        return 0.0
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Of a convolution with 128 channels, the shortest of several."""
    x = torch.ones(1, 128, 64, 64).to(device, dtype)
    weight = torch.ones(128, 128, 3, 3).to(device, dtype)
    x, weight = (a.contiguous(memory_format=torch.channels_last) for a in (x, weight))
    times = []
    for _ in range(6):
        start = time.perf_counter()
        functional.conv2d(x, weight, padding=1)
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)
