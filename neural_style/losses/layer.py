"""Losses as identity layers that can be put in any network, as in neural_style.lua."""

from torch import Tensor

from neural_style.losses.base import FeatureLoss, check_single
from neural_style.losses.passes import Evaluate


class LossLayer(FeatureLoss):
    """A loss that is an identity layer.

    mode: 'none'; 'capture': the features become the target; or 'loss': their loss is kept in
        `loss`, and its gradient added in the backward pass.
    takes_batches: whether features may be those of several images; else they are refused.

    A LossNetwork drives its losses itself, whatever their mode.
    """

    mode = 'none'
    takes_batches = False

    def forward(self, features: Tensor) -> Tensor:
        self.check(features)
        if not self.takes_batches:
            check_single(features)
        if self.mode == 'capture':
            self.capture(features.detach())
        elif self.mode == 'loss':
            if not self.has_target:
                raise ValueError("a loss without a target: run an image in mode 'capture' first")
            return Evaluate().visit(self, features)
        return features
