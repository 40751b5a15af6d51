"""The losses of a training step."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.fast.decoder import Decoder
from neural_style.fast.encoder import LAYERS, Encoder, Style
from neural_style.fast.statistics import Statistics
from neural_style.transfer.preprocessing import preprocess

CONTENT = 'relu4_2'


@dataclass(frozen=True)
class Weights:
    """Weights of the losses."""

    style: float = 5.0
    content: float = 1.0
    tv: float = 0.1
    consistency: float = 0.05
    inside: float = 1.0  # of colours outside [0, 1]


def rebuild_loss(
    encoder: Encoder, decoder: Decoder, images: Tensor, detail: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of painting images (N, 3, H, W), RGB, in their own style.

    detail: (N, 1, 1, 1), how much the decoder sees of relu3_1.
    """
    with torch.no_grad():
        z = encoder(preprocess(images))
        style = style_of(z)
    painted, predicted = decoder(z['relu4_1'], z['relu3_1'], style, detail)
    terms = {name: relative(value, z[name]) for name, value in predicted.items()}
    terms['pixels'] = 10 * functional.mse_loss(painted, images) + functional.l1_loss(
        painted, images
    )
    return sum(terms.values(), torch.zeros(())), {k: float(v.detach()) for k, v in terms.items()}


def paint_loss(
    encoder: Encoder,
    decoder: Decoder,
    images: Tensor,
    style: Style,
    weights: Weights,
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of painting images in styles, and its terms.

    Distances are those of tools.judge_network, relative to the norm of the target: of Gram matrices
    to those of the style (the mean over layers), and of relu4_2 to that of the content.
    """
    with torch.no_grad():
        features = encoder.features(preprocess(images), {'relu3_1', 'relu4_1', CONTENT})
        z = {name: encoder.coordinates(features[name], name) for name in ('relu3_1', 'relu4_1')}
    painted, predicted = decoder(z['relu4_1'], z['relu3_1'], style)
    results = encoder.features(preprocess(painted), {*LAYERS, CONTENT})
    terms = {'content': weights.content * distance(results[CONTENT], features[CONTENT])}
    for name in LAYERS:
        coordinates = encoder.coordinates(results[name], name)
        gram = second_moment(coordinates)
        terms[name] = weights.style / len(LAYERS) * distance(gram, style[name].second_moment())
        if name in predicted:
            target = coordinates.detach()
            terms[f'consistency_{name}'] = weights.consistency * relative(predicted[name], target)
    terms['tv'] = weights.tv * total_variation(painted)
    terms['inside'] = weights.inside * (painted - painted.clamp(0, 1)).square().mean()
    total = sum(terms.values(), torch.zeros(()))
    return total, {name: float(term.detach()) for name, term in terms.items()}


def style_of(z: dict[str, Tensor]) -> Style:
    """Return the style that coordinates have, by layer."""
    return {name: Statistics.of(value) for name, value in z.items()}


def second_moment(z: Tensor) -> Tensor:
    """Return the Gram matrix divided by the number of positions: (N, D, D)."""
    flat = z.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def distance(values: Tensor, targets: Tensor) -> Tensor:
    """Return the distance of each sample to its target, relative to the target; the mean."""
    error = (values - targets).flatten(1).square().sum(1)
    return (error / targets.flatten(1).square().sum(1) + 1e-4).sqrt().mean()


def relative(values: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error over that of the mean of the target."""
    error = (values - targets).flatten(1).square().mean(1)
    spread = (targets - targets.mean((2, 3), keepdim=True)).flatten(1).square().mean(1)
    return (error / (spread + 1e-3)).mean()


def total_variation(images: Tensor) -> Tensor:
    """Return the mean difference of neighbouring pixels."""
    return (images[..., 1:] - images[..., :-1]).abs().mean() + (
        images[..., 1:, :] - images[..., :-1, :]
    ).abs().mean()
