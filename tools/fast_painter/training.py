"""Training: steps, checkpoints, samples."""

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_style.fast.decoder import Decoder
from neural_style.fast.encoder import Encoder, Style
from neural_style.fast.statistics import Statistics
from neural_style.train.photographs import Photographs
from neural_style.transfer.preprocessing import preprocess
from tools.fast_painter.objectives import Weights, paint_loss, rebuild_loss
from tools.fast_painter.pictures import Styles

log = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKPOINTS = 240


@dataclass(frozen=True)
class Plan:
    """The course of training.

    rebuild_steps: before these are done, every step only rebuilds pictures; later, every eighth.
    decay: of the running mean of weights, which is what is kept in the end.  new_styles: share of
    styles that may not be known yet, once known_styles are.
    """

    rebuild_steps: int = 500
    batch: int = 2
    side: int = 160
    rate: float = 2e-3
    decay: float = 0.998
    new_styles: float = 0.2
    known_styles: int = 100
    weights: Weights = Weights()


class Training:
    """The state of a training: decoder, the running mean of its weights, Adam, random numbers."""

    def __init__(self, encoder: Encoder, decoder: Decoder, photos: Photographs, styles: Styles):
        self.encoder, self.decoder = encoder, decoder
        self.photos, self.styles = photos, styles
        self.mean = {name: value.clone() for name, value in decoder.state_dict().items()}
        self.optimizer = torch.optim.Adam(decoder.parameters(), betas=(0.9, 0.99))
        self.rng = np.random.default_rng(1)
        self.done = 0
        self.known_styles: dict[int, Style] = {}
        self.saved_styles = 0

    def step(self, plan: Plan) -> dict[str, float]:
        """Take a step; return the terms of its loss."""
        for group in self.optimizer.param_groups:
            group['lr'] = plan.rate * min(1, (self.done + 1) / 50) / (1 + self.done / 1000) ** 0.5
        self.optimizer.zero_grad()
        if self.done < plan.rebuild_steps or self.done % 8 == 0:
            total, terms = self._rebuild(plan)
        else:
            total, terms = self._paint(plan)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 5.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        terms['norm'] = float(norm)
        self.done += 1
        decay = min(plan.decay, self.done / (self.done + 10))
        with torch.no_grad():
            for name, value in self.decoder.state_dict().items():
                self.mean[name].lerp_(value, 1 - decay)
        return terms

    def _rebuild(self, plan: Plan) -> tuple[Tensor, dict[str, float]]:
        images = [self.photos.crop(self.rng, plan.side) for _ in range(plan.batch)]
        for i in range(len(images)):
            if self.rng.random() < 0.5:
                painting = self.styles[int(self.rng.integers(len(self.styles)))]
                top, left = (
                    int(self.rng.integers(max(1, size - plan.side))) for size in painting.shape[1:]
                )
                images[i] = painting[:, top : top + plan.side, left : left + plan.side]
        detail = torch.tensor(self.rng.choice([0.0, 1.0], len(images))).float().view(-1, 1, 1, 1)
        return rebuild_loss(self.encoder, self.decoder, self._batch(images), detail)

    def _paint(self, plan: Plan) -> tuple[Tensor, dict[str, float]]:
        images = [self.photos.crop(self.rng, plan.side) for _ in range(plan.batch)]
        styles = [self.style(self._draw_style(plan)) for _ in images]
        return paint_loss(
            self.encoder, self.decoder, self._batch(images), joined(styles), plan.weights
        )

    def _draw_style(self, plan: Plan) -> int:
        """Draw a style, mostly one that is known: others take as long as half a step."""
        known = sorted(self.known_styles)
        if len(known) >= plan.known_styles and self.rng.random() > plan.new_styles:
            return known[self.rng.integers(len(known))]
        return int(self.rng.integers(len(self.styles)))

    @staticmethod
    def _batch(images: list[Tensor]) -> Tensor:
        return torch.stack(images).contiguous(memory_format=torch.channels_last)

    def style(self, index: int) -> Style:
        """Return the style of a picture, from memory if it was asked for before."""
        if index not in self.known_styles:
            image = self._batch([self.styles[index]])
            self.known_styles[index] = self.encoder.style(preprocess(image))
        return self.known_styles[index]

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            'decoder': self.decoder.state_dict(),
            'mean': self.mean,
            'optimizer': self.optimizer.state_dict(),
            'rng': self.rng.bit_generator.state,
            'done': self.done,
            'basis': dict(self.encoder.basis),
        }
        unfinished = path.with_suffix('.part')
        torch.save(state, unfinished)
        os.replace(unfinished, path)

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.decoder.load_state_dict(state['decoder'])
        self.mean = state['mean']
        self.optimizer.load_state_dict(state['optimizer'])
        self.rng.bit_generator.state = state['rng']
        self.done = state['done']

    def save_styles(self, path: Path) -> None:
        """Write the styles that are known, unless the file has them."""
        if len(self.known_styles) > self.saved_styles:
            plain = {
                index: {name: (value.mean, value.covariance) for name, value in style.items()}
                for index, style in self.known_styles.items()
            }
            torch.save(plain, path)
            self.saved_styles = len(plain)

    def load_styles(self, path: Path) -> None:
        for index, style in torch.load(path, weights_only=True).items():
            self.known_styles[index] = {name: Statistics(*pair) for name, pair in style.items()}
        self.saved_styles = len(self.known_styles)

    def averaged(self) -> Decoder:
        """Return a decoder with the running mean of the weights."""
        decoder = Decoder()
        decoder.load_state_dict(self.mean)
        return decoder.to(memory_format=torch.channels_last).eval()


def joined(styles: list[Style]) -> Style:
    """Stack styles of one picture each."""
    return {
        name: Statistics(
            torch.cat([style[name].mean for style in styles]),
            torch.cat([style[name].covariance for style in styles]),
        )
        for name in styles[0]
    }


def train(
    training: Training,
    plan: Plan,
    folder: Path,
    steps: int,
    sample: Callable[[Training], None],
) -> None:
    """Take steps up to a number, or until SIGTERM or SIGINT; log, and keep checkpoints and samples.

    folder: gets checkpoint.pt every few minutes and at the end, and styles.pt.
    """
    sums: dict[str, list[float]] = {}
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: stopped.append(number))
    logged = saved = time.monotonic()
    while training.done < steps and not stopped:
        for name, value in training.step(plan).items():
            sums.setdefault(name, []).append(value)
        if training.done % 50 == 0:
            text = ' '.join(f'{name} {np.mean(values):.3f}' for name, values in sums.items())
            pace = (time.monotonic() - logged) / 50
            log.info('%d %.2f s/step: %s', training.done, pace, text)
            sums, logged = {}, time.monotonic()
        if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            training.save(folder / 'checkpoint.pt')
            saved = time.monotonic()
        if training.done % 500 == 0:
            training.save_styles(folder / 'styles.pt')
            sample(training)
    training.save(folder / 'checkpoint.pt')
    training.save_styles(folder / 'styles.pt')
    log.info('stopped at step %d', training.done)
