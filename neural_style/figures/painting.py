"""One picture: painted, or taken as it is if it has been painted with the same settings.

NAME.png is the picture, NAME.json what it was made with and its losses.  The JSON is written last,
so that a picture without it does not count.
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
from torch import nn

from neural_style.command.images import load_image
from neural_style.command.recipe import version
from neural_style.figures.pictures import Picture
from neural_style.figures.plan import Painting
from neural_style.figures.preparation import layers
from neural_style.files.atomic import write_whole
from neural_style.torch7 import image
from neural_style.transfer.color import original_colors
from neural_style.transfer.preprocessing import deprocess
from neural_style.transfer.session import Iterate
from neural_style.transfer.stylize import stylize


@dataclass(frozen=True)
class RenderContext:
    """What the paintings of a figure share.

    cnn: shortened and normalised.  network: what the settings say about it: its sha256, say.
    sums: sha256 of the pictures by path.
    """

    folder: str
    cnn: nn.Sequential
    network: Mapping[str, Any]
    sums: Mapping[str, str]
    image_size: int
    num_iterations: int
    seed: int
    devices: tuple[torch.device, ...]
    backend: str

    def picture(self, painting: Painting) -> str:
        return os.path.join(self.folder, painting.name + '.png')

    def record(self, painting: Painting) -> str:
        return os.path.join(self.folder, painting.name + '.json')


def settings(painting: Painting, studio: RenderContext) -> dict[str, Any]:
    """All that decides what a painting looks like, as JSON gives it back."""
    decided = {
        'content_image': studio.sums[painting.content.path],
        'style_images': [studio.sums[style.path] for style in painting.styles],
        'network': dict(studio.network),
        'image_size': studio.image_size,
        'num_iterations': studio.num_iterations,
        'seed': studio.seed,
        'style_scale': painting.style_scale,
        'original_colors': painting.original_colors,
        'lowest': painting.lowest,
        **painting.keywords,
    }
    return json.loads(json.dumps(decided))


def finished(painting: Painting, studio: RenderContext) -> dict[str, Any] | None:
    """The record of a painting that need not be painted again, or None."""
    try:
        record = json.loads(Path(studio.record(painting)).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and {'settings', 'losses', 'evaluation', 'curve'} <= set(
        record
    )
    if not whole or record['settings'] != settings(painting, studio):
        return None
    return record if os.path.exists(studio.picture(painting)) else None


def style_size(painting: Painting, image_size: float) -> int:
    """The longer side of its style pictures, as the command scales them."""
    return math.ceil(painting.style_scale * image_size)


def paint(
    painting: Painting, studio: RenderContext, evaluated: Callable[[], object]
) -> dict[str, Any]:
    """Paint, and write the picture and its record, which is returned.

    evaluated: called after every evaluation.  Losses are divided by the painting's unit.
    """
    content = scaled(painting.content, studio.image_size)
    size = style_size(painting, studio.image_size)
    styles = [scaled(style, size) for style in painting.styles]
    names = [(kind, name) for kind in ('content', 'style') for name in layers(painting, kind)]
    curve: list[float | None] = []
    kept: dict[str, Any] = {}

    def report(iterate: Iterate) -> None:
        loss = float(iterate.loss)
        curve.append(_finite(loss / painting.unit))
        better = not kept or loss < kept['loss'] or math.isnan(kept['loss'])
        if better or not painting.lowest:
            losses = iterate.content_losses + iterate.style_losses
            values = [loss / painting.unit for loss in losses]
            kept.update(loss=loss, evaluation=iterate.iteration, values=values)
            if painting.lowest:
                kept['image'] = iterate.x.clone()
        evaluated()

    start = time.monotonic()
    painted = stylize(
        studio.cnn,
        content,
        styles,
        num_iterations=studio.num_iterations,
        seed=studio.seed,
        devices=studio.devices,
        backend=studio.backend,
        callback=report,
        **painting.keywords,
    )
    if painting.lowest:
        painted = deprocess(kept['image'].cpu().double())
    if painting.original_colors:
        painted = original_colors(content, painted)

    Path(studio.record(painting)).unlink(missing_ok=True)
    image.save(studio.picture(painting), painted)
    record = {
        'settings': settings(painting, studio),
        'pictures': {
            'content_image': painting.content.name,
            'style_images': [style.name for style in painting.styles],
        },
        'evaluation': kept['evaluation'],
        'losses': [
            {'kind': kind, 'layer': name, 'loss': _finite(value)}
            for (kind, name), value in zip(names, kept['values'], strict=True)
        ],
        'unit': painting.unit,
        'curve': curve,
        'seconds': round(time.monotonic() - start, 1),
        'device': str(studio.devices[0]),
        'program': version(),
    }
    write_whole(studio.record(painting), json.dumps(record, indent=1).encode())
    return record


def scaled(picture: Picture, size: float) -> torch.Tensor:
    """(3, H, W) in [0, 1], the longer side size pixels; errors name the flag."""
    return image.scale(load_image(picture.flag, picture.path), size)


def _finite(value: float) -> float | None:
    """JSON has no word for infinite losses, nor for nan."""
    return value if math.isfinite(value) else None
