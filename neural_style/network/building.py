"""Losses inserted into a CNN: the layers of a loss network (neural_style.lua: main)."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import nn

from loadcaffe.graph import Graph
from loadcaffe.layers.pooling import Pooling
from neural_style.errors import SettingError
from neural_style.losses.base import FeatureLoss, ImageLoss
from neural_style.losses.content import ContentLoss, PaperContentLoss
from neural_style.losses.statistics.choice import (
    StatisticChoice,
    make_statistic,
    parse_statistics,
)
from neural_style.losses.style import PaperStyleLoss, StyleLoss
from neural_style.losses.tv import TVLoss
from neural_style.network.layers import average_pooling, layer_names
from neural_style.network.padding import EdgePadding, take_padding
from neural_style.torch7 import nn as torch7_nn
from neural_style.torch7.random import Generator

logger = logging.getLogger(__name__)

# The formulas of neural_style.lua, and those printed in Gatys et al. 2015.
LOSSES = ('neural_style', 'paper')


@dataclass(frozen=True)
class LossSettings:
    """The losses that a network gets, and how its layers are changed.

    content_layers, style_layers: names, walked as loss_positions says.
    losses: one of LOSSES.
    content_layer_weights, style_layer_weights: factors of the losses' weights, by layer name;
        1 for others, but 1 / len(style_layers) for style losses of the paper, whose w_l it is.
    style_statistic: what style losses compare, Gram matrices alone with those of the paper.
    missing_layers: 'warn' walks the lists as neural_style.lua does; 'error' refuses names that the
        network lacks or that are repeated, and takes the others in the network's order.
    pooling: 'avg' replaces max pooling by average pooling; anything else leaves it.
    padding: one of PADDINGS: what the first convolution and TV see beyond the image.
    """

    content_weight: float
    style_weight: float
    tv_weight: float
    content_layers: Sequence[str]
    style_layers: Sequence[str]
    normalize_gradients: bool = False
    pooling: str = 'max'
    padding: str = 'zero'
    losses: str = 'neural_style'
    content_layer_weights: Mapping[str, float] = field(default_factory=dict)
    style_layer_weights: Mapping[str, float] = field(default_factory=dict)
    style_statistic: StatisticChoice = 'gram'
    missing_layers: str = 'warn'

    def content_loss(self, layer: str, precedes_relu: bool) -> ContentLoss:
        """Make the content loss of a layer."""
        weight = self.content_weight * self.content_layer_weights.get(layer, 1)
        loss_class = PaperContentLoss if self.losses == 'paper' else ContentLoss
        return loss_class(weight, self.normalize_gradients, precedes_relu)

    def style_loss(self, layer: str, precedes_relu: bool) -> StyleLoss:
        """Make the style loss of a layer."""
        default = 1 / len(self.style_layers) if self.losses == 'paper' else 1
        weight = self.style_weight * self.style_layer_weights.get(layer, default)
        statistics = parse_statistics(self.style_statistic, self.losses)
        if self.losses == 'paper':
            return PaperStyleLoss(weight, self.normalize_gradients, precedes_relu)
        compared, factor = make_statistic(statistics)
        return StyleLoss(weight * factor, self.normalize_gradients, precedes_relu, compared)


@dataclass
class LossLayers:
    """The layers of a loss network, in order, content and style losses included.

    owners: for each layer the index of the CNN's layer that it stands for or follows.
    content_names, style_names: for each content and style loss the name of the layer it follows.
    image_losses: those of the image, before all layers.
    edges: what extends the image before the first layer.
    """

    layers: list[nn.Module] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    content_losses: list[ContentLoss] = field(default_factory=list)
    content_names: list[str] = field(default_factory=list)
    style_losses: list[StyleLoss] = field(default_factory=list)
    style_names: list[str] = field(default_factory=list)
    image_losses: list[ImageLoss] = field(default_factory=list)
    edges: EdgePadding = field(default_factory=EdgePadding)

    def append(self, layer: nn.Module, owner: int) -> None:
        self.layers.append(layer)
        self.owners.append(owner)

    def append_content(self, loss: ContentLoss, name: str, owner: int) -> None:
        self.content_losses.append(loss)
        self.content_names.append(name)
        self.append(loss, owner)

    def append_style(self, loss: StyleLoss, name: str, owner: int) -> None:
        self.style_losses.append(loss)
        self.style_names.append(name)
        self.append(loss, owner)

    def ends_with_loss(self) -> bool:
        return bool(self.layers) and isinstance(self.layers[-1], FeatureLoss)


def insert_losses(cnn: nn.Sequential, settings: LossSettings, generator: Generator) -> LossLayers:
    """Take the layers of a CNN up to the last loss, and insert content, style and TV losses.

    cnn: modules in order, taking (1, 3, H, W), with the names that layer_names gives.
    generator: where dropout layers draw their masks (the original leaves dropout switched on).
    Raises ValueError if there is no loss at all, SettingError for layers as missing_layers says.
    """
    names, layers = layer_names(cnn), list(cnn)
    settings = _with_intended_layers(settings, names)
    content_at, style_at, depth = _find_layers(names, settings)
    has_branches = isinstance(cnn, Graph)
    in_place_relus = not has_branches and settings.losses != 'paper'
    result = LossLayers()
    unpadded, result.edges = take_padding(cnn, settings.padding, depth)
    layers[: len(unpadded)] = unpadded
    if settings.tv_weight > 0:
        result.image_losses.append(TVLoss(settings.tv_weight))
    for index, name in enumerate(names[:depth]):
        layer = layers[index]
        if settings.pooling == 'avg' and isinstance(layer, nn.MaxPool2d | Pooling):
            layer = _replace_pooling(layer, index, name, keep_size=has_branches)
        elif isinstance(layer, nn.Dropout):
            layer = torch7_nn.Dropout(layer.p, generator)
        elif isinstance(layer, nn.ReLU) and result.ends_with_loss():
            # The loss before it keeps the features as they were before this ReLU.
            layer = nn.ReLU(inplace=False)
        result.append(layer, index)
        next_layer = layers[index + 1] if index + 1 < depth else None
        precedes_relu = in_place_relus and isinstance(next_layer, nn.ReLU)
        if index in content_at:
            logger.info('Setting up content layer\t%d\t:\t%s', index + 1, name)
            result.append_content(settings.content_loss(name, precedes_relu), name, index)
        if index in style_at:
            logger.info('Setting up style layer  \t%d\t:\t%s', index + 1, name)
            result.append_style(settings.style_loss(name, precedes_relu), name, index)
    return result


def _with_intended_layers(settings: LossSettings, names: Sequence[str]) -> LossSettings:
    """Return settings whose lists name layers without the blanks around a name.

    Blanks that a layer of the network really has stay.  In neural_style.lua they end the list.
    """

    def intended(layer: str) -> str:
        return layer if layer in names else layer.strip()

    return replace(
        settings,
        content_layers=list(map(intended, settings.content_layers)),
        style_layers=list(map(intended, settings.style_layers)),
        content_layer_weights={intended(k): v for k, v in settings.content_layer_weights.items()},
        style_layer_weights={intended(k): v for k, v in settings.style_layer_weights.items()},
    )


def _find_layers(names: Sequence[str], settings: LossSettings) -> tuple[list[int], list[int], int]:
    """Find the layers that losses follow, as loss_positions does, and say which are not found."""
    content_layers, style_layers = settings.content_layers, settings.style_layers
    if settings.missing_layers == 'error':
        content_layers = _in_network_order('content_layers', content_layers, names)
        style_layers = _in_network_order('style_layers', style_layers, names)
    content_at, style_at, depth = loss_positions(names, content_layers, style_layers)
    _warn_of_unused_layers('content_layers', content_layers, len(content_at), names)
    _warn_of_unused_layers('style_layers', style_layers, len(style_at), names)
    if depth == 0 and settings.tv_weight <= 0:
        raise ValueError(
            'no loss to minimise: name layers in `content_layers` or `style_layers`,'
            ' or give a `tv_weight` above 0'
        )
    return content_at, style_at, depth


def loss_positions(
    names: Sequence[str], content_layers: Sequence[str], style_layers: Sequence[str]
) -> tuple[list[int], list[int], int]:
    """Find the layers that losses follow.

    names: the names of the CNN's layers, in order.  Each list of layers is walked in its own
    order only, as in neural_style.lua: a name that is unknown, repeated, or of a layer before
    one named earlier stops its list, and then the whole network is used.

    Returns the indices (from 0) of the layers with a content loss and with a style loss, and
    the number of layers that the loss network takes from the CNN.
    """
    content_at: list[int] = []
    style_at: list[int] = []
    for index, name in enumerate(names):
        if len(content_at) == len(content_layers) and len(style_at) == len(style_layers):
            return content_at, style_at, index
        if len(content_at) < len(content_layers) and name == content_layers[len(content_at)]:
            content_at.append(index)
        if len(style_at) < len(style_layers) and name == style_layers[len(style_at)]:
            style_at.append(index)
    return content_at, style_at, len(names)


def _replace_pooling(
    layer: nn.MaxPool2d | Pooling, index: int, name: str, keep_size: bool
) -> nn.Module:
    """Replace a max pooling by an average pooling, and say so where the original does."""
    if isinstance(layer, nn.MaxPool2d):
        logger.info('Replacing max pooling at layer %d with average pooling', index + 1)
    return average_pooling(layer, name, keep_size)


def _in_network_order(setting: str, layers: Sequence[str], names: Sequence[str]) -> list[str]:
    """Sort layers in the order of the network; refuse those it lacks, or that are named twice."""
    missing = [name for name in layers if name not in names]
    if missing:
        raise SettingError(
            setting,
            f'the network has no layer {", ".join(map(repr, missing))}; it has {", ".join(names)}'
            + _separator_hint(missing[0], names),
        )
    repeated = sorted({name for name in layers if list(layers).count(name) > 1})
    if repeated:
        raise SettingError(setting, f'{", ".join(repeated)} is named twice; name each layer once')
    return sorted(layers, key=list(names).index)


def _warn_of_unused_layers(
    setting: str, layers: Sequence[str], used: int, names: Sequence[str]
) -> None:
    if used == len(layers):
        return
    reason = (
        f'the network has no layer of that name; it has {", ".join(names)}'
        + _separator_hint(layers[used], names)
        if layers[used] not in names
        else 'layers are taken in the order of the network, each once'
    )
    logger.warning(
        '`%s`: %r and what follows it are not used, as in neural_style.lua: %s',
        setting,
        layers[used],
        reason,
    )


def _separator_hint(layer: str, names: Sequence[str]) -> str:
    """Say that commas separate layers where a name consists of several."""
    words = re.split(r'[\s;:|+]+', layer)
    is_list = len(words) > 1 and all(word in names for word in words)
    return f'; layers are separated by commas: {",".join(words)}' if is_list else ''
