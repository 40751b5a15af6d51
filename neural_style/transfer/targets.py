"""The targets of a run: what the losses compare the image with."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from neural_style.errors import SettingError
from neural_style.losses.targets import Targets
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.features import feature_sizes, layers_of
from neural_style.torch7.nn import has_dropout
from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.inputs import Inputs
from neural_style.transfer.preprocessing import preprocess
from neural_style.transfer.region_masks import RegionMask
from neural_style.transfer.settings import Settings

logger = logging.getLogger(__name__)

# The share of a position of a layer that a region has to cover: the features of one that it covers
# less are those of other regions.
MIN_COVERAGE = 0.1


class StyleTargets:
    """The style targets of one run after another, such as those of the frames of a video.

    They are captured anew only where the style images, how they count, or how small images are
    rounded, are others.
    """

    def __init__(self) -> None:
        self._inputs: Inputs | None = None
        self._targets: Targets | None = None
        self._exact = True

    def capture(self, network: LossNetwork, inputs: Inputs) -> None:
        """Give a network the style targets; networks of one object have the same losses."""
        is_same = self._exact == network.exact and not has_dropout(network)
        if self._targets is not None and is_same and self._are_those_of(inputs):
            network.set_targets(self._targets)
            return
        capture_styles(network, inputs)
        self._inputs, self._targets = inputs, replace(network.targets, content={})
        self._exact = network.exact

    def _are_those_of(self, inputs: Inputs) -> bool:
        former = self._inputs
        if former is None or len(former.styles) != len(inputs.styles):
            return False
        maps = *former.guides, *inputs.guides, former.regions, inputs.regions
        has_maps = any(guide is not None for guide in maps)
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
    _compute_guides(network, inputs)
    logger.info('Capturing content targets')
    logger.info(network.describe(settings.backend))
    network.capture_content(preprocess(inputs.content).float().to(device))
    if inputs.saved_style is not None:
        network.set_targets(inputs.saved_style.targets_for(network, max(inputs.size)))
    else:
        (style_targets or StyleTargets()).capture(network, inputs)
    fits = settings.precision != 'fp16' or all(map(is_finite, network.targets.tensors().values()))
    if not fits and all(map(math.isfinite, inputs.blend_weights)):
        raise SettingError(
            'precision',
            'the features of these images exceed 65504, the largest number of float16; use bf16'
            ' or fp32',
            settings.precision,
        )


def capture_styles(network: LossNetwork, inputs: Inputs) -> None:
    """Give the network's style losses the statistics of the style images as targets."""
    device = network.devices[0]
    style_terms = zip(inputs.styles, inputs.term_weights, inputs.term_guides, strict=True)
    by_cells = inputs.regions is not None
    for number, (style, weights, guides) in enumerate(style_terms, start=1):
        logger.info('Capturing style target %d', number)
        image = preprocess(style).float().to(device)
        network.capture_style(image, weights, guides, by_cells=by_cells)


def guide_style(network: LossNetwork, inputs: Inputs) -> None:
    """Set how much each position of the image counts for each term of the style losses.

    Raises SettingError for regions that are too small for a layer.
    """
    regions = inputs.regions
    if regions is None:
        network.guide_style(None if inputs.mask is None else 1 - inputs.mask)
        return
    for style, masks, maps in zip(inputs.styles, regions.styles, regions.maps, strict=True):
        network.guide_style(maps, by_cells=True)
        _check_layers('style_regions', network, masks, style.shape[1:])
    network.guide_style([mask.map for mask in regions.content], regions.term_weights, by_cells=True)
    _check_layers('content_regions', network, regions.content, inputs.size)


def _compute_guides(network: LossNetwork, inputs: Inputs) -> None:
    """Compute the guides of the image before there are features: the heap keeps fewer gaps."""
    if inputs.regions is None or len(network.devices) > 1:
        return
    like = torch.empty(0, device=network.devices[0])
    sizes = _layer_sizes(network, inputs.size)
    for loss, size in zip(network.style_losses, sizes, strict=True):
        for guide in loss.guides:
            if guide is not None and guide.cells is not None:
                guide.sum_of_squares(size, like)


def _layer_sizes(network: LossNetwork, size: Sequence[int]) -> list[tuple[int, int]]:
    """Return (H, W) of the layers that style losses follow.  size: of the image."""
    layers = layers_of(network)
    sizes = feature_sizes(layers, network.edges.extended_size(size))
    return [sizes[layers.index(loss)] for loss in network.style_losses]


def _check_layers(
    setting: str, network: LossNetwork, masks: Sequence[RegionMask | None], size: Sequence[int]
) -> None:
    """Raise SettingError for a mask that covers too little of every position of a layer.

    size: (H, W) of the image that the network's guides are of.
    """
    layers = zip(
        network.style_names, network.style_losses, _layer_sizes(network, size), strict=True
    )
    for name, loss, layer_size in layers:
        for mask, guide in zip(masks, loss.guides, strict=True):
            if mask is None or guide is None or guide.cells is None:
                continue
            coverage = guide.largest(layer_size)
            if coverage < MIN_COVERAGE:
                raise SettingError(
                    setting,
                    f'{mask.name} is too small for layer {name}, where it covers no more than'
                    f' {coverage:.0%} of any position; enlarge it, give a larger `image_size`,'
                    ' leave the layer out of `style_layers`, or give the region weight 0 in'
                    ' `region_weights`',
                )
