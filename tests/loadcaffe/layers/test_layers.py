"""Layers against Caffe's formulas, written out in numpy."""

import numpy as np
import pytest
from caffe_networks import MEAN, SCALES, VARIANCE, X, blob_of, numpy_of, per_channel, run_layer

A, B = X[:, :3], X[:, 3:]


CASES = {
    'AbsVal': ([X], {}, np.abs),
    'BNLL': ([X], {}, lambda x: np.log1p(np.exp(x))),
    'ELU': ([X], {'elu_param': {'alpha': 0.5}}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    'Exp': (
        [X],
        {'exp_param': {'base': 2, 'scale': 0.5, 'shift': 1}},
        lambda x: 2 ** (1 + 0.5 * x),
    ),
    'Log': (
        [X.abs()],
        {'log_param': {'base': 10, 'scale': 2, 'shift': 3}},
        lambda x: np.log10(3 + 2 * x),
    ),
    'Power': (
        [X.abs()],
        {'power_param': {'power': 1.5, 'scale': 2, 'shift': 3}},
        lambda x: (3 + 2 * x) ** 1.5,
    ),
    'Threshold': ([X], {'threshold_param': {'threshold': 0.3}}, lambda x: x > 0.3),
    'Clip': ([X], {'clip_param': {'min': -0.5, 'max': 0.7}}, lambda x: np.clip(x, -0.5, 0.7)),
    'Swish': ([X], {'swish_param': {'beta': 2}}, lambda x: x / (1 + np.exp(-2 * x))),
    'ReLU6': ([X * 9], {}, lambda x: np.clip(x, 0, 6)),
    'PReLU': (
        [X],
        {'blobs': [blob_of(SCALES)]},
        lambda x: np.maximum(x, 0) + per_channel(SCALES) * np.minimum(x, 0),
    ),
    'BatchNorm': (
        [X],
        # The first two are sums, over as many batches as the third says.
        {'blobs': [blob_of(MEAN * 4), blob_of(VARIANCE * 4), blob_of([4])]},
        lambda x: (x - per_channel(MEAN)) / np.sqrt(per_channel(VARIANCE) + 1e-5),
    ),
    'Scale': (
        [X],
        {'blobs': [blob_of(SCALES), blob_of(MEAN + 3)], 'scale_param': {'bias_term': True}},
        lambda x: x * per_channel(SCALES) + per_channel(MEAN + 3),
    ),
    'Bias': ([X], {'blobs': [blob_of(SCALES)]}, lambda x: x + per_channel(SCALES)),
    'MVN': (
        [X],
        {},
        lambda x: (x - x.mean((2, 3), keepdims=True)) / (x.std((2, 3), keepdims=True) + 1e-9),
    ),
    'Normalize': (
        [X],
        {
            'blobs': [blob_of(SCALES)],
            'norm_param': {'across_spatial': False, 'channel_shared': False},
        },
        lambda x: x / np.sqrt((x**2).sum(1, keepdims=True) + 1e-10) * per_channel(SCALES),
    ),
    'Concat': ([A, B], {'concat_param': {'axis': 2}}, lambda a, b: np.concatenate([a, b], 2)),
    'Eltwise': (
        [A, B],
        {'eltwise_param': {'operation': 1, 'coeff': [2, -1]}},
        lambda a, b: 2 * a - b,
    ),
    'Flatten': ([X], {}, lambda x: x.reshape(2, -1)),
    'Reshape': (
        [X],
        {'reshape_param': {'shape': {'dim': [0, 3, -1, 7]}}},
        lambda x: x.reshape(2, 3, 10, 7),
    ),
    'Permute': ([X], {'permute_param': {'order': [0, 2, 3, 1]}}, lambda x: x.transpose(0, 2, 3, 1)),
    'Tile': ([X], {'tile_param': {'axis': 1, 'tiles': 3}}, lambda x: np.tile(x, (1, 3, 1, 1))),
    'Reduction': (
        [X],
        {'reduction_param': {'operation': 3, 'axis': 1, 'coeff': 0.5}},
        lambda x: 0.5 * (x**2).sum((1, 2, 3)),
    ),
    'ArgMax': ([X], {'argmax_param': {'axis': 1}}, lambda x: x.argmax(1)[:, None]),
}


@pytest.mark.parametrize('layer_type', CASES)
def test_layer_computes_what_caffe_does(tmp_path, layer_type):
    inputs, options, formula = CASES[layer_type]
    output = run_layer(tmp_path, layer_type, *inputs, **options)
    expected = np.asarray(formula(*map(numpy_of, inputs)), np.float64)
    assert tuple(output.shape) == expected.shape
    # float32 sums and functions against float64
    assert np.abs(output.numpy() - expected).max() < 2e-6 * max(np.abs(expected).max(), 1)
