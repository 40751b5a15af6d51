"""Trained styles as ONNX models, which other programs run: browsers, phones, onnxruntime.

The model takes an image of any size, (1, 3, H, W), RGB, in [0, 1], and returns as much; that of
several styles takes their weights as well, (S,), with a sum of 1.
"""

from typing import Any, cast

from torch import Tensor

from neural_style.fast.onnx_graph import Graph, Value, typed
from neural_style.fast.onnx_images import cropped, enlarged, reflected
from neural_style.fast.trained import MARGIN, TrainedStyle
from neural_style.fast.transformation import EPSILON, Layer

IMAGE = (1, 3, 'height', 'width')


def trained_model(trained: TrainedStyle) -> Any:
    """Return the model as onnx has it.  Raises ModuleNotFoundError without the onnx package."""
    graph = Graph()
    network, styles = trained.network.cpu().float(), trained.network.shape.styles
    image, weights = graph.value('image'), graph.value('weights')

    def mixed(table: Tensor) -> Value:
        """Return the numbers of the styles (S, C), mixed by their weights: (C,)."""
        if styles == 1:
            return graph.constant(table[0])
        return weights @ graph.constant(table)

    def call(layer: Layer, x: Value) -> Value:
        if layer.enlarges:
            x = enlarged(x)
        x = graph.convolution(x, layer.convolution.weight, stride=layer.convolution.stride[0])
        inputs = [x, mixed(layer.scale), mixed(layer.shift)]
        x = graph.node('InstanceNormalization', inputs, epsilon=EPSILON)
        return x.relu() if layer.rectifies else x

    def paint(x: Value) -> Value:
        return graph.convolution(x, network.paint.weight, network.paint.bias)

    # the values of a graph do what the network does with tensors
    run = cast(Any, network.run)
    painted = run(reflected(image, MARGIN), call, paint)
    painted = cropped(painted, image, MARGIN)
    inputs = [typed(image, IMAGE)]
    if styles > 1:
        inputs.append(typed(weights, [styles]))
    return graph.model('style', inputs, [typed(painted, IMAGE)])
