"""What ONNX models do with images: reflect, cut, enlarge and reduce them."""

import numpy as np

from neural_style.fast.bands import UNIT
from neural_style.fast.onnx_graph import Value


def reflected(image: Value, margin: int) -> Value:
    """Continue an image as bands.reflected does, by a margin and to whole units."""
    graph, number = image.graph, image.graph.number
    for axis in (2, 3):
        size = image.length(axis)
        total = (size + number(2 * margin + UNIT - 1)) / number(UNIT) * number(UNIT)
        places = graph.node('Range', [number(0), total, number(1)]) - number(margin)
        image = _continued(image, axis, places)
    return image


def lengthened(image: Value, least: int) -> Value:
    """Continue an image as bands.lengthened does, to twice a least height and width."""
    graph, number = image.graph, image.graph.number
    for axis in (2, 3):
        size = image.length(axis)
        is_short = graph.node('Less', [size, number(least)])
        total = graph.node('Where', [is_short, number(2 * least), size])
        image = _continued(image, axis, graph.node('Range', [number(0), total, number(1)]))
    return image


def _continued(image: Value, axis: int, places: Value) -> Value:
    """Return the lines of an image at some places, some of them beyond it: it is reflected."""
    graph, number = image.graph, image.graph.number
    period = graph.node('Max', [image.length(axis) * number(2) - number(2), number(1)])
    forward = graph.node('Mod', [places, period])
    index = graph.node('Min', [forward, period - forward])
    return graph.node('Gather', [image, index], axis=axis)


def cropped(painted: Value, image: Value, margin: int) -> Value:
    """Cut off what reflected has added to an image, and clamp to [0, 1]: the output 'painted'."""
    graph = image.graph
    start = graph.constant(np.array([margin, margin]))
    axes = graph.constant(np.array([2, 3]))
    shape = graph.node('Shape', [image])
    sizes = graph.node('Gather', [shape, axes])
    painted = graph.node('Slice', [painted, start, sizes + start, axes])
    limits = [graph.constant(np.array(limit, np.float32)) for limit in (0, 1)]
    return graph.node('Clip', [painted, *limits], 'painted')


def enlarged(x: Value) -> Value:
    """Repeat every pixel 2 x 2 times."""
    return x.graph.node(
        'Resize',
        [x, None, x.graph.constant(np.array([1, 1, 2, 2], np.float32))],
        mode='nearest',
        nearest_mode='floor',
        coordinate_transformation_mode='asymmetric',
    )


def reduced(image: Value, side: int) -> Value:
    """Reduce an image so that the longer side has at most a length, as torch7.image.scale does."""
    graph = image.graph
    height, width = image.length(2), image.length(3)
    longer = graph.node('Max', [height, width])
    target = graph.node('Min', [longer, graph.number(side)])
    rows = _boxes(height, height * target / longer)
    columns = _boxes(width, width * target / longer)
    return rows @ image @ columns.transposed(1, 0)


def _boxes(length: Value, boxes: Value) -> Value:
    """Return the matrix (B, L) of box averages of so many lines; at least one box."""
    graph, number = length.graph, length.graph.number
    boxes = graph.node('Max', [boxes, number(1)])
    step = length.cast(np.float32) / boxes.cast(np.float32)
    indices = graph.node('Range', [number(0), boxes, number(1)]).cast(np.float32).reshaped(-1, 1)
    lines = graph.node('Range', [number(0), length, number(1)]).cast(np.float32).reshaped(1, -1)
    end = graph.node('Min', [(indices + 1) * step, lines + 1])
    start = graph.node('Max', [indices * step, lines])
    overlap = (end - start).relu()
    return overlap / overlap.sum(1)
