"""Saved styles: the style targets of a run, kept in a file, in the place of the style images."""

import json
import logging
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from loadcaffe.graph import Graph
from neural_style.errors import SettingError
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.losses.targets import Targets
from neural_style.network.loss_network import LossNetwork
from neural_style.planning.features import channel_counts, layers_of
from neural_style.transfer.evaluation import is_finite
from neural_style.transfer.images import Image, as_images
from neural_style.transfer.network_description import PRECISION, WEIGHTS, describe_network
from neural_style.transfer.settings import Settings
from neural_style.transfer.style_layers import parse_image_layers

logger = logging.getLogger(__name__)

SUFFIX = '.safetensors'
METADATA = 'neural_style.saved_style'  # the key of the file's description
FORMAT = 1
# Precisions of the convolutions whose targets, float32 in any case, hardly differ: a style that was
# saved where there are units for bfloat16 serves where there are none.
EXCHANGEABLE = {'float32', 'bfloat16', 'float16'}
# What the names of tensors for painting at once begin with.
AT_ONCE = 'fast:'
MAX_BYTES = 1 << 30  # of a file: a size of VGG with the default layers has 2.4 MB
MAX_TEXT = 10_000  # characters of a value in the description of a network


@dataclass(frozen=True)
class SavedStyle:
    """The style targets of a network, for images of one or several sizes.

    sizes: the targets by the longer side, in pixels, of the image that they are for; a style image
        is scaled with it.
    network: what targets depend on in a network, by name (describe_network).
    inputs: what the targets were made from, such as checksums of pictures; values that JSON has.
    name: of the file, for messages.
    at_once: by the same side, what painting at once needs of the style images; perhaps of fewer
        sizes, or of none.
    """

    sizes: Mapping[int, Targets]
    network: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    at_once: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)

    def targets_for(self, network: LossNetwork, size: int) -> Targets:
        """Return the targets for an image whose longer side has a size; else for the nearest size.

        Raises SettingError for another network than that of the targets.
        """
        self.check(describe_network(network))
        targets = self.sizes[_nearest(self.sizes, size)]
        if not _are_targets_of(network, targets):
            problem = 'the saved style is damaged; save it again'
            raise SettingError('style_image', problem, self.name)
        return targets

    def tensors_at_once(self, size: int) -> Mapping[str, Tensor]:
        """Return what painting an image at once needs, for its longer side or the nearest.

        Raises SettingError if the file has none of it.
        """
        if not self.at_once:
            problem = 'the saved style has nothing to paint from at once; save it again'
            raise SettingError('style_image', problem, self.name)
        return self.at_once[_nearest(self.at_once, size)]

    def check(self, described: Mapping[str, Any]) -> None:
        """Raise SettingError for another network than that of the targets.

        described: what is known of it, as describe_network returns it.
        """
        for name, value in described.items():
            saved = self.network.get(name)
            if saved == value or (name == PRECISION and {saved, value} <= EXCHANGEABLE):
                continue
            if name == WEIGHTS:
                problem = 'the saved style was made with another network; give its `model_file`'
            else:
                problem = f'the saved style was made with `{name}` {saved}, not {value}; give that'
            raise SettingError('style_image', f'{problem}, or save the style again', self.name)

    def save(self, path: str | Path) -> None:
        """Write a .safetensors file, whole or not at all.  Raises OSError."""
        tensors = {
            f'{size}/{name}': tensor
            for size, targets in sorted(self.sizes.items())
            for name, tensor in targets.tensors().items()
        }
        for size, at_once in sorted(self.at_once.items()):
            tensors |= {f'{size}/{AT_ONCE}{name}': tensor for name, tensor in at_once.items()}
        description = {'format': FORMAT, 'network': self.network, 'inputs': self.inputs}
        write_tensors(path, tensors, {METADATA: json.dumps(description)})

    @staticmethod
    def load(path: str | Path) -> 'SavedStyle':
        """Read what save has written.  Raises OSError, and ValueError for any other file."""
        if os.path.getsize(path) > MAX_BYTES:
            raise ValueError(f'{path}: not a saved style of this program; those are smaller')
        tensors, metadata = read_tensors(path)
        network, inputs = _description(path, metadata)
        targets, at_once = _by_size(path, tensors)
        _check_names(path, targets)
        _check_names(path, at_once)
        return SavedStyle(_read_targets(path, targets), network, inputs, str(path), at_once)


# What stylize takes as style images.
StyleImages = Sequence[Image] | SavedStyle | Callable[[], Sequence[Image] | SavedStyle]


def as_styles(images: Any) -> 'list[Tensor] | SavedStyle':
    """Return style images as as_images does; or a saved style, given as such or by its path.

    Raises SettingError for a saved style beside others.
    """
    if isinstance(images, SavedStyle):
        return images
    single = images if isinstance(images, list | tuple) else [images]
    if not any(isinstance(style, SavedStyle) or is_saved_style(style) for style in single):
        return as_images('style_images', images)
    if len(single) > 1:
        raise SettingError(
            'style_image', 'a saved style cannot be blended with others; give it alone'
        )
    (style,) = single
    return style if isinstance(style, SavedStyle) else SavedStyle.load(style)


