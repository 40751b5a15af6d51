"""Rendering of one painting, unless it has been rendered with the same settings.

NAME.png is the painting, NAME.json its record: what it was made with, and its losses.  The record
is written last: a picture without one does not count.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.command.images import load_image
from neural_style.command.recipe import version
from neural_style.figures.inputs import Input
from neural_style.figures.plan import Painting
from neural_style.figures.preparation import layers
from neural_style.files.atomic import write_whole
from neural_style.torch7 import image
from neural_style.transfer.color import original_colors
from neural_style.transfer.multiscale import scales, stylize_multiscale
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.session import Iterate, Session

Record = dict[str, Any]


@dataclass(frozen=True)
class RenderContext:
    """The network, inputs and settings that the paintings of a figure share.

    cnn: shortened and normalised.  network: what settings say about it: its sha256, say.
    checksums: SHA-256 of the inputs by path.
    """

    folder: str
    cnn: nn.Sequential
    network: Mapping[str, Any]
    checksums: Mapping[str, str]
    image_size: int
    num_iterations: int
    multiscale: str
    padding: str
    seed: int
    devices: tuple[torch.device, ...]
    backend: str

    @property
    def sizes(self) -> list[int]:
        """Return the longer sides of all scales, the smallest first."""
        return scales(self.multiscale, self.image_size)

    def image_path(self, painting: Painting) -> str:
        return os.path.join(self.folder, painting.name + '.png')

    def record_path(self, painting: Painting) -> str:
        return os.path.join(self.folder, painting.name + '.json')

    def picture(self, painting: Painting) -> Input:
        """Return the file of a painting as an input of another."""
        return Input(self.image_path(painting), '-output_dir')

    def settings(self, painting: Painting) -> dict[str, Any]:
        """Return all that decides what a painting looks like, as JSON gives it back."""
        settings = {
            'content_image': self.checksums[painting.content.path],
            'style_images': [self.checksums[style.path] for style in painting.styles],
            'network': dict(self.network),
            'image_size': self.image_size,
            'num_iterations': self.num_iterations,
            'seed': self.seed,
            'style_scale': painting.style_scale,
            'original_colors': painting.original_colors,
            'lowest': painting.lowest,
            **painting.settings,
        }
        if len(self.sizes) > 1:
            settings['scales'] = self.multiscale if ':' in self.multiscale else self.sizes
        if self.padding != 'zero':
            settings['padding'] = self.padding
        if painting.style_paintings:
            settings['style_paintings'] = list(map(self.settings, painting.style_paintings))
        if painting.content_regions is not None:
            settings['content_regions'] = self.checksums[painting.content_regions.path]
            settings['style_regions'] = [
                self.checksums[regions.path] for regions in painting.style_regions
            ]
        return json.loads(json.dumps(settings))


class Progress:
    """The callback of stylize: collects the losses of the last scale, which go into a record.

    Losses are divided by the painting's unit.  image: of the lowest loss, where that is wanted.
    """

    def __init__(self, painting: Painting, on_evaluation: Callable[[], object]):
        self.painting = painting
        self.on_evaluation = on_evaluation
        self.curve: list[float | None] = []
        self.loss = math.nan
        self.evaluation = 0
        self.losses: list[float] = []
        self.image: Tensor | None = None
        self.shape: torch.Size | None = None

    def __call__(self, iterate: Iterate) -> None:
        if iterate.x.shape != self.shape:
            self.curve, self.loss, self.shape = [], math.nan, iterate.x.shape
        loss, unit = float(iterate.loss), self.painting.unit
        self.curve.append(_finite(loss / unit))
        is_lowest = loss < self.loss or math.isnan(self.loss)
        if is_lowest or not self.painting.lowest:
            self.loss, self.evaluation = loss, iterate.iteration
            losses = iterate.content_losses + iterate.style_losses
            self.losses = [loss / unit for loss in losses]
            if self.painting.lowest:
                self.image = iterate.x.clone()
        self.on_evaluation()


def finished_record(painting: Painting, context: RenderContext) -> Record | None:
    """Return the record of a painting that need not be rendered again, or None."""
    try:
        record = json.loads(Path(context.record_path(painting)).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or not {'settings', 'losses', 'evaluation', 'curve'} <= set(
        record
    ):
        return None
    is_same = record['settings'] == context.settings(painting)
    return record if is_same and os.path.exists(context.image_path(painting)) else None


def render(
    painting: Painting, context: RenderContext, on_evaluation: Callable[[], object]
) -> Record:
    """Render a painting, and write the picture and its record, which is returned."""
    content = load_scaled(painting.content, context.image_size)
    size = style_size(painting, context.image_size)
    files = [*painting.styles, *map(context.picture, painting.style_paintings)]
    styles = [load_scaled(style, size) for style in files]
    progress = Progress(painting, on_evaluation)
    start = time.monotonic()
    rendered = stylize_multiscale(
        context.cnn,
        content,
        styles,
        multiscale=context.multiscale,
        content_detail=False,  # only what the losses ask for
        num_iterations=context.num_iterations,
        padding=context.padding,
        seed=context.seed,
        devices=context.devices,
        backend=context.backend,
        callback=progress,
        session=Session(monitored=False),  # its curve shows what is not a number
        **regions_of(painting),
        **painting.settings,
    )
    if progress.image is not None:
        rendered = deprocess(progress.image.cpu().double())
    if painting.original_colors:
        rendered = original_colors(content, rendered)

    Path(context.record_path(painting)).unlink(missing_ok=True)
    image.save(context.image_path(painting), rendered)
    record = make_record(painting, context, progress, round(time.monotonic() - start, 1))
    write_whole(context.record_path(painting), json.dumps(record, indent=1).encode())
    return record


def regions_of(painting: Painting) -> dict[str, Any]:
    """Return the keywords of stylize for the regions of a painting."""
    if painting.content_regions is None:
        return {}
    return {
        'content_regions': painting.content_regions.path,
        'style_regions': [regions.path for regions in painting.style_regions],
    }


def make_record(
    painting: Painting, context: RenderContext, progress: Progress, seconds: float
) -> Record:
    """Return the record that is written beside a painting."""
    names = [
        (loss_type, name)
        for loss_type in ('content', 'style')
        for name in layers(painting, loss_type)
    ]
    return {
        'settings': context.settings(painting),
        'pictures': {
            'content_image': painting.content.name,
            'style_images': [
                *(style.name for style in painting.styles),
                *(style.name + '.png' for style in painting.style_paintings),
            ],
        },
        'evaluation': progress.evaluation,
        'losses': [
            {'kind': loss_type, 'layer': name, 'loss': _finite(loss)}
            for (loss_type, name), loss in zip(names, progress.losses, strict=True)
        ],
        'unit': painting.unit,
        'curve': progress.curve,
        'seconds': seconds,
        'device': str(context.devices[0]),
        'program': version(),
    }


def style_size(painting: Painting, image_size: float) -> int:
    """Return the longer side of the style images of a painting, as the command scales them."""
    return math.ceil(painting.style_scale * image_size)


def load_scaled(file: Input, size: float) -> Tensor:
    """Read (3, H, W) in [0, 1], the longer side size pixels; errors name the flag."""
    return image.scale(load_image(file.flag, file.path), size)


def _finite(value: float) -> float | None:
    """Return None for a loss that is not finite, which JSON cannot express."""
    return value if math.isfinite(value) else None
