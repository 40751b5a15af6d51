"""The devices that a network runs on (neural_style.lua: setup_gpu)."""

import logging
from collections.abc import Sequence

import torch

from neural_style.errors import SettingError
from neural_style.torch7.cmdline import split, tonumber

logger = logging.getLogger(__name__)

CPU = -1  # among the numbers of GPUs


def parse_gpus(gpu: str) -> list[int]:
    """Read the numbers of GPUs: '0' or '0,1'; '-1' is the CPU.

    As in the original, a single number below 0, or nan, is the CPU.
    """
    numbers = [tonumber(item) for item in split(gpu)]
    if len(numbers) == 1 and numbers[0] is not None and not numbers[0] + 1 > 0:
        return [CPU]
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise SettingError('gpu', 'give -1 for the CPU, or numbers of GPUs, such as 0 or 0,1', gpu)
    return [int(number) for number in numbers if number is not None]


def choose_devices(
    gpus: Sequence[int] = (0,), backend: str = 'nn', cudnn_autotune: bool = False
) -> list[torch.device]:
    """Find the devices with these numbers, and set PyTorch up for them.

    gpus: numbers from 0, or CPU alone.
    backend: 'nn' and 'cudnn' use CUDA; 'clnn' uses the other accelerators that PyTorch knows.

    Where there is no CUDA device the CPU is used and a warning is logged, so that old commands
    work on any machine.  Convolutions are told to keep to float32 (no TF32), as Torch7's did.
    Raises SettingError for numbers and backends that this machine lacks.
    """
    if list(gpus) == [CPU]:
        return [torch.device('cpu')]  # whatever the backend, as in the original
    if backend not in ('nn', 'cudnn', 'clnn'):
        raise SettingError('backend', 'choose nn, cudnn or clnn', backend)
    if min(gpus) < 0:
        problem = 'the CPU (-1) cannot be one of several devices'
        if max(gpus) < 0:
            problem += '; processes that share it take `parallel` tiles'
        raise SettingError('gpu', problem, _shown(gpus))
    if backend == 'clnn':
        return _other_accelerators(gpus)
    if not torch.cuda.is_available():
        hint = ''
        if torch.backends.mps.is_available():
            hint = " (`backend` clnn uses this machine's mps device)"
        logger.warning('`gpu` %s: no CUDA device here, running on the CPU%s', _shown(gpus), hint)
        return [torch.device('cpu')]
    _check_count(gpus, torch.cuda.device_count(), 'CUDA')
    if backend == 'cudnn':
        if not torch.backends.cudnn.is_available():
            raise SettingError(
                'backend', 'this build of PyTorch has no cuDNN; use `backend` nn', 'cudnn'
            )
        torch.backends.cudnn.benchmark = cudnn_autotune
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return [torch.device('cuda', index) for index in gpus]


def gpu_of_rank(gpus: Sequence[int], local_rank: int) -> list[int]:
    """Choose the GPU of one of several processes on a machine, or the CPU.

    Of several GPUs each process takes one; of a single one, that one and those after it.
    """
    if len(gpus) > 1:
        if local_rank >= len(gpus):
            raise SettingError(
                'gpu', 'there are more processes than that; name as many', _shown(gpus)
            )
        return [gpus[local_rank]]
    return [gpus[0] + local_rank] if gpus[0] >= 0 else list(gpus)


def check_shared(gpus: Sequence[int], backend: str = 'nn') -> None:
    """Refuse numbers that the processes of this machine could not share, before they start."""
    if len(gpus) > 1 and min(gpus) < 0 <= max(gpus):
        raise SettingError('gpu', 'the CPU (-1) cannot be one of several devices', _shown(gpus))
    check_distinct(gpus)
    if max(gpus) >= 0 and backend != 'clnn' and torch.cuda.is_available():
        _check_count(gpus, torch.cuda.device_count(), 'CUDA')


def check_distinct(gpus: Sequence[int]) -> None:
    """Refuse a CUDA device that two processes would share: NCCL connects only distinct ones."""
    repeated = sorted({index for index in gpus if index >= 0 and list(gpus).count(index) > 1})
    if repeated and torch.cuda.is_available():
        raise SettingError(
            'gpu',
            f'GPU {repeated[0]} is named twice, and with `parallel` tiles each process takes a GPU'
            ' of its own; name different ones',
            _shown(gpus),
        )


def _other_accelerators(gpus: Sequence[int]) -> list[torch.device]:
    if torch.xpu.is_available():
        _check_count(gpus, torch.xpu.device_count(), 'xpu')
        return [torch.device('xpu', index) for index in gpus]
    if torch.backends.mps.is_available():
        _check_count(gpus, 1, 'mps')
        return [torch.device('mps')]
    raise SettingError(
        'backend',
        'PyTorch finds no accelerator other than CUDA here (xpu, mps); use `backend` nn,'
        ' or `gpu` -1 for the CPU',
        'clnn',
    )


def _check_count(gpus: Sequence[int], count: int, device_type: str) -> None:
    if max(gpus) >= count:
        raise SettingError(
            'gpu',
            f'this machine has {count} {device_type} device(s), numbered from 0',
            _shown(gpus),
        )


def _shown(gpus: Sequence[int]) -> str:
    return ','.join(map(str, gpus))
