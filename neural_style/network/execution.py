"""Layers run one after the other: exactly as Torch7 rounds, with frozen weights, or by PyTorch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.kernels.compressed import run_compressed, saved_bits
from neural_style.kernels.convolution import FrozenConvolution, can_be_frozen
from neural_style.kernels.options import ExecutionOptions
from neural_style.kernels.pooling import max_pool_with_relu_backward
from neural_style.losses.base import FeatureLoss
from neural_style.losses.passes import SKIP, LossPass
from neural_style.network.fusion import fused_length
from neural_style.network.layers import call_layer, check_fit
from neural_style.torch7.convolution import convolve


class LayerRunner:
    """Runs layers of a network, with one set of frozen convolutions.

    dtype: precision of the convolutions; the losses keep the image's own.
    """

    def __init__(self, dtype: torch.dtype):
        self.dtype = dtype
        self._frozen: dict[tuple[nn.Conv2d, torch.dtype], FrozenConvolution] = {}

    def run(
        self,
        layers: Sequence[nn.Module],
        features: Tensor,
        options: ExecutionOptions,
        losses: LossPass = SKIP,
    ) -> Tensor:
        """Run layers in order, fused where possible.  losses: what happens at a loss."""
        index = 0
        while index < len(layers):
            length = fused_length(layers, index) if options.fuses else 1
            consumer = layers[index + 2] if length > 2 else None
            if isinstance(consumer, FeatureLoss) and not losses.needs_backward(consumer):
                consumer, length = None, 2
            features = self.run_layer(options, losses, layers[index], features, length=length)
            if isinstance(consumer, FeatureLoss):
                consumer.check(features)
                features = losses.visit(consumer, features, applies_relu_backward=True)
            elif consumer is not None:
                features = _pool_with_relu_backward(consumer, features, options)
            index += length
        return features

    def run_layer(
        self,
        options: ExecutionOptions,
        losses: LossPass,
        layer: Any,
        features: Tensor,
        *inputs: Tensor,
        length: int = 1,
    ) -> Tensor:
        """Run a layer, or `length` fused layers of which it is the first (fused_length).

        inputs: further inputs of a layer that takes several, in a network with branches.
        """
        if isinstance(layer, FeatureLoss):
            layer.check(features)
            return losses.visit(layer, features)
        check_fit(layer, features)
        if options.exact and isinstance(layer, nn.Conv2d) and layer.groups == 1:
            return convolve(layer, features)
        if options.fuses and can_be_frozen(layer):
            dtype = self.dtype if options.frozen else features.dtype
            convolution = self._frozen_convolution(layer, dtype)
            if len(features) == 1 or features.device.type != 'cpu':
                return convolution(features, options, length)
            # the CPU's kernels take one image at a time
            return torch.cat([convolution(x, options, length) for x in features.split(1)])
        if options.save_bitmasks and saved_bits(layer) is not None:
            return run_compressed(layer, features)
        if options.frozen and layer.state_dict():
            # in full precision, like its weights
            features, inputs = features.float(), tuple(tensor.float() for tensor in inputs)
        return call_layer(layer, features, *inputs)

    def _frozen_convolution(self, layer: nn.Conv2d, dtype: torch.dtype) -> FrozenConvolution:
        if (layer, dtype) not in self._frozen:
            self._frozen[layer, dtype] = FrozenConvolution(layer, dtype, layer.weight.device)
        return self._frozen[layer, dtype]


def _pool_with_relu_backward(layer: Any, features: Tensor, options: ExecutionOptions) -> Tensor:
    """Run a max pooling that also applies the backward pass of the ReLU before it."""
    if options.save_bitmasks and saved_bits(layer) is not None:
        return run_compressed(layer, features, has_relu_backward=True)
    return max_pool_with_relu_backward(layer, features)


class _JoinEnds(torch.autograd.Function):
    """Returns the last of a network's ends; the backward pass reaches the others as well."""

    @staticmethod
    def forward(ctx, *ends):
        ctx.save_for_backward(*ends[:-1])
        return ends[-1].view_as(ends[-1])

    @staticmethod
    def backward(ctx, gradient):
        return *(torch.zeros_like(end) for end in ctx.saved_tensors), gradient


def join_ends(ends: Sequence[Tensor]) -> Tensor:
    """Make one output of a branched network's ends, from which all losses are reached."""
    return _JoinEnds.apply(*ends)
