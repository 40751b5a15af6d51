"""Convolution with weights that never change, and its way back as another convolution."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.kernels.bitmask import PackedMask, pair, relu_backward_
from neural_style.kernels.winograd import Winograd
from neural_style.memory.allocator import large_empty_channels_last

# Layers of no more input channels take them in two parts.
FEW_CHANNELS = 4
# Bytes of results that are too large for the heap, where memory is not dear.
LARGE_OUTPUT_BYTES = 64 << 20


@dataclass(frozen=True)
class ExecutionOptions:
    """How the layers of a network run.

    exact: they round as Torch7 does.
    fixed: convolutions in the network's precision, and their way back as FixedConvolution has it.
    frugal: bits are kept for the way back (bits.py), where bits are enough.
    inner: for rows and columns, whether convolutions leave out the rim that padding has a part in,
        where can_shrink says so.
    winograd: whether convolutions may be Winograd's.
    huge: bytes of results that do not come to lie in the heap, on a CPU.
    """

    exact: bool = False
    fixed: bool = False
    save_bitmasks: bool = False
    inner: tuple[bool, bool] = (False, False)
    winograd: bool = True
    huge: int = LARGE_OUTPUT_BYTES

    @property
    def joins(self) -> bool:
        """Whether convolutions are FixedConvolutions, which take the layers above them along."""
        return self.fixed or self.save_bitmasks or any(self.inner)


DEFAULT_OPTIONS = ExecutionOptions()


class FrozenConvolution:
    """What a convolution layer does, in a precision and on a device of its own.

    dtype: of weights and features; features in another one are converted.
    The gradient is the convolution of what comes from above with the weights turned by half and
    their input and output channels exchanged.  On a CPU that takes four fifths of the time of
    PyTorch's own way back, and of the features nothing has to be kept for it.  Where it pays, both
    ways are Winograd's (winograd.py).
    """

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, device: torch.device):
        self.form: dict[str, Any] = {'dtype': dtype, 'device': device}
        self.original = weight = layer.weight.detach()
        # Of an image's 256 levels eight bits lose a half: it comes in two parts, what is left by
        # the rounding beside it, and so do the weights that it meets.
        self.split = dtype.itemsize < 4 and layer.in_channels <= FEW_CHANNELS
        if self.split:
            rounded = weight.to(dtype).float()
            weight = torch.cat((rounded, rounded, weight - rounded), 1)
        self.weight = weight.to(memory_format=torch.channels_last, **self.form)
        self.bias = None if layer.bias is None else layer.bias.detach().to(**self.form)
        self.kernel_size = layer.kernel_size
        self.padding = pair(layer.padding)
        self.loses_padding = self.can_shrink(layer)

    @cached_property
    def flipped(self) -> Tensor:
        """By half, input and output channels exchanged."""
        flipped = self.original.flip(2, 3).transpose(0, 1)
        return flipped.to(memory_format=torch.channels_last, **self.form)

    @cached_property
    def winograd(self) -> Winograd:
        return Winograd(self.weight)

    @staticmethod
    def fits(layer: nn.Conv2d) -> bool:
        """Whether the way back is a convolution: no stride, gaps or groups."""
        return (
            layer.groups == 1
            and layer.stride == layer.dilation == (1, 1)
            and all(p < k for p, k in zip(pair(layer.padding), layer.kernel_size, strict=True))
        )

    @staticmethod
    def is_winograd(layer: nn.Conv2d, dtype: torch.dtype, size: tuple[int, int]) -> bool:
        """Whether features of H x W pixels go through Winograd's convolution."""
        fits = dtype == torch.float32 and FrozenConvolution.fits(layer)
        return fits and Winograd.pays(layer.weight, size)

    @staticmethod
    def can_shrink(layer: nn.Conv2d) -> bool:
        """Whether it keeps the size by its padding, and can leave out what that gives."""
        sizes = zip(layer.kernel_size, pair(layer.padding), strict=True)
        return FrozenConvolution.fits(layer) and all(k == 2 * p + 1 for k, p in sizes)

    def __call__(
        self,
        features: Tensor,
        options: ExecutionOptions = DEFAULT_OPTIONS,
        count: int = 1,
    ) -> Tensor:
        """features: (1, C, H, W).  Returns (1, C', H', W') in dtype.

        count: of the layers that run as one, as `joined` counts them.  2: the ReLU above it as
        well, which the CPU works off with the sums still at hand.  The gradient that comes back
        from above is then written over: nobody else may need it.  3: the layer beyond, alone in
        getting what the ReLU gives, sees to that one's way back.
        """
        padding = tuple(
            0 if inside and self.loses_padding else p
            for inside, p in zip(options.inner, self.padding, strict=True)
        )
        return _Fixed.apply(features, self, options, padding, count)

    def up(
        self, features: Tensor, padding: tuple[int, int], rectify: bool, options: ExecutionOptions
    ) -> Tensor:
        """features: (1, C, H, W), in dtype, in two parts where they are few."""
        if options.winograd and self._pays(features):
            return self.winograd(features, padding, self.bias, rectify)

        found = _outside_of_heap(
            features, self.weight, self.bias, padding, rectify=rectify, huge=options.huge
        )
        if found is not None:
            return found
        if _fuses(features):
            # What torch.compile makes of a convolution and its ReLU; without one as well, since
            # conv2d may take another kernel, that rounds otherwise.
            one = [1, 1]
            return torch.ops.mkldnn._convolution_pointwise(
                features, self.weight, self.bias, list(padding), one, one, 1,
                'relu' if rectify else 'none', [], '',
            )  # fmt: skip
        found = functional.conv2d(features, self.weight, self.bias, padding=padding)
        return found.relu_() if rectify else found

    def down(self, gradient: Tensor, padding: tuple[int, int], options: ExecutionOptions) -> Tensor:
        """gradient: (1, C', H', W'), in dtype.  padding: of the way up.  Returns (1, C, H, W)."""
        height, width = (k - 1 - p for k, p in zip(self.kernel_size, padding, strict=True))
        if options.winograd and self._pays(gradient):
            return self.winograd(gradient, (height, width), back=True)

        found = _outside_of_heap(gradient, self.flipped, None, (height, width), huge=options.huge)
        if found is not None:
            return found
        return functional.conv2d(gradient, self.flipped, padding=(height, width))

    def _pays(self, features: Tensor) -> bool:
        return Winograd.pays(self.weight, (features.shape[2], features.shape[3]))

    def _converted(self, features: Tensor) -> Tensor:
        dtype = self.weight.dtype
        rounded = features.to(dtype)
        if not self.split:
            return rounded
        parts = (rounded, (features - rounded).to(dtype), rounded)
        return torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)


