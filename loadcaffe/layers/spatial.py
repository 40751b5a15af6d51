"""Caffe's layers that resize and cut images, as torch modules.

Each builder takes a Layer and returns a module; see loadcaffe/layers/__init__.py.
"""

from torch import Tensor, nn
from torch.nn import functional

from loadcaffe.formats.netparameter import Layer
from loadcaffe.layers.checks import check
from loadcaffe.layers.pooling import Unpooling


class Upsample(nn.Module):
    """Repeat every pixel `scale` times in each direction. Forks for YOLO: upsample_layer.cpp."""

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return input.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)

    def extra_repr(self) -> str:
        return f'{self.scale}'


def upsample(layer: Layer) -> nn.Module:
    """Build an enlargement by repetition or, with indices as second input, an unpooling."""
    param = layer.param.upsample_param
    scale = (param.scale, param.scale)
    if param.HasField('scale_h'):
        scale = (param.scale_h, param.scale_w)
    check(all(0 < factor < 1 << 16 for factor in scale), layer, f'has scale {scale}')
    explicit = param.HasField('upsample_h') and param.HasField('upsample_w')
    size = (param.upsample_h, param.upsample_w) if explicit else None
    check(size is None or all(0 < side < 1 << 16 for side in size), layer, f'has the size {size}')
    cut = (int(param.pad_out_h), int(param.pad_out_w))
    if len(layer.param.bottom) > 1:
        return Unpooling(scale, cut, size)
    plain = size is None and cut == (0, 0) and scale[0] == scale[1]
    check(plain, layer, 'repeats pixels; only a whole scale is supported there')
    return Upsample(scale[0])


class Interp(nn.Module):
    """Resize bilinearly, corners aligned. DeepLab's and PSPNet's caffe: interp_layer.cpp.

    size: (height, width), or None to shrink and zoom. Negative pads cut the image.
    """

    def __init__(self, size: tuple[int, int] | None, shrink: int, zoom: int, pads: tuple[int, int]):
        super().__init__()
        self.size, self.shrink, self.zoom, self.pads = size, shrink, zoom, pads

    def forward(self, input: Tensor, like: Tensor | None = None) -> Tensor:
        input = functional.pad(input, (*self.pads, *self.pads))
        size = self.size if like is None else tuple(like.shape[2:])
        if size is None:
            shrunk = [(side - 1) // self.shrink + 1 for side in input.shape[2:]]
            size = tuple(side + (side - 1) * (self.zoom - 1) for side in shrunk)
        return functional.interpolate(input, size, mode='bilinear', align_corners=True)


def interp(layer: Layer) -> nn.Module:
    param = layer.param.interp_param
    sizes = (param.height, param.width)
    check(sizes == (0, 0) or min(sizes) > 0, layer, f'has size {sizes}')
    factors = (param.shrink_factor, param.zoom_factor)
    check(min(factors) >= 1, layer, f'has shrink_factor, zoom_factor {factors}')
    check(max(param.pad_beg, param.pad_end) <= 0, layer, 'has a pad above 0')
    pads = (param.pad_beg, param.pad_end)
    return Interp(None if sizes == (0, 0) else sizes, *factors, pads)


class Crop(nn.Module):
    """Cut the first input to the second's size, from `axis` on. caffe: crop_layer.cpp."""

    def __init__(self, axis: int, offsets: list[int]):
        super().__init__()
        self.axis, self.offsets = axis, offsets

    def forward(self, input: Tensor, like: Tensor) -> Tensor:
        axes = range(self.axis % input.dim(), input.dim())
        offsets = self.offsets * len(axes) if len(self.offsets) == 1 else self.offsets
        if len(offsets) != len(axes):
            raise ValueError(f'{len(offsets)} offsets for {len(axes)} axes')
        for axis, offset in zip(axes, offsets, strict=True):
            if offset + like.shape[axis] > input.shape[axis]:
                raise ValueError(
                    f'{like.shape[axis]} from {offset} on is beyond {input.shape[axis]}'
                )
            input = input.narrow(axis, offset, like.shape[axis])
        return input


def crop(layer: Layer) -> nn.Module:
    param = layer.param.crop_param
    return Crop(param.axis, list(param.offset) or [0])


class CropCenter(nn.Module):
    """Cut both sides of each axis. lltcggie/waifu2x-caffe: crop_center_layer.cpp.

    sizes: the pixels to cut from either side, axis by axis.
    """

    def __init__(self, sizes: list[int]):
        super().__init__()
        self.sizes = sizes

    def forward(self, input: Tensor) -> Tensor:
        for axis, size in enumerate(self.sizes):
            input = input.narrow(axis, size, input.shape[axis] - 2 * size)
        return input


def crop_center(layer: Layer) -> nn.Module:
    sizes = list(layer.param.crop_center_param.crop_size)
    check(sizes and min(sizes) >= 0, layer, f'has crop_size {sizes}')
    return CropCenter(sizes)
