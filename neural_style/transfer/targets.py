"""The targets of a run: what the losses compare the image with."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from neural_style.errors import SettingError
from neural_style.losses.targets import Targets
from neural_style.network.blending import Blend
from neural_style.network.loss_network import LossNetwork
from neural_style.torch7.nn import Dropout
from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.inputs import Inputs
from neural_style.transfer.preprocessing import preprocess
from neural_style.transfer.settings import Settings

logger = logging.getLogger(__name__)


class StyleTargets:
    """The style targets of one run after another, such as those of the frames of a video.

    They are captured anew only where the style images, or how they count, are others.
    """

    def __init__(self) -> None:
        self._inputs: Inputs | None = None
        self._targets: Targets | None = None

    def capture(self, network: LossNetwork, inputs: Inputs) -> None:
        """Give a network the style targets; networks of one object have the same losses."""
        draws = any(isinstance(layer, Dropout) for layer in network.modules())
        if self._targets is not None and not draws and self._are_those_of(inputs):
            network.set_targets(self._targets)
            return
        capture_styles(network, inputs)
        self._inputs, self._targets = inputs, replace(network.targets, content={})

    def _are_those_of(self, inputs: Inputs) -> bool:
        former = self._inputs
        if former is None or len(former.styles) != len(inputs.styles):
            return False
        has_maps = any(guide is not None for guide in (*former.guides, *inputs.guides))
        return (
            not has_maps
            and former.blend_weights == inputs.blend_weights
            and former.layer_weights == inputs.layer_weights
            and all(map(torch.equal, former.styles, inputs.styles))
        )


def capture_targets(
    network: LossNetwork,
    inputs: Inputs,
    settings: Settings,
    style_targets: StyleTargets | None = None,
) -> None:
    """Give the network's losses the features of the content and the style images as targets.

    style_targets: keeps those of the styles from run to run.
    Raises SettingError if float16 cannot hold them.
    Source: neural_style.lua: main.
    """
    device = network.devices[0]
    logger.info('Capturing content targets')
    logger.info(network.describe(settings.backend))
    network.capture_content(preprocess(inputs.content).float().to(device))
    (style_targets or StyleTargets()).capture(network, inputs)
    fits = settings.precision != 'fp16' or all(map(is_finite, network.targets.tensors().values()))
    if not fits and all(map(math.isfinite, inputs.blend_weights)):
        raise SettingError(
            'precision',
            'the features of these images exceed 65504, the largest number of float16; use bf16'
            ' or fp32',
            settings.precision,
        )
    if inputs.mask is not None:
        network.guide_style(1 - inputs.mask)


def capture_styles(network: LossNetwork, inputs: Inputs) -> None:
    """Give the network's style losses the statistics of the style images as targets."""
    device = network.devices[0]
    weights: Sequence[Blend | Mapping[str, Blend]] = inputs.layer_weights or inputs.blend_weights
    style_terms = zip(inputs.styles, weights, inputs.guides, strict=True)
    for number, (style, weight, guide) in enumerate(style_terms, start=1):
        logger.info('Capturing style target %d', number)
        network.capture_style(preprocess(style).float().to(device), weight, guide)
