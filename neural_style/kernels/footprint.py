"""The bytes that the kernels of a layer allocate."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from neural_style.kernels.convolution import can_be_frozen, uses_winograd
from neural_style.kernels.options import LARGE_OUTPUT_BYTES
from neural_style.kernels.winograd import Winograd
from neural_style.memory.allocator import LARGE_TENSOR_BYTES
from neural_style.memory.use import NOTHING, MemoryUse

INDEX_BYTES = 8  # of a position of a maximum
# cuDNN's workspace in float32, as a multiple of a convolution's input.  With it, the peaks that are
# predicted for VGG-19 on an H100 at 512 to 4096 pixels are 4 % below to 1 % above those measured.
CUDNN_WORKSPACE = 3


@dataclass(frozen=True)
class Footprint:
    """States what layers allocate, with convolutions in dtype on a device."""

    dtype: torch.dtype
    device: torch.device

    def tensor(self, size: float, min_off_heap: float = LARGE_TENSOR_BYTES) -> MemoryUse:
        """Return the memory of a tensor of `size` bytes, outside the heap if it is that large."""
        on_cpu = self.device.type == 'cpu'
        return MemoryUse(heap=size) if on_cpu and size < min_off_heap else MemoryUse(size)

    def output(
        self,
        layer: nn.Module,
        channels: int,
        size: tuple[int, int],
        large_output_bytes: int = LARGE_OUTPUT_BYTES,
    ) -> MemoryUse:
        """Return the memory of features, or of a gradient, of H x W pixels that a layer makes.

        large_output_bytes: of ExecutionOptions.
        """
        min_off_heap: float = large_output_bytes if can_be_frozen(layer) else math.inf
        if self.uses_winograd(layer, size) or isinstance(layer, nn.MaxPool2d):
            min_off_heap = LARGE_TENSOR_BYTES
        return self.tensor(channels * math.prod(size) * self.dtype.itemsize, min_off_heap)

    def workspace(self, layer: nn.Module, size: tuple[int, int], winograd: bool) -> MemoryUse:
        """Return what a layer takes besides its features, whose input has H x W pixels."""
        if winograd and self.uses_winograd(layer, size):
            assert isinstance(layer, nn.Conv2d)
            return MemoryUse(Winograd.workspace_bytes(layer.weight, size, self.dtype))
        if self.device.type == 'cuda' and self.dtype == torch.float32 and can_be_frozen(layer):
            return MemoryUse(_cudnn_workspace_bytes(layer, size))
        return NOTHING

    def uses_winograd(self, layer: nn.Module, size: tuple[int, int]) -> bool:
        """Tell whether a layer's input of H x W pixels goes through Winograd's convolution."""
        return uses_winograd(layer, self.dtype, size)

    def weight_bytes(self, layer: nn.Conv2d, size: tuple[int, int], winograd: bool) -> float:
        """Count the bytes of a convolution's weights that are kept besides the layer's own.

        They are transformed by Winograd's algorithm, or flipped, and converted to dtype.
        """
        if winograd and self.uses_winograd(layer, size):
            return Winograd.weight_bytes(layer.weight, self.dtype)
        copies = 1 + (self.dtype != torch.float32)
        return copies * self.dtype.itemsize * layer.weight.numel()

    def saved_bytes(self, layer: Any, output_bytes: float) -> float:
        """Count the bytes that PyTorch saves for a layer's backward pass."""
        if isinstance(layer, nn.MaxPool2d):
            return output_bytes * (1 + INDEX_BYTES / self.dtype.itemsize)
        if isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.LocalResponseNorm):
            return output_bytes
        if isinstance(layer, nn.ReLU) and layer.inplace:
            return 0.0
        return output_bytes if type(layer).__module__.startswith(('torch', 'loadcaffe')) else 0.0


def _cudnn_workspace_bytes(layer: nn.Conv2d, size: tuple[int, int]) -> float:
    """Estimate what cuDNN takes for a convolution in float32, of H x W pixels, without TF32."""
    input_bytes = layer.weight.shape[1] * math.prod(size) * layer.weight.element_size()
    return CUDNN_WORKSPACE * input_bytes


def index_memory(layer: nn.Module, elements: float) -> MemoryUse:
    """Return the memory of the positions of maxima, if a layer of that many outputs saves them."""
    return MemoryUse(INDEX_BYTES * elements) if isinstance(layer, nn.MaxPool2d) else NOTHING
