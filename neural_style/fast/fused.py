"""The decoder for one style, in which linear maps that follow each other are one convolution."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.fast.decoder import Decoder, Modulated, enlarge
from neural_style.fast.statistics import Affine, Statistics

Layer = Callable[[Tensor], Tensor]


class FusedDecoder:
    """The stages of a decoder for the code (1, STYLE_WIDTH) of one style.

    Predicted coordinates are never computed: their statistics follow from those of the features
    they are read out of, and the map to the style's statistics is part of the next convolution.
    Convolutions pad before that map and not after it, so that results differ at the rim.
    """

    def __init__(self, decoder: Decoder, code: Tensor):
        self.decoder = decoder
        self.code = code

    def coarse(self, to_z4: Affine, to_z3: Affine) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the stage from the coordinates of relu4_1 and relu3_1 to features of relu3_1.

        to_z4, to_z3: give the coordinates the style's statistics.
        """
        decoder = self.decoder
        enter = self._fused(decoder.enter4, to_z4.scaled(self._factors('relu4_1')))
        first, second = (self._fused(layer) for layer in decoder.residual4)
        leave, refine = self._fused(decoder.leave4), self._fused(decoder.refine3)
        detail = to_z3.scaled(self._factors('relu3_1')).before(*_pointwise(decoder.detail3))

        def stage(z4: Tensor, z3: Tensor) -> Tensor:
            x = enter(z4)
            x = x + second(first(x))
            return refine(enlarge(leave(x)).add_(detail(z3)))

        return stage

    def middle(self, to_z3: Affine) -> Layer:
        """Return the stage from features of relu3_1 to those of relu2_1."""
        enter = self._fused(self.decoder.enter3, to_z3.scaled(self._factors('relu3_1')))
        refine = self._fused(self.decoder.refine2)
        return lambda x: refine(enlarge(enter(x)))

    def fine(self, to_z2: Affine) -> Layer:
        """Return the stage from features of relu2_1 to those of relu1_1."""
        enter = self._fused(self.decoder.enter2, to_z2.scaled(self._factors('relu2_1')))
        refine = self._fused(self.decoder.refine1)
        return lambda x: refine(enlarge(enter(x)))

    def finish(self, to_z1: Affine) -> Layer:
        """Return the stage from features of relu1_1 to the image."""
        to_z1 = to_z1.scaled(self._factors('relu1_1'))
        enter = self._fused(self.decoder.enter1, to_z1)
        direct = to_z1.before(*_pointwise(self.decoder.paint_directly))
        return lambda x: self.decoder.paint(enter(x)).add_(direct(x))

    def predicted(
        self, name: str, features: Tensor, guide: Tensor | None = None
    ) -> tuple[Statistics, Affine]:
        """Return statistics of predicted coordinates, and the map that reads them out.

        guide: how much each pixel of the image counts, (1, H, W).
        """
        matrix, offset = _pointwise(self.decoder.readout(name))
        deviation = 1 / self._factors(name)
        reading = Affine(matrix[None] * deviation[:, None], (offset * deviation)[None])
        return Statistics.of(features, guide).mapped(reading), reading

    def _factors(self, name: str) -> Tensor:
        return 1 / self.decoder.deviation(name).flatten()

    def _fused(self, layer: nn.Module, inputs: Affine | None = None) -> Layer:
        """Return a layer with the modulation of the code, and with a map of its inputs."""
        assert isinstance(layer, Modulated)
        scale, shift = layer.modulation(self.code)[0].chunk(2)
        weight, bias = layer.convolution.weight, layer.convolution.bias
        assert bias is not None
        if inputs is not None:
            bias = bias + torch.einsum('oihw,i->o', weight, inputs.offset[0])
            weight = torch.einsum('oihw,ic->ochw', weight, inputs.matrix[0])
        weight = (weight * (1 + scale)[:, None, None, None]).contiguous(
            memory_format=torch.channels_last
        )
        bias = bias * (1 + scale) + shift
        return lambda x: functional.conv2d(x, weight, bias, padding=1).relu_()


def _pointwise(convolution: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return matrix (D, C) and offset (D,) of a 1 x 1 convolution."""
    assert convolution.bias is not None
    return convolution.weight[:, :, 0, 0], convolution.bias
