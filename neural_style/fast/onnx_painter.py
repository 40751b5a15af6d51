"""The network that paints in any style, as an ONNX model: content and style in, picture out.

The model takes two images of any sizes, content and style, (1, 3, H, W), RGB, in [0, 1], and
strength, (1,), from 0 to 1; it returns the painted content.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from neural_style.fast.decoder import Modulated
from neural_style.fast.encoder import LAYERS
from neural_style.fast.onnx_graph import Graph, Value, typed
from neural_style.fast.onnx_images import cropped, enlarged, lengthened, reduced, reflected
from neural_style.fast.onnx_statistics import Affine, Statistics, transport_map
from neural_style.fast.painting import LEAST_SIDE_OF_STYLE, MARGIN, SIDE_OF_CODE, fine_strength
from neural_style.fast.weights import load_weights
from neural_style.transfer.preprocessing import MEAN_PIXEL


def painter_model() -> Any:
    """Return the model as onnx has it.  Raises ModuleNotFoundError without the onnx package."""
    graph = Graph()
    content, style, strength = (graph.value(name) for name in ('content', 'style', 'strength'))
    painted = _Network(graph).painted(content, style, strength)
    inputs = [
        typed(content, (1, 3, 'height', 'width')),
        typed(style, (1, 3, 'style_height', 'style_width')),
        typed(strength, [1]),
    ]
    outputs = [typed(painted, (1, 3, 'height', 'width'))]
    return graph.model('any_style', inputs, outputs)


class _Network:
    """Adds to a graph what Painter does, in the same order, with FusedDecoder's stages."""

    def __init__(self, graph: Graph):
        self.graph = graph
        encoder, decoder = load_weights()
        self.encoder, self.decoder = encoder, decoder.requires_grad_(False)

    def painted(self, content: Value, style: Value, strength: Value) -> Value:
        """Return the picture, of the content's size, in [0, 1]."""
        graph, decoder = self.graph, self.decoder
        image = reflected(content, MARGIN)
        z = self.coordinates(image, ['relu3_1', 'relu4_1'])
        targets = self.style(style)
        fine = fine_strength(strength)
        code = self.code(content, targets, fine)

        def to_style(name: str, content: Statistics, share: Value = fine) -> Affine:
            return self.scaled(name, transport_map(content, targets[name], share, LAYERS[name]))

        maps = {name: to_style(name, Statistics.of(x), strength) for name, x in z.items()}
        x = self.modulated(decoder.enter4, code, maps['relu4_1'])(z['relu4_1'])
        residual = x
        for layer in decoder.residual4:
            residual = self.modulated(layer, code)(residual)
        x = enlarged(self.modulated(decoder.leave4, code)(x + residual))
        x = x + self.pointwise(decoder.detail3, maps['relu3_1'])(z['relu3_1'])
        x = self.modulated(decoder.refine3, code)(x)
        for name, enter, refine in (
            ('relu3_1', decoder.enter3, decoder.refine2),
            ('relu2_1', decoder.enter2, decoder.refine1),
        ):
            reading = self.reading(name)
            to_target = to_style(name, Statistics.of(x).mapped(reading)).after(reading)
            x = enlarged(self.modulated(enter, code, to_target)(x))
            x = self.modulated(refine, code)(x)
        reading = self.reading('relu1_1')
        to_target = to_style('relu1_1', Statistics.of(x).mapped(reading)).after(reading)
        entered = self.modulated(decoder.enter1, code, to_target)(x)
        painted = graph.convolution(entered, decoder.paint.weight, decoder.paint.bias)
        painted = painted + self.pointwise(decoder.paint_directly, to_target)(x)
        return cropped(painted, content, MARGIN)

    def coordinates(self, image: Value, names: Sequence[str]) -> dict[str, Value]:
        """Return the coordinates of an image (1, 3, H, W), RGB, in [0, 1] at some layers."""
        graph = image.graph
        x = graph.node('Gather', [image, graph.constant(np.array([2, 1, 0]))], axis=1)  # BGR
        x = x * 256 - graph.constant(np.array(MEAN_PIXEL, np.float32).reshape(1, 3, 1, 1))
        results: dict[str, Value] = {}
        for name, layer in zip(self.encoder.names, self.encoder.layers, strict=True):
            if isinstance(layer, nn.Conv2d):
                x = graph.convolution(x, layer.weight, layer.bias)
            elif isinstance(layer, nn.ReLU):
                x = x.relu()
            else:
                x = graph.node('MaxPool', [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
            if name in names:
                results[name] = graph.convolution(x, self.encoder.basis[name][..., None, None])
                if len(results) == len(names):
                    break
        return results

    def style(self, image: Value) -> dict[str, Statistics]:
        """Return the statistics of an image at all layers of a style."""
        z = self.coordinates(lengthened(image, LEAST_SIDE_OF_STYLE), list(LAYERS))
        return {name: Statistics.of(x) for name, x in z.items()}

    def code(self, content: Value, style: dict[str, Statistics], strength: Value) -> Value:
        """Return the code of a style, (STYLE_WIDTH, 1), that keeps a share of the content's own."""
        graph, decoder = self.graph, self.decoder
        moments = _moments(style)

        def own_moments(branch: Graph) -> Value:
            return _moments(self.style(reduced(branch.value(content.name), SIDE_OF_CODE)))

        is_partial = graph.node('Less', [strength, graph.constant(np.ones(1, np.float32))])
        size = 2 * sum(LAYERS.values())
        own = graph.choice(is_partial, [size, 1], own_moments, lambda branch: moments)
        moments = own + (moments - own) * strength
        numbers = []
        parts = iter(moments.split(*(size for size in LAYERS.values() for _ in range(2))))
        for name, mean, variances in zip(LAYERS, parts, parts, strict=True):
            deviation = decoder.deviation(name).view(-1, 1)
            numbers.append(mean / graph.constant(deviation))
            relative = variances / graph.constant(deviation.square()) + 1e-2
            numbers.append(graph.node('Log', [relative]))
        code = self.linear(decoder.style_code[0], graph.node('Concat', numbers, axis=0))
        return graph.node('LeakyRelu', [code], alpha=0.2)

    def linear(self, layer: nn.Module, x: Value) -> Value:
        assert isinstance(layer, nn.Linear)
        return self.graph.constant(layer.weight) @ x + self.graph.constant(layer.bias[:, None])

    def reading(self, name: str) -> Affine:
        """Return the map that reads the coordinates of a layer out of the features of its stage."""
        readout, deviation = self.decoder.readout(name), self.decoder.deviation(name).view(-1, 1)
        assert readout.bias is not None
        matrix, offset = readout.weight[:, :, 0, 0], readout.bias[:, None]
        return Affine(*(self.graph.constant(x * deviation) for x in (matrix, offset)))

    def scaled(self, name: str, affine: Affine) -> Affine:
        """Return a map whose results are divided by what coordinates of a layer deviate by."""
        factors = self.graph.constant(1 / self.decoder.deviation(name).view(-1, 1))
        return Affine(affine.matrix * factors, affine.offset * factors)

    def modulated(
        self, layer: nn.Module, code: Value, inputs: Affine | None = None
    ) -> Callable[[Value], Value]:
        """Return a layer with the modulation of the code, and with a map of its inputs."""
        assert isinstance(layer, Modulated) and layer.convolution.bias is not None
        graph, kernel = self.graph, layer.convolution.weight
        outputs, channels = kernel.shape[:2]
        scale, shift = self.linear(layer.modulation, code).split(outputs, outputs)
        scale = scale + 1
        bias = graph.constant(layer.convolution.bias[:, None])
        if inputs is None:
            weight = graph.constant(kernel)
        else:
            bias = bias + graph.constant(kernel.sum((2, 3))) @ inputs.offset
            rows = graph.constant(kernel.permute(0, 2, 3, 1).reshape(-1, channels)) @ inputs.matrix
            weight = rows.reshaped(outputs, 3, 3, -1).transposed(0, 3, 1, 2)
        weight = weight * scale.reshaped(outputs, 1, 1, 1)
        bias = (bias * scale + shift).reshaped(-1)
        return lambda x: graph.convolution(x, weight, bias).relu()

    def pointwise(self, layer: nn.Conv2d, inputs: Affine) -> Callable[[Value], Value]:
        """Return a 1 x 1 convolution with a map of its inputs."""
        assert layer.bias is not None
        graph, outputs = self.graph, layer.out_channels
        matrix, offset = graph.constant(layer.weight[:, :, 0, 0]), layer.bias[:, None]
        affine = inputs.before(matrix, graph.constant(offset))
        weight = affine.matrix.reshaped(outputs, -1, 1, 1)
        return lambda x: graph.convolution(x, weight, affine.offset.reshaped(-1), sides=(1, 1))


def _moments(style: dict[str, Statistics]) -> Value:
    """Return means and variances at all layers, one after the other: (N, 1)."""
    means = [statistics.mean for statistics in style.values()]
    graph, numbers = means[0].graph, []
    for (name, statistics), mean in zip(style.items(), means, strict=True):
        identity = graph.constant(torch.eye(LAYERS[name]))
        numbers += [mean, (statistics.covariance * identity).sum(1)]
    return graph.node('Concat', numbers, axis=0)
