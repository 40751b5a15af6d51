"""Windows of convolutions and poolings, of torch and of ours, and the sizes of their outputs."""

from typing import Any, NamedTuple


class Window(NamedTuple):
    """The window of a layer along one axis; size: the pixels that it spans, dilation included."""

    size: int
    stride: int
    padding: int


def window(layer: Any, axis: int) -> Window:
    """Return the window of a convolution or pooling; axis 0: rows."""
    kernel, stride, padding, dilation = (
        value[axis] if isinstance(value, tuple) else value
        for value in (
            layer.kernel_size,
            layer.stride,
            getattr(layer, 'padding', 0),
            getattr(layer, 'dilation', 1),
        )
    )
    return Window(dilation * (kernel - 1) + 1, stride, padding)


def window_count(window: Window, size: int, ceil_mode: bool, clips: bool = True) -> int:
    """Return how many windows there are along an axis of `size` pixels.

    ceil_mode: round up. clips: with that, leave out a last window that would begin beyond the
    image and its padding.
    """
    steps = size + 2 * window.padding - window.size
    count = -(-steps // window.stride) + 1 if ceil_mode else steps // window.stride + 1
    if ceil_mode and clips and (count - 1) * window.stride >= size + window.padding:
        count -= 1
    return count
