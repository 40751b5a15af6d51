"""Losses on the branches of a network."""

import pytest
import torch
from loss_networks import branched_cnn, network_with_branches

from loadcaffe.graph import Graph
from loadcaffe.layers.branching import Eltwise
from neural_style import evaluate


def features_of(cnn, image, names):
    outputs = {}

    def call(layer, *inputs):
        outputs[layer.name] = layer(*inputs)
        return outputs[layer.name]

    cnn(image[None], call)
    return [outputs[name] for name in names]


@pytest.mark.parametrize(
    'content, style',
    [
        (['fire2/concat'], ['conv1', 'fire2/left']),
        # Losses on branches that nothing follows, since the network ends with the last of them.
        (['fire2/left'], ['conv1', 'fire2/right']),
        (['conv3'], ['fire2/pool', 'fire2/concat']),
    ],
)
def test_losses_on_branches_have_the_gradient_of_their_formula(content, style):
    cnn = branched_cnn()
    generator = torch.Generator().manual_seed(1)
    target, painting, image = (torch.randn(3, 9, 8, generator=generator) for _ in range(3))
    net = network_with_branches(cnn, content_layers=content, style_layers=style)
    net.capture_content(target)
    net.capture_style(painting, 1.0)
    loss, gradient = evaluate(net, image)

    def gram(features):
        flat = features[0].flatten(1)
        return flat @ flat.t() / features.numel()

    image = image.requires_grad_()
    ours = features_of(cnn, image, content + style)
    wanted = features_of(cnn, target, content) + features_of(cnn, painting, style)
    total = 5 * (ours[0] - wanted[0]).square().mean()
    for features, target in zip(ours[1:], wanted[1:], strict=True):
        total = total + 100 * (gram(features) - gram(target)).square().mean()
    (expected,) = torch.autograd.grad(total, image)
    torch.testing.assert_close(loss, total.double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6 * expected.abs().max())


def test_layer_that_cannot_join_its_inputs_is_named():
    cnn = branched_cnn()
    join = Eltwise('SUM', [])
    join.name = 'join'
    net = network_with_branches(
        Graph([*cnn.named_children(), ('join', join)], [*cnn.sources, [(-1, 0), (0, 0)]]),
        content_layers=['join'],
        style_layers=['conv1'],
    )
    with pytest.raises(ValueError, match=r"layer 'join' cannot take features of .* combined"):
        net.capture_content(torch.zeros(3, 9, 8))
