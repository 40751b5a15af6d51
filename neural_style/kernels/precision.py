"""-precision: what the convolutions are calculated in."""

import time

import torch
from torch import nn

from neural_style.kernels.convolution import DEFAULT_OPTIONS, FrozenConvolution

# By name: losses, Gram matrices and the optimiser are float32 in any case.
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# Less than this is not worth the rounding; it also keeps `auto` from flipping where it is close.
MIN_SPEEDUP = 1.2
# What -lbfgs_max_step 0 comes to in low precision: after the leap that L-BFGS may take early, which
# float32 comes back from, a run was seen to stay where it was.
REDUCED_PRECISION_MAX_STEP = 10.0


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn the flag -precision into a key of PRECISIONS.

    'auto' is bf16 where the device's convolutions are faster in it, else fp32.  Raises ValueError
    for an unknown word, and for a precision that the device is no faster in, or cannot do.
    """
    if precision == 'fp32':
        return precision
    if precision == 'auto':
        return 'bf16' if speedup('bf16', device) >= MIN_SPEEDUP else 'fp32'
    if precision not in PRECISIONS:
        raise ValueError(f'-precision {precision}: choose fp32, bf16, fp16 or auto')
    found = speedup(precision, device)
    if found < MIN_SPEEDUP:
        how = f'{found:.2g} times as fast as fp32' if found else 'not to be had'
        raise ValueError(
            f'-precision {precision}: on this device ({device}) it is {how}; use fp32, or auto'
        )
    return precision


def speedup(precision: str, device: torch.device) -> float:
    """How many times faster a convolution is than in float32, measured; 0 if it cannot be had.

    On a CPU it is Winograd's in float32, on one thread, so that other programs do not count.
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
    """Of a convolution with 256 channels, as the network has it, the shortest of several."""
    layer = nn.utils.skip_init(nn.Conv2d, 256, 256, 3, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    convolution = FrozenConvolution(layer, dtype, device)
    x = torch.ones(1, 256, 40, 40).to(device, dtype, memory_format=torch.channels_last)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        convolution.up(x, (1, 1), rectify=True, options=DEFAULT_OPTIONS)
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)
