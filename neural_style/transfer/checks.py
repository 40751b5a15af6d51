"""Checks of stylize's arguments: errors name the argument, where PyTorch's would not."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from neural_style.errors import SettingError


def check_functions(cnn: Any, callback: Any) -> None:
    """Refuse what is no network, nor a function.  Raises TypeError."""
    if not isinstance(cnn, nn.Sequential) and (isinstance(cnn, nn.Module) or not callable(cnn)):
        raise TypeError(
            f'`cnn`: {type(cnn).__name__} is no network; give what loadcaffe.load returns, or a'
            ' function that returns it'
        )
    if callback is not None and not callable(callback):
        raise TypeError(f'`callback`: {type(callback).__name__} is no function; give one, or None')


def as_devices(devices: Any) -> list[torch.device]:
    """Return the devices, of which one alone is a list of one.  Raises SettingError."""
    if isinstance(devices, str | torch.device):
        devices = [devices]
    if not isinstance(devices, Sequence) or not devices:
        raise SettingError('devices', "give at least one, such as ['cpu'] or ['cuda:0']", devices)
    try:
        chosen = [torch.device(device) for device in devices]
        for device in chosen:
            torch.empty(0, device=device)
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).partition('\n')[0]
        raise SettingError('devices', reason, devices) from error
    return chosen


def check_network(cnn: Any) -> None:
    """Refuse what a function returned that is no network, and weights that are not float32."""
    if not isinstance(cnn, nn.Sequential):
        raise TypeError(f'`cnn`: the function returned {type(cnn).__name__}, and no nn.Sequential')
    if len(cnn) == 0:
        raise SettingError('cnn', 'the network has no layers')
    others = {str(p.dtype) for p in cnn.parameters() if p.dtype != torch.float32}
    if others:
        raise SettingError('cnn', f'its weights are {others.pop()}; call its method float()')