def _outside_of_heap(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    *,
    rectify: bool = False,
    huge: int,
) -> Tensor | None:
    """The convolution of features (1, C, H, W), and its ReLU; None where it may lie in the heap.

    weight: (K, C, h, w), of stride 1.  From one evaluation to the next the heap grows by gaps that
    huge results leave, more or less of them by chance.  PyTorch's convolutions say themselves where
    their results lie, but those that torch.compile makes of a convolution and a sum, which are
    added to what is there: to the bias.
    """
    sides = zip(features.shape[2:], weight.shape[2:], padding, strict=True)
    size = torch.Size((1, len(weight), *(side + 2 * p - k + 1 for side, k, p in sides)))
    if size.numel() * features.element_size() < huge or not _fuses(features):
        return None
    found = large_empty_channels_last(size, features.dtype, features.device)
    if bias is None:
        found.zero_()
    else:
        found.copy_(bias.view(1, -1, 1, 1).expand(size))
    one = [1, 1]
    torch.ops.mkldnn._convolution_pointwise_.binary(
        found, features.contiguous(memory_format=torch.channels_last), weight, None, list(padding),
        one, one, 1, 'add', None, 'relu' if rectify else None, [], None,
    )  # fmt: skip
    return found


class _Fixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, fixed, options, padding, count):
        ctx.bits, ctx.padding, ctx.options = None, padding, options
        ctx.fixed, ctx.dtype = fixed, features.dtype
        features = fixed._converted(features)
        output = fixed.up(features, padding, count > 1, options)
        if count == 2 and options.save_bitmasks:
            ctx.bits = PackedMask(output)
        elif count == 2:
            ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        fixed = ctx.fixed
        if ctx.bits is not None:
            gradient = ctx.bits.mask(gradient)
        for output in ctx.saved_tensors:
            gradient = relu_backward_(gradient, output)
        own = fixed.down(gradient, ctx.padding, ctx.options)
        return own.to(ctx.dtype), None, None, None, None


class _MaxPoolWithReLUBackward(torch.autograd.Function):
    """Max pooling and the way back of the ReLU below it.

    Only the largest of a window gets a gradient, and that is above 0 where the pooling's output is:
    so of the layer below, four times as large, nothing is kept.
    """

    @staticmethod
    def forward(ctx: Any, features, layer):
        ctx.size = features.shape
        ctx.settings = [
            [*pair(value)]
            for value in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        ]
        ctx.settings.append(layer.ceil_mode)
        pool = torch.ops.aten.max_pool2d_with_indices
        if features.device.type == 'cpu':
            size = pool(features.to('meta'), *ctx.settings)[0].shape
            output, places = (
                large_empty_channels_last(size, dtype, features.device)
                for dtype in (features.dtype, torch.int64)
            )
            pool.out(features, *ctx.settings, out=output, indices=places)
        else:
            output, places = pool(features, *ctx.settings)
        ctx.save_for_backward(output, places)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        output, places = ctx.saved_tensors
        gradient = relu_backward_(gradient, output)
        own = large_empty_channels_last(ctx.size, gradient.dtype, gradient.device)
        down = torch.ops.aten.max_pool2d_with_indices_backward
        if gradient.device.type == 'cpu':
            return down.grad_input(gradient, own, *ctx.settings, places, grad_input=own), None
        return down(gradient, own, *ctx.settings, places), None


def max_pool_with_relu_backward(layer: nn.MaxPool2d, features: Tensor) -> Tensor:
    """A max pooling of features (1, C, H, W) whose ReLU's way back it is to see to.

    The gradient that comes back from above is written over.
    """
    return _MaxPoolWithReLUBackward.apply(features, layer)


def can_be_frozen(layer: nn.Module | None) -> bool:
    """Whether a FixedConvolution can take a layer's place."""
    return isinstance(layer, nn.Conv2d) and FrozenConvolution.fits(layer)


def _fuses(features: Tensor) -> bool:
    """Whether the device is a CPU that has a convolution with its ReLU."""
    dtype = features.dtype
    if features.device.type != 'cpu' or not hasattr(torch.ops.mkldnn, '_convolution_pointwise'):
        return False
    if dtype == torch.bfloat16:  # AVX-512, or AVX2 with what came after it
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if dtype == torch.float16:
        return torch.ops.mkldnn._is_mkldnn_fp16_supported()
    return dtype == torch.float32