def separate(
    styles: list[Tensor] | SavedStyle,
    settings: Settings,
    style_blend_weights: Any,
    paper_mask: Any,
    content_regions: Any,
) -> tuple[SavedStyle | None, list[Tensor]]:
    """Return a saved style, or None, and the style images.

    Raises SettingError for settings that need the images in whose place a saved style is.
    """
    if not isinstance(styles, SavedStyle):
        return None, styles
    uses = {
        'recolor_content': settings.recolor_content != 0,
        'color': settings.color in ('match', 'luminance'),
        'paper_mask': settings.paper_mask != '' or paper_mask is not None,
        'style_image_layers': bool(parse_image_layers(settings.style_image_layers)),
        'style_blend_weights': style_blend_weights is not None,
        'content_regions': content_regions is not None,
    }
    for name, is_used in uses.items():
        if is_used:
            raise SettingError(name, 'needs the style images, and a saved style has none; omit it')
    grey = settings.luminance_only
    if styles.inputs.get('luminance_only', grey) != grey:
        raise SettingError(
            'luminance_only', 'the saved style was made with another value; give that', grey
        )
    return styles, []


def is_saved_style(path: Any) -> bool:
    """Tell whether a path has the suffix of a saved style."""
    return isinstance(path, str | os.PathLike) and os.fspath(path).lower().endswith(SUFFIX)


def _description(
    path: str | Path, metadata: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the network and the inputs that a file's metadata describe.  Raises ValueError."""
    other = ValueError(f'{path}: not a saved style of this program')
    try:
        description = json.loads(metadata[METADATA])
        version, network, inputs = (description[key] for key in ('format', 'network', 'inputs'))
    except (KeyError, TypeError, ValueError, RecursionError):
        raise other from None
    if version != FORMAT:
        raise ValueError(f'{path}: a saved style of another version of the program')
    if not isinstance(network, dict) or not isinstance(inputs, dict):
        raise other
    if not all(_is_printable(value) for value in network.values()):  # messages have them
        raise other
    return network, inputs


def _nearest(sizes: Mapping[int, Any], size: int) -> int:
    """Return the one of some sizes that is nearest to one, and say so if it is not that one."""
    nearest = min(sizes, key=lambda other: (abs(math.log(other / size)), -other))
    if nearest != size:
        listed = ', '.join(map(str, sorted(sizes)))
        text = 'the saved style is for images of %s pixels; for %d, that for %d is taken'
        logger.warning(text, listed, size, nearest)
    return nearest


def _by_size(
    path: str | Path, tensors: Mapping[str, Tensor]
) -> tuple[dict[int, dict[str, Tensor]], dict[int, dict[str, Tensor]]]:
    """Return the targets, SIZE/NAME, and what painting at once needs, SIZE/fast:NAME, by size.

    Raises ValueError for other names.
    """
    targets: dict[int, dict[str, Tensor]] = {}
    at_once: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        size, _, name = full_name.partition('/')
        if not re.fullmatch('[1-9][0-9]{0,8}', size):
            raise ValueError(f'{path}: {full_name[:80]!r} is not the name of a target')
        part = at_once if name.startswith(AT_ONCE) else targets
        part.setdefault(int(size), {})[name.removeprefix(AT_ONCE)] = tensor
    return targets, at_once


def _check_names(path: str | Path, by_size: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Raise ValueError for a size that has more or less than the others: no run saves that."""
    sizes = sorted(by_size)
    for size in sizes[1:]:
        if by_size[size].keys() != by_size[sizes[0]].keys():
            raise ValueError(
                f'{path}: damaged: for {size} pixels it holds other tensors than for {sizes[0]}'
            )


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= MAX_TEXT


def _read_targets(
    path: str | Path, by_size: Mapping[int, Mapping[str, Tensor]]
) -> dict[int, Targets]:
    """Return the targets of each size.  Raises ValueError for tensors of something else."""
    if not by_size:
        raise ValueError(f'{path}: there are no targets in it')
    try:
        return {size: Targets.from_tensors(tensors) for size, tensors in by_size.items()}
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def _are_targets_of(network: LossNetwork, targets: Targets) -> bool:
    """Tell whether targets can be those of a network's style losses."""
    if targets.content or sorted(targets.style) != sorted(network.style_names):
        return False
    dtype = torch.promote_types(network.dtype, torch.float32)
    layers, channels = layers_of(network), channel_counts(network)
    has_branches = isinstance(network.chunks[0], Graph)  # whose channels are not counted
    for name, loss in zip(network.style_names, network.style_losses, strict=True):
        target, *others = targets.style[name]
        shape = loss.compared.shape(channels[layers.index(loss)])
        has_shape = has_branches or tuple(target.shape) == shape
        if others or not has_shape or target.dtype != dtype or not is_finite(target):
            return False
    return True
