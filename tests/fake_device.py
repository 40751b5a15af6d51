"""Fake accelerators: tensors that claim to be on one, with operations that run on the CPU.

What PyTorch refuses on a real device is refused: operations on tensors of several devices, and
float64 on mps.  Operations that make the processor wait for the device are recorded.  Speed, memory
and rounding are the CPU's.
"""

from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CPU, META = torch.device('cpu'), torch.device('meta')
MOVES = ('aten::copy_', 'aten::_to_copy')
WAITS = ('aten::_local_scalar_dense', 'aten::equal', 'aten::nonzero')


class FakeTensor(Tensor):
    """A tensor on a fake device; `on_cpu` holds its numbers."""

    @staticmethod
    def __new__(cls, values, device):
        if device.type == 'mps' and values.dtype == torch.float64:
            raise TypeError('there is no float64 on mps')
        # the device that PyTorch sees below Python
        sizes = values.shape, values.stride(), values.storage_offset()
        tensor = Tensor._make_wrapper_subclass(cls, *sizes, dtype=values.dtype, device=META)
        tensor.on_cpu, tensor.fake_device = values, device
        return tensor

    device = property(lambda self: self.fake_device)
    is_cpu = is_meta = False
    is_cuda = property(lambda self: self.fake_device.type == 'cuda')
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f'{func} outside of accelerators()')


class _Move(torch.autograd.Function):
    """A copy to another device; the backward pass copies the gradient back."""

    @staticmethod
    def forward(ctx, tensor, device):
        ctx.device = tensor.device
        return _put(device, _on_cpu(tensor).clone())

    @staticmethod
    def backward(ctx, gradient):
        return _put(ctx.device, _on_cpu(gradient).clone()), None


class _Operations(TorchDispatchMode):
    """Run operations on fake tensors, and those that create them."""

    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        device = torch.device(kwargs.get('device') or CPU)
        if device not in (CPU, META) or FakeTensor in map(type, tree_leaves((args, kwargs))):
            return _run(func, args, kwargs, self.waits)
        return func(*args, **kwargs)


class _Calls(TorchFunctionMode):
    """Run calls that look at devices before there is an operation."""

    def __init__(self, waits):
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            return self._move(*args, **kwargs)
        if func is Tensor.cpu:
            return self._move(args[0], CPU)
        if func in (torch.tensor, Tensor.new_tensor):
            device = kwargs.pop('device', None)
            if func is Tensor.new_tensor:
                like, *args = args
                kwargs.setdefault('dtype', like.dtype)
                device = device or like.device
            return torch.tensor(*args, **kwargs).to(device or CPU)
        if func is Tensor.tolist and isinstance(args[0], FakeTensor):
            self.waits.append('tolist')
            args = (args[0].on_cpu,)
        return func(*args, **kwargs)

    def _move(self, tensor, *args, **kwargs):
        if args and isinstance(args[0], Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        device = device or tensor.device
        if device == META and isinstance(tensor, FakeTensor):
            return torch.empty_like(tensor.on_cpu, device=META)
        if META not in (device, tensor.device) and device != tensor.device:
            if device == CPU:
                self.waits.append('to')
            elif dtype is not None:  # first, since the device may lack the present one
                tensor = tensor.to(dtype)
            tensor = _Move.apply(tensor, device)
            device = None
        return Tensor.to(tensor, device, dtype, memory_format=layout)


def _run(func, args, kwargs, waits):
    """Run an operation on the values, and put its results on the fake device."""
    name = func._schema.name
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    # a number on the CPU may be used with any device
    devices = {t.device for t in tensors if t.dim() or isinstance(t, FakeTensor)}
    if name.startswith('aten::index') and len(devices) > 1:
        devices.discard(CPU)  # and so may indices
    if len(devices) > 1 and name not in MOVES:
        raise RuntimeError(f'{name} of tensors on {" and ".join(map(str, devices))}')
    device = kwargs.get('device')
    if device is not None:
        device, kwargs = torch.device(device), kwargs | {'device': CPU}
    if name == 'aten::copy_':
        device = args[0].device
    elif device in (None, META):  # how PyTorch names a device that it does not know
        device = devices.pop()
    if name in WAITS or (name in MOVES and device == CPU):
        waits.append(name)
    result = func(*tree_map(_on_cpu, args), **tree_map(_on_cpu, kwargs))
    known = {id(value.on_cpu): value for value in tensors if isinstance(value, FakeTensor)}

    def fake(value):
        if not isinstance(value, Tensor) or value.device == META:
            return value
        return known[id(value)] if id(value) in known else _put(device, value)

    return tree_map(fake, result)


def _on_cpu(value):
    return value.on_cpu if isinstance(value, FakeTensor) else value


def _put(device, values):
    return values if device == CPU else FakeTensor(values, device)


@contextmanager
def accelerators():
    """Provide any device by its name, such as cuda:1.

    Yields the list to which operations are added that wait for a device.
    """
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
