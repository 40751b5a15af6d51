"""-gpu and -backend: the devices that a network runs on."""

import logging

import torch

from neural_style.torch7.cmdline import split, tonumber

logger = logging.getLogger(__name__)


def choose_devices(
    gpu: str = '0', backend: str = 'nn', cudnn_autotune: bool = False
) -> list[torch.device]:
    """Turn the flags -gpu, -backend and -cudnn_autotune into devices.

    gpu: '-1' for the CPU, else the number of a GPU, or several with commas in between.
    backend: 'nn' and 'cudnn' use CUDA; 'clnn' uses the other accelerators that PyTorch knows.

    Where there is no CUDA device the CPU is used and a warning is logged, so that old commands
    work on any machine.  Convolutions are told to keep to float32 (no TF32), as Torch7's did.
    Raises ValueError, naming the flag, for numbers and backends that cannot be had.
    Source: neural_style.lua: setup_gpu.
    """
    numbers = [tonumber(item) for item in split(gpu)]
    # what the original takes for the CPU it asks no more about
    if len(numbers) == 1 and numbers[0] is not None and not numbers[0] + 1 > 0:
        return [torch.device('cpu')]
    if backend not in ('nn', 'cudnn', 'clnn'):
        raise ValueError(f'-backend {backend}: choose nn, cudnn or clnn')
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise ValueError(f'-gpu {gpu}: give -1 for the CPU, or numbers of GPUs, such as 0 or 0,1')
    indices = [int(number) for number in numbers if number is not None]
    if min(indices) < 0:
        raise ValueError(f'-gpu {gpu}: the CPU (-1) cannot be one of several devices')
    if backend == 'clnn':
        return _other_accelerators(gpu, indices)
    if not torch.cuda.is_available():
        message = f'-gpu {gpu}: no CUDA device here, running on the CPU'
        if torch.backends.mps.is_available():
            message += " (-backend clnn uses this machine's mps device)"
        logger.warning(message)
        return [torch.device('cpu')]
    _check_count(gpu, indices, torch.cuda.device_count(), 'CUDA')
    if backend == 'cudnn':
        if not torch.backends.cudnn.is_available():
            raise ValueError('-backend cudnn: this build of PyTorch has no cuDNN; use -backend nn')
        torch.backends.cudnn.benchmark = cudnn_autotune
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return [torch.device('cuda', index) for index in indices]


def gpu_of_rank(gpu: str, number: int) -> str:
    """What -gpu says to the number-th process, from 0, of several on a machine.

    Of several GPUs one each; with a single one named, that one and those after it; -1 for all.
    """
    items = split(gpu)
    if len(items) > 1:
        if number >= len(items):
            raise ValueError(f'-gpu {gpu}: there are more processes than that; name as many')
        return items[number]
    first = tonumber(gpu)
    return str(first + number) if isinstance(first, int) and first >= 0 else gpu


def _other_accelerators(gpu: str, indices: list[int]) -> list[torch.device]:
    if torch.xpu.is_available():
        _check_count(gpu, indices, torch.xpu.device_count(), 'xpu')
        return [torch.device('xpu', index) for index in indices]
    if torch.backends.mps.is_available():
        _check_count(gpu, indices, 1, 'mps')
        return [torch.device('mps')]
    raise ValueError(
        '-backend clnn: PyTorch finds no accelerator other than CUDA here (xpu, mps);'
        ' use -backend nn, or -gpu -1 for the CPU'
    )


def _check_count(gpu: str, indices: list[int], count: int, kind: str) -> None:
    if max(indices) >= count:
        raise ValueError(f'-gpu {gpu}: this machine has {count} {kind} device(s), numbered from 0')
