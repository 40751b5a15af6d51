"""Convolution with frozen weights, and its backward pass as another convolution."""

from functools import cached_property
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.kernels import onednn
from neural_style.kernels.bitmask import PackedMask
from neural_style.kernels.options import DEFAULT_OPTIONS, ExecutionOptions
from neural_style.kernels.relu import relu_backward_
from neural_style.kernels.winograd import Winograd
from neural_style.memory.allocator import large_empty

# A layer of no more input channels takes the image, or what is as few.
FEW_CHANNELS = 4


class FrozenConvolution:
    """Convolves as a layer does, with weights that never change.

    dtype: of weights and features; features in another one are converted.
    device: of both.
    The gradient is the convolution of the incoming gradient with the flipped kernel, input and
    output channels exchanged.  On a CPU that takes four fifths of the time of PyTorch's own
    backward pass, and no features are saved for it.  Where it pays, both are Winograd's.
    """

    def __init__(self, layer: nn.Conv2d, dtype: torch.dtype, device: torch.device):
        self.dtype, self.device = dtype, device
        self.original_weight = layer.weight.detach()
        # By whether it is the backward pass's, and whether it is packed for oneDNN.
        self.weights: dict[tuple[bool, bool], Tensor] = {}
        # bfloat16 has 8 significant bits, too few for an image's 256 levels: the input is split
        # into its rounded value and the remainder, and so are the first layer's weights.
        self.splits_input = dtype.itemsize < 4 and layer.in_channels <= FEW_CHANNELS
        self.bias = None if layer.bias is None else layer.bias.detach().to(device, dtype)
        self.kernel_size = layer.kernel_size
        self.padding = layer.padding
        self.has_same_padding = has_same_padding(layer)

    def _converted(self, weight: Tensor) -> Tensor:
        return weight.to(self.device, self.dtype, memory_format=torch.channels_last)

    def _weight(
        self, features: Tensor, padding: tuple[int, int], is_backward: bool = False
    ) -> Tensor:
        """Return the weight of a pass, as the kernel that convolves such features reads it.

        That of the backward pass has its kernel flipped, input and output channels exchanged.
        """
        packs = onednn.packs_weights(features)
        if (is_backward, packs) not in self.weights:
            weight = self.original_weight
            if is_backward:
                weight = weight.flip(2, 3).transpose(0, 1)
            elif self.splits_input:
                rounded = weight.to(self.dtype).float()
                weight = torch.cat((rounded, rounded, weight - rounded), 1)
            weight = self._converted(weight)
            if packs:
                weight = onednn.pack_weight(weight, features.shape, padding)
            self.weights[is_backward, packs] = weight
        return self.weights[is_backward, packs]

    @cached_property
    def winograd(self) -> Winograd:
        """Return the same convolution by Winograd's algorithm."""
        weight = self.original_weight.to(
            self.device, torch.float32, memory_format=torch.channels_last
        )
        return Winograd(weight, self.dtype)

    def __call__(
        self, features: Tensor, options: ExecutionOptions = DEFAULT_OPTIONS, length: int = 1
    ) -> Tensor:
        """Convolve features (1, C, H, W).  Returns (1, C', H', W') in dtype.

        length: how many layers are fused.  2: the following ReLU as well.  The incoming gradient is
        overwritten.  3: as 2, and the layer after the ReLU, its only consumer, applies the ReLU's
        backward pass.
        """
        padding = tuple(
            0 if inside and self.has_same_padding else p
            for inside, p in zip(options.interior, self.padding, strict=True)
        )
        return _Convolve.apply(features, self, options, padding, length)

    def forward(
        self, features: Tensor, padding: tuple[int, int], relu: bool, options: ExecutionOptions
    ) -> Tensor:
        """Convolve features that split_input gave, and apply a ReLU if asked to."""
        if options.winograd and self._is_faster_by_winograd(features):
            return self.winograd(features, padding, self.bias, relu)
        # oneDNN's ReLU makes 0 of NaN, which says that features have overflowed in float16.
        fuses_relu = relu and features.dtype != torch.float16
        weight = self._weight(features, padding)
        output = _convolve(features, weight, self.bias, padding, fuses_relu, options)
        return output.relu_() if relu and not fuses_relu else output

    def backward(
        self, gradient: Tensor, padding: tuple[int, int], options: ExecutionOptions
    ) -> Tensor:
        """Return the gradient of the features: (1, C, H, W).

        gradient: (1, C', H', W'), in dtype.  padding: of the forward pass.
        """
        height, width = (k - 1 - p for k, p in zip(self.kernel_size, padding, strict=True))
        if options.winograd and self._is_faster_by_winograd(gradient):
            return self.winograd(gradient, (height, width), is_backward=True)
        weight = self._weight(gradient, (height, width), is_backward=True)
        output = _convolve_into_large(gradient, weight, None, (height, width), False, options)
        if output is not None:
            return output
        if onednn.packs_weights(gradient):
            return onednn.convolve(gradient, weight, None, (height, width), relu=False)
        return functional.conv2d(gradient, weight, padding=(height, width))

    def _is_faster_by_winograd(self, features: Tensor) -> bool:
        if self.device.type != 'cpu':  # wherever the original weight is
            return False
        size = features.shape[2], features.shape[3]
        return Winograd.is_faster(self.original_weight, size, self.dtype)

    def split_input(self, features: Tensor) -> Tensor:
        """Convert features to dtype, and split those of the first layer if it has few bits."""
        rounded = features.to(self.dtype)
        if not self.splits_input:
            return rounded
        parts = (rounded, (features - rounded).to(self.dtype), rounded)
        return torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)


