"""One evaluation of the loss and its gradient: what an optimiser asks for."""

import math

import torch
from torch import Tensor

from neural_style.modes import default_modes
from neural_style.network.loss_network import LossNetwork

# Below it, gradients have other faults than being too large for float16.
MIN_SCALE = 2.0**-32


@default_modes()
def evaluate(network: LossNetwork, image: Tensor) -> tuple[Tensor, Tensor]:
    """Run the network's forward and backward pass.

    image: (3, H, W), preprocessed, on the network's first device.  Returns the total loss, a
    0-dim float64 tensor (TV left out, as in neural_style.lua: feval), and its gradient
    (3, H, W), TV included.
    """
    gradient = network.gradient(image)
    loss = _total(network, image)
    if network.dtype == torch.float16:
        while not is_finite(gradient) and is_finite(loss) and network.scale > MIN_SCALE:
            network.scale /= 4  # too large for float16
            gradient = network.gradient(image)
        gradient /= network.scale
    return loss, gradient


def is_finite(tensor: Tensor) -> bool:
    """Tell whether all elements are finite.

    Both extremes are NaN where an element is; torch.isfinite takes far longer.
    """
    return all(math.isfinite(extreme) for extreme in tensor.aminmax())


def _total(network: LossNetwork, image: Tensor) -> Tensor:
    # mps has no float64
    device = torch.device('cpu') if image.device.type == 'mps' else image.device
    values = [loss.loss for loss in network.losses]
    values += [loss.loss for loss in network.image_losses if loss.loss is not None]
    losses = [value.to(device) for value in values]
    if not losses:
        return torch.zeros((), dtype=torch.float64)
    return torch.stack(losses).cumsum(0)[-1]  # one after the other
