"""The losses of painted pictures: those of the optimisation, by the same loss network."""

from collections.abc import Sequence

import torch
from torch import Tensor

from neural_style.losses.targets import Targets
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.preprocessing import preprocess


class Objective:
    """Compares painted pictures with their photographs, and with one of several styles.

    styles: images (3, H, W), RGB, in [0, 1].
    """

    def __init__(self, network: LossNetwork, styles: Sequence[Tensor], device: torch.device):
        self.network = network
        self.device = device
        self.targets: list[Targets] = []
        for style in styles:
            for loss in network.style_losses:
                loss.set_targets([torch.empty(0)])
            network.capture_style(preprocess(style.to(device, torch.float32)), 1.0)
            targets = network.targets
            self.targets.append(Targets(style=targets.style, statistic=targets.statistic))

    def gradient(self, painted: Tensor, photos: Tensor, style: int) -> Tensor:
        """Return the gradient of the losses, summed over pictures, with respect to those painted.

        painted, photos: (N, 3, H, W), RGB.  style: the number of the style.
        """
        if len(self.targets) > 1:
            self.network.set_targets(self.targets[style])
        self.network.capture_content(preprocess(photos).contiguous())
        gradient = self.network.gradient(preprocess(painted.detach()).contiguous())
        return gradient.flip(1).mul_(256 / self.network.scale)

    def values(self) -> dict[str, float]:
        """Return content and style loss of the pictures that came last, summed over them."""
        return {
            'content': sum(float(loss.loss) for loss in self.network.content_losses),
            'style': sum(float(loss.loss) for loss in self.network.style_losses),
        }
