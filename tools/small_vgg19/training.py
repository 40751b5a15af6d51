"""The joint training of all layers."""

import logging
import time

import numpy as np
import torch
from torch import Tensor, nn

from tools.small_vgg19.losses import layer_loss
from tools.small_vgg19.network import SmallVGG
from tools.small_vgg19.painting import paint
from tools.small_vgg19.photographs import Crops
from tools.small_vgg19.pool import Pool, Targets, joined_targets, positions_of

log = logging.getLogger(__name__)

# The weight of a layer in the loss: those with a style or content loss by default, and the last
# that the genuine network taught, weigh more than those in between.
IMPORTANCE = {'1_1': 2.0, '2_1': 2.0, '3_1': 2.0, '3_4': 1.0, '4_1': 2.0, '4_2': 1.5, '5_1': 1.0}
IN_BETWEEN = 0.5  # and inner products of these are not compared
PRODUCTS = 0.5  # weight of inner products beside the linear map

BATCH = 8
LEARNING_RATE = 1e-4
PAINT_EVERY, PAINT_STEPS = 60, 12


def train(
    network: SmallVGG, pool: Pool, crops: Crops, *, steps: int, minutes: float, bfloat16: bool
) -> None:
    """Train for a number of steps, or until the time is up; the rate falls to 0 by then.

    bfloat16: run the convolutions in it, which is twice as fast on CPUs made for it.
    """
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    start = time.monotonic()
    shown: dict[str, Tensor] = {}
    for step in range(1, steps + 1):
        progress = max(step / steps, (time.monotonic() - start) / 60 / minutes)
        if progress >= 1:
            break
        warm_up, cosine = min(1.0, step / 100), (1 + np.cos(np.pi * progress)) / 2
        optimizer.param_groups[0]['lr'] = LEARNING_RATE * warm_up * cosine
        images, targets = pool.batch(BATCH)
        with torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
            features = {name: feature.float() for name, feature in network(images).items()}
        network.follow_units(features, momentum=0.9 if step < 100 else 0.99)
        losses = compare(network.in_units(features), targets)
        optimizer.zero_grad()
        total(losses).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        for name, loss in losses.items():
            loss = torch.stack(loss).detach()
            shown[name] = shown[name].lerp(loss, 0.05) if name in shown else loss
        pool.put(crops.draw())
        if step % PAINT_EVERY == 0 and progress > 0.1:
            paint_into(pool, network)
        if step % 50 == 0:
            log.info('step %d, %.0f s: %s', step, time.monotonic() - start, describe(shown))


def compare(
    features: dict[str, Tensor], targets: list[Targets]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the two losses of every layer over a batch: see layer_loss."""
    losses = {}
    for name, feature in features.items():
        index = positions_of(targets, name)[:, None].expand(-1, feature.shape[1], -1)
        chosen = feature.flatten(2).gather(2, index).transpose(1, 2).flatten(0, 1)
        losses[name] = layer_loss(chosen, joined_targets(targets, name))
    return losses


def total(losses: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
    """Return the loss that is minimised."""
    return sum(
        IMPORTANCE[name] * (unexplained + PRODUCTS * products)
        if name in IMPORTANCE
        else IN_BETWEEN * unexplained
        for name, (unexplained, products) in losses.items()
    )


def paint_into(pool: Pool, network: SmallVGG) -> None:
    """Add pictures to the pool that are painted from its own crops."""
    images, _ = pool.batch(BATCH)
    for iterates in paint(network, images, images.roll(3, 0), PAINT_STEPS):
        for image in iterates:
            pool.put(image)


def describe(losses: dict[str, Tensor]) -> str:
    return '  '.join(f'{name} {a:.3f}/{b:.3f}' for name, (a, b) in losses.items())
