"""The targets of a run: what the losses compare the image with."""

import logging
import math
from collections.abc import Mapping, Sequence

from neural_style.errors import SettingError
from neural_style.network.blending import Blend
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.inputs import Inputs
from neural_style.transfer.preprocessing import preprocess
from neural_style.transfer.settings import Settings

logger = logging.getLogger(__name__)


def capture_targets(network: LossNetwork, inputs: Inputs, settings: Settings) -> None:
    """Give the network's losses the features of the content and the style images as targets.

    Raises SettingError if float16 cannot hold them.
    Source: neural_style.lua: main.
    """
    device = network.devices[0]
    logger.info('Capturing content targets')
    logger.info(network.describe(settings.backend))
    network.capture_content(preprocess(inputs.content).float().to(device))
    weights: Sequence[Blend | Mapping[str, Blend]] = inputs.layer_weights or inputs.blend_weights
    style_terms = zip(inputs.styles, weights, inputs.guides, strict=True)
    for number, (style, weight, guide) in enumerate(style_terms, start=1):
        logger.info('Capturing style target %d', number)
        network.capture_style(preprocess(style).float().to(device), weight, guide)
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
