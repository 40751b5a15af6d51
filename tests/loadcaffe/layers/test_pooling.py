"""Pooling against Caffe's loops, and its inverse."""

import numpy as np
import pytest
import torch
from caffe_networks import FIRE, image, layer, load_net, numpy_of, run_layer


@pytest.mark.parametrize(
    'param, expected',
    [
        ({'kernel_size': 3, 'stride': 2}, 'MaxPool2d(kernel_size=(3, 3), stride=(2, 2), '
         'padding=(0, 0), dilation=1, ceil_mode=True)'),
        ({'kernel_size': 3}, 'MaxPool2d(kernel_size=(3, 3), stride=(1, 1), '
         'padding=(0, 0), dilation=1, ceil_mode=True)'),
        ({'pool': 1, 'kernel_h': 2, 'kernel_w': 3, 'pad_w': 1, 'stride': 2},
         'AvgPool2d(kernel_size=(2, 3), stride=(2, 2), padding=(0, 1))'),
        ({'pool': 1, 'global_pooling': True}, 'AdaptiveAvgPool2d(output_size=1)'),
        ({'global_pooling': True}, 'AdaptiveMaxPool2d(output_size=1)'),
    ],
)  # fmt: skip
def test_pooling_geometry_follows_caffe(tmp_path, param, expected):
    (module,) = load_net(tmp_path, layer('Pooling', pooling_param=param))
    assert repr(module) == expected
    assert getattr(module, 'ceil_mode', True)


def caffe_pooling(x, average, kernel, stride, pad, floor):
    """pooling_layer.cpp, loop by loop, for one axis order (N, C, H, W)."""
    sizes = []
    for size, k, s, p in zip(x.shape[2:], kernel, stride, pad, strict=True):
        count = (size + 2 * p - k) / s
        count = int(np.floor(count) if floor else np.ceil(count)) + 1
        if any(pad) and (count - 1) * s >= size + p:
            count -= 1
        sizes.append(count)
    out = np.empty((*x.shape[:2], *sizes))
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
            bottom, right = (
                min(top + kernel[0], x.shape[2] + pad[0]),
                min(left + kernel[1], x.shape[3] + pad[1]),
            )
            area = (bottom - top) * (right - left)
            part = x[
                :, :, max(top, 0) : min(bottom, x.shape[2]), max(left, 0) : min(right, x.shape[3])
            ]
            lowest = -np.finfo(np.float32).max  # where a maximum begins
            with np.errstate(invalid='ignore'):
                average_ = part.sum((2, 3)) / np.float64(area)
            out[:, :, i, j] = average_ if average else part.max((2, 3), initial=lowest)
    return out


@pytest.mark.parametrize('average', [False, True])
@pytest.mark.parametrize('floor', [False, True])
@pytest.mark.parametrize(
    'kernel, stride, pad',
    [
        ((3, 3), (2, 2), (0, 0)),
        ((2, 2), (2, 2), (1, 1)),
        ((3, 2), (2, 1), (1, 0)),
        ((3, 3), (2, 3), (2, 2)),  # more than half of the kernel
        ((4, 5), (3, 2), (3, 1)),
        # A stride longer than the window: the last one may begin beyond the image.
        ((1, 1), (2, 2), (0, 0)),
        ((1, 2), (3, 3), (0, 0)),
        ((1, 1), (3, 4), (0, 0)),
        ((2, 2), (3, 3), (0, 1)),
    ],
)
def test_pooling_rounds_and_clips_as_caffe(tmp_path, average, floor, kernel, stride, pad):
    param = dict(zip(('kernel_h', 'kernel_w'), kernel, strict=True))
    param |= dict(zip(('stride_h', 'stride_w', 'pad_h', 'pad_w'), stride + pad, strict=True))
    x = image(1, 2, 8, 11)
    param |= {'pool': int(average), 'round_mode': int(floor)}
    output = run_layer(tmp_path, 'Pooling', x, pooling_param=param).numpy()
    expected = caffe_pooling(numpy_of(x), average, kernel, stride, pad, floor)
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=1e-6, atol=1e-6)  # NaN where Caffe has it


