"""Pictures, a network, and the float32 loss of a picture that was painted."""

from pathlib import Path

import torch
from torch import Tensor, nn

import loadcaffe
from benchmarks.measuring import ROOT
from neural_style import load, scale, stylize


def load_network(model: Path) -> nn.Sequential:
    """Load a caffemodel and the prototxt beside it."""
    return loadcaffe.load(str(model.with_suffix('.prototxt')), str(model))


def load_pair(content: str, style: str, size: int) -> tuple[Tensor, Tensor]:
    """Load two of the project's pictures, scaled to a longer side."""
    inputs = ROOT / 'examples' / 'inputs'
    first, second = (scale(load(inputs / f'{name}.jpg'), size) for name in (content, style))
    return first, second


def final_loss(
    cnn: nn.Sequential, content: Tensor, style: Tensor, picture: Tensor, layers: dict[str, str]
) -> float:
    """Return the loss of a picture in float32, TV left out."""
    losses: list[torch.Tensor] = []
    stylize(
        cnn,
        content,
        [style],
        init='image',
        init_image=picture,
        num_iterations=1,
        callback=lambda iterate: losses.append(iterate.loss),
        **layers,
    )
    return float(losses[0])
