"""Trained styles: a transformation network in a file, and painting with it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neural_style.fast.bands import UNIT, Bytes, in_bands, reflected
from neural_style.fast.smoothing import Moments, Smoothing
from neural_style.fast.transformation import EPSILON, Layer, Shape, TransformationNetwork
from neural_style.files.tensors import read_metadata, read_tensors, write_tensors

# Rows and columns by which a picture is reflected, so that its rim is far from the zeros with which
# convolutions pad.
MARGIN = 16
HALO = 1  # what a band depends on beyond its rows, in units of rows
METADATA = 'neural_style.trained_style'  # the key of the file's description
FORMAT = 1
MAX_BYTES = 1 << 28  # of a file: the paper's network has 3.4 MB
MAX_WIDTH, MAX_BLOCKS, MAX_STYLES = 1024, 64, 4096
BYTES = Bytes(always=330e6, per_pixel=150, per_position=150)


@dataclass(frozen=True)
class TrainedStyle:
    """A transformation network, and what it was trained for.

    names: of the styles, without folders and suffixes.  training: what it was trained with, by
    name; values that JSON has.
    """

    network: TransformationNetwork
    names: Sequence[str] = ()
    training: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write a .safetensors file, whole or not at all, in half precision.  Raises OSError."""
        description = {
            'format': FORMAT,
            'shape': asdict(self.network.shape),
            'names': list(self.names),
            'training': dict(self.training),
        }
        halves = {name: x.to(torch.float16) for name, x in self.network.state_dict().items()}
        write_tensors(path, halves, {METADATA: json.dumps(description)})

    @staticmethod
    def load(path: str | Path) -> 'TrainedStyle':
        """Read what save has written.  Raises OSError, and ValueError for any other file."""
        if os.path.getsize(path) > MAX_BYTES:
            raise ValueError(f'{path}: not a trained style of this program; those are smaller')
        tensors, metadata = read_tensors(path)
        shape, names, training = _description(path, metadata)
        with torch.device('meta'):
            network = TransformationNetwork(shape)
        expected = {name: x.shape for name, x in network.state_dict().items()}
        if {name: x.shape for name, x in tensors.items()} != expected or not all(
            x.is_floating_point() and bool(x.isfinite().all()) for x in tensors.values()
        ):
            raise ValueError(f'{path}: damaged: its weights are not those of its network')
        values = {name: x.float() for name, x in tensors.items()}
        network.load_state_dict(values, assign=True)
        return TrainedStyle(network.requires_grad_(False).eval(), names, training)


def is_trained_style(path: str | Path) -> bool:
    """Tell whether a file is a trained style, of any version; False if it cannot be read."""
    try:
        return METADATA in read_metadata(path)
    except (OSError, ValueError):
        return False


def as_trained_style(styles: Any) -> TrainedStyle | None:
    """Return a trained style that is given as such or by its path, None for anything else."""
    if isinstance(styles, TrainedStyle):
        return styles
    is_path = isinstance(styles, str | os.PathLike)
    return TrainedStyle.load(styles) if is_path and is_trained_style(styles) else None


def _description(
    path: str | Path, metadata: Mapping[str, str]
) -> tuple[Shape, list[str], dict[str, Any]]:
    """Return shape, names and training that a file's metadata describe.  Raises ValueError."""
    other = ValueError(f'{path}: not a trained style of this program')
    try:
        content = json.loads(metadata[METADATA])
        version = content['format']
    except (KeyError, TypeError, ValueError, RecursionError):
        raise other from None
    if version != FORMAT:
        raise ValueError(f'{path}: a trained style of another version of the program')
    try:
        shape = Shape(**content['shape'])
        names, training = content['names'], content['training']
    except (KeyError, TypeError):
        raise other from None
    limits = ((shape.width, MAX_WIDTH), (shape.blocks, MAX_BLOCKS), (shape.styles, MAX_STYLES))
    is_valid = (
        all(isinstance(number, int) and 1 <= number <= most for number, most in limits)
        and isinstance(names, list)
        and len(names) == shape.styles
        and all(isinstance(name, str) and name.isprintable() for name in names)
        and isinstance(training, dict)
    )
    if not is_valid:
        raise other
    return shape, names, training


class TrainedPainter:
    """Paints with a trained style, as Painter does with the network for any style."""

    def __init__(self, style: TrainedStyle, device: torch.device | str = 'cpu'):
        self.device = torch.device(device)
        self.trained = style
        # the stubs do not know the keyword
        self.network: TransformationNetwork = style.network.to(  # type: ignore[call-overload]
            self.device, memory_format=torch.channels_last
        )

    @torch.inference_mode()
    def paint(
        self,
        content: Tensor,
        weights: list[float] | None = None,
        strength: float = 1.0,
        smoothing: Smoothing | None = None,
    ) -> Tensor:
        """Paint an image (3, H, W), RGB, in [0, 1]; returns as much, in [0, 1].

        weights: of the styles, with a sum of 1; None: equal ones.  strength: from 0, which is the
        content, to 1.  smoothing: of a video, whose next frame this is.
        """
        height, width = content.shape[1:]
        image = reflected(content.to(self.device, torch.float32), MARGIN)[None]
        image = image.contiguous(memory_format=torch.channels_last)
        units = image.shape[2] // UNIT
        run = _Run(self.network.mixture(weights), units, smoothing or Smoothing())
        painted = self.network.run(image, run, lambda x: run.in_bands(self.network.paint, x))
        painted = painted[0, :, MARGIN : MARGIN + height, MARGIN : MARGIN + width].clamp(0, 1)
        if strength < 1:
            painted = torch.lerp(content.to(painted), painted, strength)
        return painted.cpu()


class _Run:
    """The layers of one picture: convolutions in bands, and statistics of the whole picture."""

    def __init__(self, mixture: Tensor, units: int, smoothing: Smoothing):
        self.mixture, self.units, self.smoothing = mixture, units, smoothing
        self.count = 0  # of layers so far

    def in_bands(self, function: Any, x: Tensor) -> Tensor:
        return in_bands(function, [x], self.units, HALO)

    def __call__(self, layer: Layer, x: Tensor) -> Tensor:
        x = self.in_bands(layer.convolve, x)
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)[0]  # (H * W, C), a view
        mean = rows.mean(0)
        rows.sub_(mean)
        variance = torch.linalg.vector_norm(rows, dim=0).square() / len(rows)
        name = f'layer {self.count}'
        smooth = self.smoothing if self.count else self.smoothing.begin_frame
        moments = smooth(name, Moments(mean, variance))
        self.count += 1
        scale = (self.mixture @ layer.scale) * (moments.variance + EPSILON).rsqrt()
        shift = self.mixture @ layer.shift + (mean - moments.mean) * scale
        rows.mul_(scale).add_(shift)
        return x.relu_() if layer.rectifies else x


def predicted_bytes(height: int, width: int) -> float:
    """Return about how many bytes of memory painting an image of this size takes, in all."""
    return BYTES.predicted(height, width, MARGIN)
