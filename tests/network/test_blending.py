"""Blending of style images: weights by layer."""

import pytest
import torch
from loss_networks import image, network

LAYERS = ['relu1_1', 'relu2_1']


def captured(*styles, **settings):
    """Return a network with the targets of style images, each with its weights."""
    net = network(content_layers=[], **settings)
    for seed, weights in enumerate(styles):
        net.capture_style(image(29 + seed, 37, seed=seed), weights)
    return net


@pytest.mark.parametrize('exact', [False, True])
def test_a_style_image_serves_the_layers_that_have_a_weight(exact):
    net = captured({'relu1_1': 1.0}, {'relu2_1': 1.0}, exact=exact)
    first, second = captured(1.0, exact=exact), captured(0.0, 1.0, exact=exact)
    assert torch.equal(net.style_losses[0].target, first.style_losses[0].target)
    torch.testing.assert_close(
        net.style_losses[1].target, second.style_losses[1].target, rtol=1e-6, atol=0
    )


def test_equal_weights_by_layer_change_no_bit():
    plain = captured(0.25, 0.75)
    by_layer = captured(dict.fromkeys(LAYERS, 0.25), dict.fromkeys(LAYERS, 0.75))
    for loss, want in zip(by_layer.style_losses, plain.style_losses, strict=True):
        assert torch.equal(loss.target, want.target)


def test_a_layer_may_have_a_weight_for_each_term():
    net = network(content_layers=[])
    net.guide_style([None, None])
    net.capture_style(image(29, 37), {'relu1_1': [1.0, 0.5], 'relu2_1': [1.0, 1.0]}, [None, None])
    first, second = net.style_losses[0].terms
    torch.testing.assert_close(second.target, first.target / 2)


def test_layers_without_a_style_loss_are_refused():
    with pytest.raises(ValueError, match="no style loss at layer 'relu3_1'"):
        captured({'relu1_1': 1.0, 'relu3_1': 1.0})
