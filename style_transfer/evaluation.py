"""One evaluation: what an optimiser asks for."""

import torch
from torch import Tensor

from style_transfer.network import LossNetwork


def evaluate(network: LossNetwork, image: Tensor) -> tuple[Tensor, Tensor]:
    """Run the network forward and back.

    image: (3, H, W), preprocessed, on the network's first device.  Returns the total loss, a
    0-dim float64 tensor (TV left out, as in neural_style.lua: feval), and its gradient
    (3, H, W), TV included.
    """
    gradient = _gradient(network, image)
    while network.scale > 1 and not gradient.isfinite().all():
        network.scale /= 4  # too large for float16
        gradient = _gradient(network, image)
    # mps has no float64
    device = torch.device('cpu') if image.device.type == 'mps' else image.device
    losses = [loss.loss.to(device) for loss in network.losses]
    if not losses:
        return torch.zeros((), dtype=torch.float64), gradient
    return torch.stack(losses).cumsum(0)[-1], gradient  # one after the other


def _gradient(network: LossNetwork, image: Tensor) -> Tensor:
    gradient = network.gradient(image)
    return gradient if network.scale == 1 else gradient / network.scale
