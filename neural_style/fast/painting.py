"""Painting at once: content and style in, picture out, in one pass of a network."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neural_style.errors import SettingError
from neural_style.fast.bands import (
    UNIT,
    Bytes,
    close_gaps,
    in_bands,
    lengthened,
    maps_in_bands,
    reflected,
)
from neural_style.fast.encoder import Style
from neural_style.fast.fused import FusedDecoder
from neural_style.fast.smoothing import Smoothing
from neural_style.fast.statistics import Statistics, blend, transport_map
from neural_style.fast.weights import WEIGHTS, load_weights
from neural_style.torch7 import image as torch7_image
from neural_style.transfer.preprocessing import preprocess

# Rows and columns by which a picture is reflected, so that its rim is far from the zeros with which
# convolutions pad.
MARGIN = 32
# What a band depends on beyond its rows, in units of rows.
HALO_OF_ENCODER, HALO_OF_COARSE, HALO = 5, 5, 1
BYTES = Bytes(always=400e6, per_pixel=280, per_position=280)
BYTES_OF_REGIONS = 220  # more per pixel, for masks and statistics with guides
# Style images with shorter sides are continued to twice these: of few positions, layers have no
# covariance, and the decoder gets a code unlike any that it has learnt.
LEAST_SIDE_OF_STYLE = 64
SIDE_OF_CODE = 512  # of the content whose own style a strength below 1 keeps a share of


class EncodedContent:
    """What painting needs of a content (3, H, W), whatever the style: made by Painter.encode."""

    def __init__(self, painter: 'Painter', content: Tensor):
        self.painter, self.content = painter, content
        close_gaps(content)
        image = painter.input(reflected(content, MARGIN))
        self.units = image.shape[2] // UNIT
        self.coordinates = painter.coordinates(image, self.units)

    @cached_property
    def style(self) -> Style:
        """The content's own style, of which a strength below 1 keeps a share."""
        side = min(SIDE_OF_CODE, max(self.content.shape[1:]))
        return self.painter.style(torch7_image.scale(self.content.double(), side))


class Painter:
    """The network that paints in any style at once; it keeps nothing of what it painted."""

    def __init__(self, path: str | Path = WEIGHTS, device: torch.device | str = 'cpu'):
        self.device = torch.device(device)
        encoder, decoder = load_weights(path)
        self.encoder, self.decoder = encoder.eval(), decoder.eval()
        for module in (encoder, decoder):
            # what neither mypy nor the signature knows: the format of convolutions' weights
            module.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def style(self, image: Tensor, guide: Tensor | None = None) -> Style:
        """Return the style of an image (3, H, W), RGB, in [0, 1].

        guide: how much each pixel counts, (1, H, W) with a sum above 0.
        """
        return self.styles(image, [guide])[0]

    @torch.inference_mode()
    def styles(self, image: Tensor, guides: Sequence[Tensor | None]) -> list[Style]:
        """Return the styles of an image for each of several guides."""
        image = lengthened(image, LEAST_SIDE_OF_STYLE)
        guides = [
            None if guide is None else lengthened(guide, LEAST_SIDE_OF_STYLE) for guide in guides
        ]
        return self.encoder.styles(self.input(image), guides)

    @torch.inference_mode()
    def encode(self, content: Tensor) -> EncodedContent:
        """Return what several calls of paint need of a content (3, H, W)."""
        return EncodedContent(self, content)

    @torch.inference_mode()
    def paint(
        self,
        content: Tensor | EncodedContent,
        style: Style,
        strength: float = 1.0,
        smoothing: Smoothing | None = None,
        guide: Tensor | None = None,
    ) -> Tensor:
        """Paint an image (3, H, W), RGB, in [0, 1], in a style; returns as much, in [0, 1].

        content: the image, or what encode has returned of it, which several calls may share.
        strength: from 0, which only rebuilds the content, to 1.  smoothing: of a video, whose next
        frame this is.  guide: how much each pixel counts, (1, H, W), in what the content's
        statistics are, which become those of the style.
        """
        smoothing = smoothing or Smoothing()
        encoded = self.encode(content) if isinstance(content, Tensor) else content
        units, picture = encoded.units, encoded.content
        close_gaps(picture)
        guide = None if guide is None else reflected(guide, MARGIN)
        z3, z4 = encoded.coordinates
        fine = fine_strength(strength)
        fused = FusedDecoder(self.decoder, self._code(encoded, style, fine))
        content4 = smoothing.begin_frame('content relu4_1', Statistics.of(z4, guide))
        content3 = smoothing('content relu3_1', Statistics.of(z3, guide))
        stage = fused.coarse(
            transport_map(content4, style['relu4_1'], strength),
            transport_map(content3, style['relu3_1'], strength),
        )
        x = in_bands(stage, [z4, z3], units, HALO_OF_COARSE, saves_memory=True)
        del z4, z3, encoded
        for name, next_stage in (
            ('relu3_1', fused.middle),
            ('relu2_1', fused.fine),
            ('relu1_1', fused.finish),
        ):
            close_gaps(picture)
            statistics, reading = fused.predicted(name, x, guide)
            to_style = transport_map(smoothing(name, statistics), style[name], fine)
            paint = next_stage(to_style.after(reading))
            x = in_bands(paint, [x], units, HALO, saves_memory=True)
        height, width = picture.shape[1:]
        painted = x[0, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return painted.clamp(0, 1).cpu()

    def input(self, image: Tensor) -> Tensor:
        """Return an image (3, H, W), RGB, as the encoder takes it: (1, 3, H, W), BGR."""
        batch = preprocess(image.to(self.device, torch.float32)[None])
        return batch.contiguous(memory_format=torch.channels_last)

    def coordinates(self, image: Tensor, units: int) -> list[Tensor]:
        """Return the coordinates of relu3_1 and relu4_1 of an input with a height of units."""

        def stage(rows: Tensor) -> list[Tensor]:
            z = self.encoder.features(rows, {'relu3_1', 'relu4_1'}, self.encoder.coordinates)
            return [z['relu3_1'], z['relu4_1']]

        return maps_in_bands(stage, [image], units, HALO_OF_ENCODER, saves_memory=True)

    def _code(self, content: EncodedContent, style: Style, strength: float) -> Tensor:
        if strength < 1:
            style = blended([content.style, style], [1 - strength, strength])
        return self.decoder.describe(style)


def blended(styles: Sequence[Style], weights: Sequence[float]) -> Style:
    """Return the weighted mean of styles; weights sum to 1.

    Raises SettingError for a negative one: less of a covariance may be none.
    """
    if min(weights) < 0:
        raise SettingError(
            'style_blend_weights',
            'painting at once takes no negative ones; give others, or paint with `init` image',
        )
    return {name: blend([style[name] for style in styles], weights) for name in styles[0]}


def fine_strength(strength: Any) -> Any:
    """Return the strength at predicted layers, 1 - (1 - s)^3, from s, that at the content's layers.

    It falls later, as colours and strokes change relu4_2 less than coarse forms do.  Takes a number
    or a value of an ONNX graph.
    """
    return strength * (strength * (strength - 3) + 3)


def predicted_bytes(height: int, width: int, in_regions: bool = False) -> float:
    """Return about how many bytes of memory painting an image of this size takes, in all.

    The style images are assumed to be as large; in_regions: whether regions have their own styles.
    """
    more = BYTES_OF_REGIONS * height * width if in_regions else 0
    return BYTES.predicted(height, width, MARGIN) + more
