"""Layers that normalise, scale and shift."""

import numpy as np
import pytest
import torch
from caffe_networks import (
    MEAN,
    SCALES,
    VARIANCE,
    X,
    blob_of,
    layer,
    load_net,
    numpy_of,
    per_channel,
    run_layer,
    step,
)


def test_lrn_keeps_full_precision(tmp_path):
    (module,) = load_net(tmp_path, layer('LRN', lrn_param={'alpha': 1.25e-7, 'beta': 0.12345}))
    # The original writes alpha with 6 decimals, here 0, and beta with 4.
    assert (module.alpha, module.beta) == pytest.approx((1.25e-7, 0.12345), rel=1e-7)


def test_scale_takes_its_factor_from_a_second_input(tmp_path):
    network = load_net(
        tmp_path,
        step('Pooling', 'data', 'mean', pooling_param={'pool': 1, 'global_pooling': True}),
        step('Flatten', 'mean', 'flat'),
        step('Scale', 'data flat', 'scaled', scale_param={'axis': 0}),
    )
    assert torch.allclose(network(X), X * X.mean((2, 3), keepdim=True), rtol=1e-5)


def test_lrn_within_channels_divides_by_the_whole_window(tmp_path):
    output = run_layer(
        tmp_path, 'LRN', X, lrn_param={'norm_region': 1, 'local_size': 3, 'alpha': 2, 'beta': 0.75}
    )
    padded = np.pad(numpy_of(X) ** 2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    expected = numpy_of(X) * (1 + 2 * windows.sum((-2, -1)) / 9) ** -0.75
    assert np.abs(output.numpy() - expected).max() < 1e-6


def test_bn_computes_what_segnet_and_pspnet_do(tmp_path):
    blobs = [blob_of(SCALES.reshape(1, 6, 1, 1)), blob_of(MEAN)]
    two = load_bn(tmp_path, blobs, 'bn_mode: INFERENCE')(X)
    expected = numpy_of(X) * per_channel(SCALES) + per_channel(MEAN)
    assert np.abs(two.numpy() - expected).max() < 1e-5
    blobs = [blob_of(values) for values in (SCALES, MEAN, MEAN, VARIANCE)]
    four = run_layer(tmp_path, 'BN', X, blobs=blobs)
    normal = (numpy_of(X) - per_channel(MEAN)) / np.sqrt(per_channel(VARIANCE) + 1e-5)
    expected = normal * per_channel(SCALES) + per_channel(MEAN)
    assert np.abs(four.numpy() - expected).max() < 1e-5


@pytest.mark.parametrize('param', ['', 'bn_mode: LEARN'])  # the default
def test_bn_that_learns_normalises_by_the_batch(tmp_path, param):
    x = torch.cat([X, X * 2 + 1])
    output = load_bn(tmp_path, [blob_of(SCALES), blob_of(MEAN)], param)(x)
    mean, variance = numpy_of(x).mean((0, 2, 3)), numpy_of(x).var((0, 2, 3))
    normal = (numpy_of(x) - per_channel(mean)) / np.sqrt(per_channel(variance) + 1e-9)
    expected = normal * per_channel(SCALES) + per_channel(MEAN)
    assert np.abs(output.numpy() - expected).max() < 1e-5


def load_bn(folder, blobs, param):
    """Load a BN with these blobs, described by a prototxt."""
    prototxt = f"""input: "data"
    layer {{ name: "top" type: "BN" bottom: "data" top: "top" bn_param {{ {param} }} }}"""
    return load_net(folder, step('BN', 'data', 'top', blobs), prototxt=prototxt, net='prototxt')