def can_be_frozen(layer: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Tell whether a FrozenConvolution can take a layer's place.

    It has to be a convolution whose backward pass is one: zero padding, no stride, dilation or
    groups.
    """
    return (
        isinstance(layer, nn.Conv2d)
        and layer.groups == 1
        and layer.stride == layer.dilation == (1, 1)
        and layer.padding_mode == 'zeros'
        and not isinstance(layer.padding, str)
        and all(p < k for p, k in zip(layer.padding, layer.kernel_size, strict=True))
    )


def has_same_padding(layer: nn.Module) -> bool:
    """Tell whether a layer can be frozen, and keeps the size of its features by padding."""
    if not can_be_frozen(layer):
        return False
    return layer.kernel_size == tuple(2 * int(p) + 1 for p in layer.padding)


def uses_winograd(layer: nn.Module, dtype: torch.dtype, size: tuple[int, int]) -> bool:
    """Tell whether a layer's features of H x W pixels go through Winograd's convolution."""
    return can_be_frozen(layer) and Winograd.is_faster(layer.weight, size, dtype)


def _convolve(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    relu: bool,
    options: ExecutionOptions,
) -> Tensor:
    """Convolve with stride 1, and apply a ReLU if asked to."""
    output = _convolve_into_large(features, weight, bias, padding, relu, options)
    if output is not None:
        return output
    if onednn.has_fused_convolution(features):
        # Without a ReLU as well: conv2d may take another kernel, which rounds otherwise.
        return onednn.convolve(features, weight, bias, padding, relu)
    output = functional.conv2d(features, weight, bias, padding=padding)
    return output.relu_() if relu else output


def _convolve_into_large(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    relu: bool,
    options: ExecutionOptions,
) -> Tensor | None:
    """Convolve as _convolve does, if the output is so large that it is allocated outside the heap.

    Large outputs fragment the heap, by chance more or less from one evaluation to the next.
    PyTorch's convolutions allocate their own output; only the fused convolution-plus-add
    accumulates into a given tensor, so that is allocated outside the heap and filled with the bias.
    """
    sides = zip(features.shape[2:], weight.shape[2:], padding, strict=True)
    size = torch.Size((1, len(weight), *(side + 2 * p - k + 1 for side, k, p in sides)))
    is_large = size.numel() * features.element_size() >= options.large_output_bytes
    if not is_large or not onednn.has_fused_convolution(features):
        return None
    output = large_empty(size, features.dtype, features.device, torch.channels_last)
    if bias is None:
        output.zero_()
    else:
        output.copy_(bias.view(1, -1, 1, 1).expand(size))
    features = features.contiguous(memory_format=torch.channels_last)
    return onednn.add_convolution_(output, features, weight, padding, relu)


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features, convolution, options, padding, length):
        ctx.mask, ctx.padding, ctx.options = None, padding, options
        ctx.convolution, ctx.dtype = convolution, features.dtype
        features = convolution.split_input(features)
        output = convolution.forward(features, padding, length > 1, options)
        if length == 2 and options.save_bitmasks:
            ctx.mask = PackedMask(output)
        elif length == 2:
            ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient):  # type: ignore[override]
        if ctx.mask is not None:
            gradient = ctx.mask.apply_(gradient)
        for output in ctx.saved_tensors:
            gradient = relu_backward_(gradient, output)
        result = ctx.convolution.backward(gradient, ctx.padding, ctx.options)
        return result.to(ctx.dtype), None, None, None, None
