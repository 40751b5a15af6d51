"""The programs compared: this one, and the code of the PyTorch tutorial."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.vgg19 import CONTENT_LAYERS, LAST_LAYER, STYLE_LAYERS, images, vgg19
from neural_style import LossNetwork, evaluate
from neural_style.torch7 import image
from neural_style.torch7.optim import lbfgs
from neural_style.torch7.random import Generator

PAIRS = 100  # in the history of L-BFGS


class Ours:
    """LossNetwork and the L-BFGS of torch7, as the command uses them."""

    def __init__(self, size: int, precision: str, device: torch.device):
        self.precision = precision
        self.device = device
        self.x, self.content, self.style = images(size, device)
        self.network = self._network(CONTENT_LAYERS, STYLE_LAYERS)
        self.without_losses: LossNetwork | None = None

    def _network(self, content_layers: list[str], style_layers: list[str]) -> LossNetwork:
        network = LossNetwork(
            vgg19(),
            content_weight=5.0,
            style_weight=100.0,
            tv_weight=1e-3,
            content_layers=content_layers,
            style_layers=style_layers,
            normalize_gradients=False,
            pooling='max',
            generator=Generator(),
            precision=self.precision,
            devices=[self.device],
        )
        network.capture_content(self.content)
        network.capture_style(self.style, 1.0)
        return network

    def evaluation(self) -> None:
        evaluate(self.network, self.x)

    def bare(self) -> None:
        """Evaluate with a single loss, on the last layer."""
        if self.without_losses is None:
            self.without_losses = self._network([LAST_LAYER], [])
        evaluate(self.without_losses, self.x)

    def step(self) -> float:
        """Return the seconds of a step of L-BFGS with a full history, evaluation apart."""
        times: list[float] = []

        def feval(x: Tensor) -> tuple[Tensor, Tensor]:
            times.append(_now(self.device))
            return x.new_zeros(()), stretched_gradient(x)

        lbfgs(feval, torch.randn_like(self.x), max_iter=PAIRS + 8, tol_fun=-1, tol_x=-1)
        return last_interval(times, self.x)


class Tutorial:
    """The code of the PyTorch tutorial, with the same layers and losses, in float32."""

    def __init__(self, size: int, device: torch.device):
        self.device = device
        self.layers = vgg19().to(device)
        self.x, content, style = images(size, device)
        with torch.no_grad():
            self.targets = dict(self._statistics(content, CONTENT_LAYERS, gram=False))
            self.targets |= dict(self._statistics(style, STYLE_LAYERS, gram=True))

    @staticmethod
    def gram(features: Tensor) -> Tensor:
        flat = features.view(features.shape[1], -1)
        return flat @ flat.t() / features.numel()

    def features(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the layers' names and features."""
        features = x[None]
        for name, layer in self.layers.named_children():
            features = layer(features) if 'relu' not in name else nn.functional.relu(features)
            yield name, features

    def _statistics(self, x: Tensor, names: list[str], gram: bool) -> Iterator[tuple[str, Tensor]]:
        for name, features in self.features(x):
            if name in names:
                yield name, self.gram(features) if gram else features

    def loss(self, x: Tensor) -> Tensor:
        total = torch.zeros((), device=self.device)
        for name, features in self.features(x):
            if name in CONTENT_LAYERS:
                total = total + 5 * nn.functional.mse_loss(features, self.targets[name])
            if name in STYLE_LAYERS:
                gram = self.gram(features)
                total = total + 100 * nn.functional.mse_loss(gram, self.targets[name])
        tv = (x[:, 1:] - x[:, :-1]).abs().sum() + (x[:, :, 1:] - x[:, :, :-1]).abs().sum()
        return total + 1e-3 * tv

    def evaluation(self) -> None:
        self.loss(self.x.detach().requires_grad_()).backward()

    def bare(self) -> None:
        """Evaluate with a single loss, on the last layer."""
        *_, (_, features) = self.features(self.x.detach().requires_grad_())
        features.square().sum().backward()

    def step(self) -> float:
        """Return the seconds of a step of L-BFGS with a full history, evaluation apart."""
        times: list[float] = []
        x = torch.randn_like(self.x).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [x], max_iter=PAIRS + 8, tolerance_grad=-1, tolerance_change=-1, history_size=PAIRS
        )

        def closure() -> float:
            times.append(_now(self.device))
            x.grad = stretched_gradient(x.detach())
            return 0.0

        optimizer.step(closure)
        return last_interval(times, self.x)


def _now(device: torch.device) -> float:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter()


def stretched_gradient(x: Tensor) -> Tensor:
    """Return the gradient of a stretched bowl, which L-BFGS takes many steps to minimise."""
    scales = torch.linspace(1, 1000, 999, dtype=x.dtype, device=x.device)
    return x * scales.repeat(-(-x.numel() // 999))[: x.numel()].view_as(x)


def last_interval(times: list[float], x: Tensor) -> float:
    """Return the median of the last steps, less the time of the gradient."""
    start = _now(x.device)
    stretched_gradient(x)
    gradient = _now(x.device) - start
    return median(b - a for a, b in zip(times[-6:-1], times[-5:], strict=True)) - gradient


def neural_style_pt(checkout: Path, size: int, threads: int, device: torch.device) -> float:
    """Return the seconds of an iteration of a checkout's own program.

    It is run for 3 and for 13 iterations, and the difference divided by ten.
    """
    with tempfile.TemporaryDirectory() as folder:
        weights = nn.Sequential(*vgg19().children()).state_dict()
        weights = {f'features.{key}': value for key, value in weights.items()}
        torch.save(weights, f'{folder}/vgg19-random.pth')
        for name, pixels in zip(('content', 'style'), images(size), strict=False):
            image.save(f'{folder}/{name}.png', pixels.double() / 256 + 0.5)
        flags = f"""
            -gpu {'0' if device.type == 'cuda' else 'c'} -disable_check -seed 1 -image_size {size}
            -content_image {folder}/content.png -style_image {folder}/style.png -print_iter 0
            -save_iter 0 -model_file {folder}/vgg19-random.pth -output_image {folder}/out.png
        """.split()
        times = []
        for iterations in (3, 13):
            argv = [sys.executable, 'neural_style.py', *flags, '-num_iterations', str(iterations)]
            environment = os.environ | {'OMP_NUM_THREADS': str(threads)}
            start = time.perf_counter()
            subprocess.run(argv, cwd=checkout, env=environment, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
    return (times[1] - times[0]) / 10
