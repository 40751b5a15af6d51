"""PyTorch's modes and threads, which a program around a run may have set or broken."""

import contextlib
import functools
import logging
import os
from collections.abc import Iterator

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

IMPORTED_IN = os.getpid()
lost_threads = False


@contextlib.contextmanager
def default_modes() -> Iterator[None]:
    """Compute as PyTorch does by default, whatever modes a program around it has set.

    Gradients are recorded, new tensors are float32 on the CPU, and none is an inference tensor;
    autocast is off.  At the end all is as before.  Forked processes compute with one thread.
    """
    survive_forks()
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device_type in autocast_devices():
            stack.enter_context(torch.autocast(device_type, enabled=False))
        if torch.empty(0).device.type != 'cpu':  # the context makes every call slower
            stack.enter_context(torch.device('cpu'))
        if dtype != torch.float32:
            stack.callback(torch.set_default_dtype, dtype)
            torch.set_default_dtype(torch.float32)
        yield


def autocast_devices() -> list[str]:
    """Return the types of devices for which autocast is on."""
    return [name for name in ('cpu', 'cuda', 'mps', 'xpu') if torch.is_autocast_enabled(name)]


def without_inference_tensors(network: nn.Module) -> None:
    """Copy weights that were made in inference mode, in place: nothing can be saved of them."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_inference():
                copy = nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
                setattr(module, name, copy)
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_inference():
                setattr(module, name, buffer.clone())


def free_tensor(tensor: Tensor) -> Tensor:
    """Return a tensor without its graph, and out of inference mode; copied only if need be."""
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def survive_forks() -> None:
    """Compute with one thread in processes that are forked from this one, or if this one was.

    libgomp's threads do not live on in a forked process, and the first operation that asks for them
    waits for ever.  The workers of PyTorch's data loaders have one thread as well.
    """
    if os.getpid() != IMPORTED_IN:
        limit_threads()
        warn_of_lost_threads()
    register_fork_handler()


def limit_threads() -> None:
    """Compute with one thread, and remember that there were more."""
    global lost_threads
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)
        lost_threads = True


@functools.cache
def register_fork_handler() -> None:
    """Limit the threads of processes that are forked from now on."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=limit_threads)


@functools.cache
def warn_of_lost_threads() -> None:
    if lost_threads:
        logger.warning(
            'this process was forked from one with PyTorch in it, and would wait for ever for its'
            ' threads: it computes with one; start processes with spawn to use more'
        )
