"""What the style targets of a network depend on, besides the style images."""

import hashlib
from typing import Any

from neural_style.losses.style import StyleLoss
from neural_style.network.loss_network import LossNetwork

# What the description of a network calls its weights, and the type of its features.
WEIGHTS, PRECISION = 'weights', 'precision'


def describe_network(network: LossNetwork) -> dict[str, Any]:
    """Return what style targets depend on in a network, by the names of its settings.

    The weights are those of the layers up to the last style loss, as a SHA-256.
    """
    settings = network.settings
    return {
        'style_layers': ','.join(network.style_names),
        'style_statistic': network.targets.statistic,
        'losses': settings.losses,
        'pooling': settings.pooling,
        'padding': settings.padding,
        PRECISION: str(network.dtype).removeprefix('torch.'),
        WEIGHTS: _checksum(network),
    }


def _checksum(network: LossNetwork) -> str:
    """Return the SHA-256 of the weights that style features depend on."""
    checksum, missing = hashlib.sha256(), len(network.style_losses)
    for layer in network.chunks.modules():
        if isinstance(layer, StyleLoss):
            missing -= 1
            if missing == 0:
                break
        for weights in layer.parameters(recurse=False):
            checksum.update(weights.detach().cpu().contiguous().numpy().data)
    return checksum.hexdigest()
