"""The beginning of training: layer after layer, each on top of the finished ones."""

import logging

import numpy as np
import scipy.linalg
import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.small_vgg19.losses import layer_loss, normalized
from tools.small_vgg19.network import INPUT_SCALE, SmallVGG, max_pool, moments, units
from tools.small_vgg19.pool import POSITIONS
from tools.small_vgg19.teachers import Teachers

log = logging.getLogger(__name__)

STEPS, RATE = 250, 1e-3
FIRST_LAYER, FIRST_RATE = 6, 1e-2  # times the steps; it starts from random weights
WINDOWS = 2048  # a batch


def pretrain(
    network: SmallVGG, teachers: Teachers, images: list[Tensor], products: float, steps: int = STEPS
) -> None:
    """Train every layer by itself.

    images: (3, H, W) each, preprocessed.  products: weight of inner products in the loss.
    """
    targets = [teachers(image[None]) for image in images]
    inputs = [image[None] / INPUT_SCALE for image in images]
    block = '1'
    for name, layer in network.convolutions.items():
        if name[0] != block:
            inputs, block = [max_pool(x) for x in inputs], name[0]
        windows, wanted = _sample(inputs, [target[name] for target in targets])
        centre = windows.mean(0).view(-1, 9).mean(1)
        getattr(network, f'centre{name}').copy_(centre)
        windows -= centre.repeat_interleave(9)
        if layer.in_channels > 3:  # the first layer could only repeat its teacher's filters
            fit(layer, windows, wanted[0])
        figures = polish(
            layer, windows, torch.cat([normalized(w.relu()) for w in wanted], 1), products, steps
        )
        log.info('conv%s: %.3f, products %.3f', name, *figures)
        inputs = _run_in_units(network, name, inputs)


def _sample(inputs: list[Tensor], targets: list[list[Tensor]]) -> tuple[Tensor, list[Tensor]]:
    """Sample windows (N, C * 9) at random positions, and teachers' features (N, D) there."""
    windows, wanted = [], []
    for x, target in zip(inputs, targets, strict=True):
        positions = torch.randperm(x[0, 0].numel())[:POSITIONS]
        windows.append(functional.unfold(x, 3, padding=1)[0][:, positions])
        wanted.append([part.flatten(1)[:, positions] for part in target])
    parts = [torch.cat(part, 1).t() for part in zip(*wanted, strict=True)]
    return torch.cat(windows, 1).t(), parts


@torch.no_grad()
def _run_in_units(network: SmallVGG, name: str, inputs: list[Tensor]) -> list[Tensor]:
    """Scale a finished layer to its units, and run it."""
    layer = network.convolutions[name]
    outputs = [network.convolve(x, name) for x in inputs]
    unit = units(torch.stack([moments(x) for x in outputs]).mean(0))
    layer.weight /= unit[:, None, None, None]
    layer.bias /= unit
    getattr(network, f'unit{name}').fill_(1)
    return [x / unit[:, None, None] for x in outputs]


@torch.no_grad()
def fit(layer: nn.Conv2d, windows: Tensor, wanted: Tensor) -> None:
    """Make a layer predict its teacher, by least squares.

    windows: (N, C * 9), the features below.  wanted: (N, D), before the ReLU.  If the teacher has
    more filters, those are chosen, one after the other, that the ones before explain least; if it
    has fewer, the remaining ones keep their weights.
    """
    rectified = wanted.relu()
    _, order = scipy.linalg.qr((rectified - rectified.mean(0)).numpy(), mode='r', pivoting=True)
    wanted = wanted[:, order[: layer.out_channels].copy()]  # (N, filters)
    products = windows.t() @ windows
    products += 3e-3 * products.diagonal().mean() * torch.eye(len(products))
    mean, target_mean = windows.mean(0), wanted.mean(0)
    weight = torch.linalg.solve(products, windows.t() @ (wanted - target_mean))  # (C * 9, filters)
    filters = wanted.shape[1]
    layer.bias[:filters] = target_mean - mean @ weight
    layer.weight[:filters] = weight.t().reshape(layer.weight[:filters].shape)
    output = functional.linear(windows, layer.weight.flatten(1), layer.bias).relu()
    unit = units(moments(output.t()[None, :, :, None]))
    layer.weight /= unit[:, None, None, None]
    layer.bias /= unit


def polish(
    layer: nn.Conv2d, windows: Tensor, target: Tensor, products: float, steps: int
) -> tuple[float, float]:
    """Train one layer on windows (N, C * 9) of its input and targets (N, D).

    Returns running means of the two parts of its loss.
    """
    rate = RATE
    if layer.in_channels == 3:
        steps, rate = FIRST_LAYER * steps, FIRST_RATE
    optimizer = torch.optim.Adam(layer.parameters(), betas=(0.9, 0.99))
    shown = torch.zeros(2)
    for step in range(steps):
        warm_up, cosine = min(1.0, (step + 1) / 30), (1 + np.cos(np.pi * step / steps)) / 2
        optimizer.param_groups[0]['lr'] = rate * warm_up * cosine
        chosen = torch.randint(len(windows), (WINDOWS,))
        features = functional.linear(windows[chosen], layer.weight.flatten(1), layer.bias).relu()
        unit = units(moments(features.detach().t()[None, :, :, None]))
        unexplained, distance = layer_loss(features / unit, target[chosen])
        optimizer.zero_grad()
        (unexplained + products * distance).backward()
        optimizer.step()
        shown = shown.lerp(torch.stack([unexplained, distance]).detach(), 0.1)
    return tuple(shown.tolist())
