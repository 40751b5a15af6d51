"""Accelerators that are not there: tensors that say they are on one, worked out on the CPU.

What PyTorch refuses on a real one is refused: operations on tensors of several devices, and float64
on mps.  What makes the processor wait for one is noted.  Speed, memory and rounding are the CPU's.
"""

from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CPU, NOWHERE = torch.device('cpu'), torch.device('meta')
MOVES = ('aten::copy_', 'aten::_to_copy')
WAITS = ('aten::_local_scalar_dense', 'aten::equal', 'aten::nonzero')


class Pretended(Tensor):
    """A tensor on a device; its numbers are those of one on the CPU."""

    @staticmethod
    def __new__(cls, numbers, device):
        if device.type == 'mps' and numbers.dtype == torch.float64:
            raise TypeError('there is no float64 on mps')
        # on no device, for what PyTorch sees below Python
        sizes = numbers.shape, numbers.stride(), numbers.storage_offset()
        found = Tensor._make_wrapper_subclass(cls, *sizes, dtype=numbers.dtype, device=NOWHERE)
        found.numbers, found.place = numbers, device
        return found

    device = property(lambda self: self.place)
    is_cpu = is_meta = False
    is_cuda = property(lambda self: self.place.type == 'cuda')
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f'{func} outside of accelerators()')


class _Moved(torch.autograd.Function):
    """A copy on another device, and the way back."""

    @staticmethod
    def forward(ctx, tensor, device):
        ctx.device = tensor.device
        return _on(device, _real(tensor).clone())

    @staticmethod
    def backward(ctx, gradient):
        return _on(ctx.device, _real(gradient).clone()), None


class _Operations(TorchDispatchMode):
    """Those of tensors on a device, and what is made there."""

    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        device = torch.device(kwargs.get('device') or CPU)
        if device not in (CPU, NOWHERE) or Pretended in map(type, tree_leaves((args, kwargs))):
            return _run(func, args, kwargs, self.waits)
        return func(*args, **kwargs)


class _Calls(TorchFunctionMode):
    """Calls that decide by the tensors' devices before there is an operation."""

    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            return self._moved(*args, **kwargs)
        if func is Tensor.cpu:
            return self._moved(args[0], CPU)
        if func in (torch.tensor, Tensor.new_tensor):
            device = kwargs.pop('device', None)
            if func is Tensor.new_tensor:
                like, *args = args
                kwargs.setdefault('dtype', like.dtype)
                device = device or like.device
            return torch.tensor(*args, **kwargs).to(device or CPU)
        if func is Tensor.tolist and isinstance(args[0], Pretended):
            self.waits.append('tolist')
            args = (args[0].numbers,)
        return func(*args, **kwargs)

    def _moved(self, tensor, *args, **kwargs):
        if args and isinstance(args[0], Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        device = device or tensor.device
        if device == NOWHERE and isinstance(tensor, Pretended):
            return torch.empty_like(tensor.numbers, device=NOWHERE)
        if NOWHERE not in (device, tensor.device) and device != tensor.device:
            if device == CPU:
                self.waits.append('to')
            elif dtype is not None:  # first, for the device may lack that from which
                tensor = tensor.to(dtype)
            tensor = _Moved.apply(tensor, device)
            device = None
        return Tensor.to(tensor, device, dtype, memory_format=layout)


def _run(func, args, kwargs, waits):
    """An operation on tensors of which some are on a device, or one that makes them there."""
    name = func._schema.name
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    # a number of the CPU's goes with any device
    places = {t.device for t in tensors if t.dim() or isinstance(t, Pretended)}
    if name.startswith('aten::index') and len(places) > 1:
        places.discard(CPU)  # so do its indices
    if len(places) > 1 and name not in MOVES:
        raise RuntimeError(f'{name} of tensors on {" and ".join(map(str, places))}')
    device = kwargs.get('device')
    if device is not None:
        device, kwargs = torch.device(device), kwargs | {'device': CPU}
    if name == 'aten::copy_':
        device = args[0].device
    elif device in (None, NOWHERE):  # PyTorch's name for a device that it does not see
        device = places.pop()
    if name in WAITS or (name in MOVES and device == CPU):
        waits.append(name)
    found = func(*tree_map(_real, args), **tree_map(_real, kwargs))
    known = {id(value.numbers): value for value in tensors if isinstance(value, Pretended)}

    def own(value):
        if not isinstance(value, Tensor) or value.device == NOWHERE:
            return value
        return known[id(value)] if id(value) in known else _on(device, value)

    return tree_map(own, found)


def _real(value):
    return value.numbers if isinstance(value, Pretended) else value


def _on(device, real):
    return real if device == CPU else Pretended(real, device)


@contextmanager
def accelerators():
    """Have any device by its name, such as cuda:1.  Gives the list of what waits for one."""
    waits = []
    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    start, torch.cuda._lazy_init = torch.cuda._lazy_init, lambda: None
    try:
        with _Operations(waits), _Calls(waits):
            yield waits
    finally:
        torch.cuda._lazy_init = start
        torch.__future__.set_overwrite_module_params_on_conversion(overwritten)