def test_pooling_that_skips_pixels_is_as_large_as_in_caffe(tmp_path):
    param = {'kernel_size': 1, 'stride': 2}
    assert run_layer(tmp_path, 'Pooling', image(1, 2, 56, 56), pooling_param=param).shape[2:] == (
        29,
        29,
    )


def test_gradient_passes_pooling_that_skips_pixels(tmp_path):
    network = load_net(tmp_path, layer('Pooling', pooling_param={'kernel_size': 1, 'stride': 2}))
    x = image(1, 2, 8, 8).requires_grad_()
    network(x)[..., :4, :4].sum().backward()
    assert x.grad[0, 0, :, 0].tolist() == [1, 0] * 4 and x.grad.sum() == 32


def test_unpooling_puts_maxima_back(tmp_path):
    network = load_net(
        tmp_path,
        *FIRE[:1],
        prototxt="""input: "data"
    layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" top: "places"
            pooling_param { kernel_size: 2 stride: 2 } }
    layer { name: "up" type: "Upsample" bottom: "pool" bottom: "places" top: "up"
            upsample_param { scale: 2 } }""",
        net='prototxt',
    )
    x = image(1, 2, 4, 6)
    restored = network(x)
    kept = restored != 0
    assert kept.sum() == 12 and torch.equal(restored[kept], x[kept])


UNPOOL = """input: "data"
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" top: "mask"
        pooling_param { %s } }
layer { name: "double" type: "Power" bottom: "pool" top: "double" power_param { scale: 2 } }
layer { name: "up" type: "Upsample" bottom: "double" bottom: "mask" top: "up"
        upsample_param { %s } }"""


@pytest.mark.parametrize(
    'pooling, upsample, shape',
    [
        ('kernel_size: 2 stride: 2', 'scale: 2 pad_out_h: true', (9, 12)),
        ('kernel_size: 2 stride: 2', 'upsample_h: 9 upsample_w: 12', (9, 12)),
        ('kernel_size: 2 stride: 2', 'scale_h: 2 scale_w: 2', (10, 12)),
        ('kernel_size: 3 stride: 3', 'scale: 3', (9, 12)),
        ('kernel_size: 3 stride: 2 pad: 1', 'scale: 2', (10, 14)),  # windows that overlap
        ('kernel_size: 3 stride: 2 pad: 2', 'upsample_h: 9 upsample_w: 12', (9, 12)),
        ('kernel_size: 2 stride: 2 round_mode: FLOOR', 'scale: 2 pad_out_h: false', (8, 12)),
    ],
)
def test_unpooling_writes_each_value_to_its_index(tmp_path, pooling, upsample, shape):
    """alexgkendall/caffe-segnet: upsample_layer.cpp: top[index] = bottom, in a plane of zeros."""
    prototxt = UNPOOL % (pooling, upsample)
    network = load_net(tmp_path, *FIRE[:1], prototxt=prototxt, net='prototxt')
    x = image(2, 3, 9, 12)
    maxima, indices = network.pool(x)
    assert torch.equal(x.flatten(2).gather(2, indices.flatten(2)), maxima.flatten(2))
    expected = np.zeros((2, 3, shape[0] * shape[1]), np.float32)
    for plane in np.ndindex(2, 3):
        expected[plane][indices[plane].flatten()] = 2 * maxima[plane].flatten()
    assert np.array_equal(network(x).numpy(), expected.reshape(2, 3, *shape))


def test_unpooling_refuses_indices_of_another_size(tmp_path):
    prototxt = UNPOOL % ('kernel_size: 2 stride: 2', 'upsample_h: 9 upsample_w: 12')
    network = load_net(tmp_path, *FIRE[:1], prototxt=prototxt, net='prototxt')
    with pytest.raises(ValueError, match='beyond 9 x 12 values'):
        network(image(1, 3, 10, 13))
