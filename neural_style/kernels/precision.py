"""The precision of the convolutions, and whether a device is faster in a lower one."""

import time
from collections.abc import Callable

import torch
from torch import nn

from neural_style.errors import SettingError
from neural_style.kernels import onednn
from neural_style.kernels.convolution import FrozenConvolution
from neural_style.kernels.options import DEFAULT_OPTIONS

# By name: losses, Gram matrices and the optimiser are float32 in any case.
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# Less than this is not worth the rounding.  It also keeps `auto` from flipping where it is close.
MIN_SPEEDUP = 1.2
# Other programs, which happen to use the memory, change what is measured on a CPU by half of it.
MIN_CPU_SPEEDUP = 2.0
# The maximum step of L-BFGS in low precision if none is set: after the leap that it may take early,
# which float32 comes back from, a run was seen to stay where it was.
REDUCED_PRECISION_MAX_STEP = 10.0

PROBE_CHANNELS = 256
PROBE_SIZE = (40, 40)  # (H, W)
# A small call does not fill an accelerator, and the time to launch it would be measured: an H100
# takes as long for 40 x 40 pixels in bfloat16 as in float32.  Calls are timed this many together.
ACCELERATOR_PROBE_SIZE, ACCELERATOR_PROBE_CALLS = (256, 384), 10
PROBE_ROUNDS = 3
PROBE_TURNS = 2  # of both precisions, one after the other, as what else runs changes


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn the setting `precision` into a key of PRECISIONS.

    'auto' is bf16 where the device's convolutions are clearly faster in it, else fp32.  Raises
    SettingError for an unknown word, and for a precision that the device is hardly faster in, or
    does not have.
    """
    if precision == 'fp32':
        return precision
    if precision == 'auto':
        return 'fp32' if why_not('bf16', device) else 'bf16'
    if precision not in PRECISIONS:
        raise SettingError('precision', 'choose fp32, bf16, fp16 or auto', precision)
    reason = why_not(precision, device)
    if reason:
        raise SettingError(
            'precision', f'on this device ({device}) {reason}; use fp32, or auto', precision
        )
    return precision


def why_not(precision: str, device: torch.device) -> str:
    """Say why a precision is not worth its rounding on a device; '' if it is.

    For bfloat16 on an x86 CPU its instructions decide, and nothing is measured: what is right today
    is right tomorrow, when a saved style is used or a run repeated.  With AMX a whole evaluation
    was three times as fast, with AVX512-BF16 alone 1.75 times.
    """
    if precision == 'bf16' and device.type == 'cpu':
        has_instructions = onednn.has_bfloat16_instructions()
        if has_instructions is False:
            return 'it is slow without AMX or AVX512-BF16'
        if has_instructions:
            is_used = onednn.has_bfloat16_products(torch.empty(0, dtype=torch.bfloat16))
            return '' if is_used else 'it is slow without oneDNN, which PyTorch does not use here'
    factor = speedup(precision, device)
    if factor >= (MIN_CPU_SPEEDUP if device.type == 'cpu' else MIN_SPEEDUP):
        return ''
    return f'it is {factor:.2g} times as fast as fp32' if factor else 'it is not to be had'


def speedup(precision: str, device: torch.device) -> float:
    """Measure how many times faster a convolution is than in float32; 0 if it cannot be had.

    On a CPU float32 is Winograd's convolution, and one thread does both, so that other programs do
    not count.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        dtypes = torch.float32, PRECISIONS[precision]
        turns = [[probe(dtype, device) for dtype in dtypes] for _ in range(PROBE_TURNS)]
        seconds, reduced_seconds = map(min, zip(*turns, strict=True))
        return seconds / reduced_seconds
    except RuntimeError:  # no such convolution
        return 0.0
    finally:
        torch.set_num_threads(threads)


def probe(dtype: torch.dtype, device: torch.device) -> float:
    """Measure the seconds of a convolution and its ReLU, the shortest of several rounds.

    It has the channels of a layer in the middle of VGG.  A first round, which loads and chooses
    kernels, does not count.
    """
    size, calls = PROBE_SIZE, 1
    if device.type != 'cpu':
        size, calls = ACCELERATOR_PROBE_SIZE, ACCELERATOR_PROBE_CALLS
    layer = nn.Conv2d(PROBE_CHANNELS, PROBE_CHANNELS, 3, padding=1, bias=False, device='meta')
    # Without random numbers, which are the caller's, nor skip_init, which imports SymPy.
    layer.weight = nn.Parameter(torch.ones(layer.weight.shape))
    convolution = FrozenConvolution(layer, dtype, device)
    features = torch.ones(1, PROBE_CHANNELS, *size)
    features = features.to(device, dtype, memory_format=torch.channels_last)

    def run() -> None:
        for _ in range(calls):
            convolution.forward(features, (1, 1), relu=True, options=DEFAULT_OPTIONS)

    measure = _seconds_on_cuda if device.type == 'cuda' else _seconds
    measure(run, device)
    return min(measure(run, device) for _ in range(PROBE_ROUNDS)) / calls


def _seconds_on_cuda(run: Callable[[], None], device: torch.device) -> float:
    """Measure how long the device works, whatever the processor does meanwhile."""
    stream = torch.cuda.current_stream(device)
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record(stream)
    run()
    stop.record(stream)
    stop.synchronize()
    return start.elapsed_time(stop) / 1000


def _seconds(run: Callable[[], None], device: torch.device) -> float:
    """Measure how long a call takes, until the device has done its work.

    On a CPU that is the time of this thread: what other programs take does not count.
    """
    is_fine = time.get_clock_info('thread_time').resolution < 1e-4  # not on Windows
    clock = time.thread_time if device.type == 'cpu' and is_fine else time.perf_counter
    start = clock()
    run()
    if device.type != 'cpu':
        torch.accelerator.synchronize(device)
    return clock() - start
