"""Time an evaluation of the network, ours beside what a user writes from the PyTorch tutorial.

    python benchmarks/evaluation.py [--sizes 256 512] [--threads 2] [--rounds 7] \\
        [--precisions fp32 bf16] [--neural-style-pt CHECKOUT] [--plot FILE.png]

The network is a VGG-19 to relu5_1 of full width with random weights, content relu4_2, style
relu1_1 to relu5_1, pictures 4:3.  Every candidate has a process of its own; they take turns, one
evaluation each, so a machine that slows down slows all of them.

  tutorial         float32, contiguous, losses by autograd, torch.optim.LBFGS
  ours PRECISION   LossNetwork and torch7.optim, as the command uses them
  neural-style-pt  the checkout's own program over 3 and 13 iterations, a tenth of the difference

Columns: median seconds of an evaluation, with the shortest; how many times the tutorial's speed;
what of it the losses take (the difference to an evaluation with the losses switched off); L-BFGS
with 100 pairs in its history, for one step; saving a PNG; the process's peak memory; and the share
of the speed of a single large convolution of that precision that the whole evaluation reaches.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from statistics import median

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peak import peak_memory  # noqa: E402
from neural_style import LossNetwork, evaluate  # noqa: E402
from neural_style.memory.heap import configure_malloc  # noqa: E402
from neural_style.torch7 import image  # noqa: E402
from neural_style.torch7.optim import lbfgs  # noqa: E402
from neural_style.torch7.random import Generator  # noqa: E402

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
CONTENT, STYLE = ['relu4_2'], [f'relu{block}_1' for block in range(1, 6)]
PAIRS = 100


def vgg19() -> nn.Sequential:
    """The convolutional part, He-scaled random weights, layers named."""
    torch.manual_seed(0)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = 3
    for block, (depth, width) in enumerate(BLOCKS, start=1):
        for number in range(1, depth + 1):
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight)
            nn.init.zeros_(convolution.bias)
            layers[f'conv{block}_{number}'] = convolution.requires_grad_(False)
            layers[f'relu{block}_{number}'] = nn.ReLU(inplace=True)
            channels = width
        layers[f'pool{block}'] = nn.MaxPool2d(2, 2, ceil_mode=True)
    return nn.Sequential(layers)


def pictures(size: int) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(3, size * 3 // 4, size) * 50 for _ in range(3)]


class Ours:
    """LossNetwork and the L-BFGS of torch7."""

    def __init__(self, size: int, precision: str):
        self.network = LossNetwork(
            vgg19(),
            content_weight=5.0,
            style_weight=100.0,
            tv_weight=1e-3,
            content_layers=CONTENT,
            style_layers=STYLE,
            normalize_gradients=False,
            pooling='max',
            generator=Generator(),
            precision=precision,
        )
        self.x, content, style = pictures(size)
        self.network.capture_content(content)
        self.network.capture_style(style, 1.0)

    def evaluation(self) -> None:
        evaluate(self.network, self.x)

    def without_losses(self) -> None:
        for loss in self.network.losses:
            loss.mode = 'none'
        self.evaluation()
        for loss in self.network.losses:
            loss.mode = 'loss'

    def step(self) -> float:
        """Seconds of a step of L-BFGS with a full history, without the evaluation."""
        times: list[float] = []

        def feval(x: torch.Tensor) -> tuple[float, torch.Tensor]:
            times.append(time.perf_counter())
            return 0.0, stretched_gradient(x)

        lbfgs(feval, torch.randn_like(self.x), max_iter=PAIRS + 8, tol_fun=-1, tol_x=-1)
        return last_interval(times, self.x)


class Tutorial:
    """What the PyTorch tutorial leads to, over the same layers and losses."""

    def __init__(self, size: int):
        self.layers = vgg19()
        self.x, content, style = pictures(size)
        with torch.no_grad():
            self.targets = dict(self.statistics(content, CONTENT, gram=False))
            self.targets |= dict(self.statistics(style, STYLE, gram=True))

    @staticmethod
    def gram(features: torch.Tensor) -> torch.Tensor:
        flat = features.view(features.shape[1], -1)
        return flat @ flat.t() / features.numel()

    def statistics(self, x, names, gram):
        features = x[None]
        for name, layer in self.layers.named_children():
            features = layer(features) if 'relu' not in name else nn.functional.relu(features)
            if name in names:
                yield name, self.gram(features) if gram else features
            if name == 'relu5_1':
                return

    def loss(self, x: torch.Tensor, losses: bool = True) -> torch.Tensor:
        total, features = torch.zeros(()), x[None]
        for name, layer in self.layers.named_children():
            features = layer(features) if 'relu' not in name else nn.functional.relu(features)
            if losses and name in CONTENT:
                total = total + 5 * nn.functional.mse_loss(features, self.targets[name])
            if losses and name in STYLE:
                got = self.gram(features)
                total = total + 100 * nn.functional.mse_loss(got, self.targets[name])
            if name == 'relu5_1':
                break
        if not losses:
            return features.sum()
        tv = (x[:, 1:] - x[:, :-1]).abs().sum() + (x[:, :, 1:] - x[:, :, :-1]).abs().sum()
        return total + 1e-3 * tv

    def evaluation(self, losses: bool = True) -> None:
        x = self.x.detach().requires_grad_()
        self.loss(x, losses).backward()

    def without_losses(self) -> None:
        self.evaluation(losses=False)

    def step(self) -> float:
        times: list[float] = []
        x = torch.randn_like(self.x).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [x], max_iter=PAIRS + 8, tolerance_grad=-1, tolerance_change=-1, history_size=PAIRS
        )

        def closure() -> float:
            times.append(time.perf_counter())
            x.grad = stretched_gradient(x.detach())
            return 0.0

        optimizer.step(closure)
        return last_interval(times, self.x)


def stretched_gradient(x: torch.Tensor) -> torch.Tensor:
    """Of a bowl with axes of a thousand lengths: L-BFGS does not come to its end soon."""
    scales = torch.linspace(1, 1000, 999, dtype=x.dtype)
    return x * scales.repeat(-(-x.numel() // 999))[: x.numel()].view_as(x)


def last_interval(times: list[float], x: torch.Tensor) -> float:
    """Median of the last steps, less what the gradient itself took."""
    start = time.perf_counter()
    stretched_gradient(x)
    own = time.perf_counter() - start
    return median(b - a for a, b in zip(times[-6:-1], times[-5:], strict=True)) - own


def flops(size: int) -> float:
    """Of the convolutions to conv5_1, forward and back to the image."""
    total, channels, pixels = 0.0, 3, size * (size * 3 // 4)
    for block, (depth, width) in enumerate(BLOCKS, start=1):
        for _ in range(depth if block < 5 else 1):
            total += 2 * 2 * 9 * channels * width * pixels
            channels = width
        pixels /= 4
    return total


def limit(precision: str) -> float:
    """Operations a second of a single large convolution."""
    dtype = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}[precision]
    form = {'dtype': dtype, 'memory_format': torch.channels_last}
    x = torch.randn(1, 256, 96, 128).to(**form)
    weight = torch.randn(256, 256, 3, 3).to(**form)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        nn.functional.conv2d(x, weight, padding=1)
        times.append(time.perf_counter() - start)
    return 2 * 9 * 256 * 256 * 96 * 128 / min(times)


def work(name: str, size: int, threads: int) -> None:
    """A candidate's process: obeys the words on stdin, answers in JSON."""
    torch.set_num_threads(threads)
    kind, _, precision = name.partition(' ')
    if kind == 'ours':
        configure_malloc()
    candidate = Ours(size, precision) if kind == 'ours' else Tutorial(size)
    candidate.evaluation()
    print(json.dumps('ready'), flush=True)
    for line in sys.stdin:
        word, answer = line.strip(), 0.0
        if word == 'limit':
            answer = limit(precision or 'fp32')
        elif word == 'memory':
            answer = peak_memory() / 2**30  # GiB
        elif word == 'step':
            answer = candidate.step()
        elif word == 'save':
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                image.save(f'{folder}/out.png', pictures(size)[0].double() / 256 + 0.5)
                answer = time.perf_counter() - start
        else:
            start = time.perf_counter()
            getattr(candidate, word)()
            answer = time.perf_counter() - start
        print(json.dumps(answer), flush=True)


class Worker:
    def __init__(self, name: str, size: int, threads: int):
        self.name = name
        words = [sys.executable, __file__, '--work', name, str(size), str(threads)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        json.loads(self.process.stdout.readline())

    def ask(self, word: str) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()
        return float(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def neural_style_pt(checkout: Path, size: int, threads: int) -> float:
    """Seconds of one iteration of the checkout's own program."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / 'vgg19-random.pth'
        weights = {
            f'features.{key}': value
            for key, value in nn.Sequential(*vgg19().children()).state_dict().items()
        }
        torch.save(weights, model)
        for name, picture in zip(('content', 'style'), pictures(size), strict=False):
            image.save(f'{folder}/{name}.png', picture.double() / 256 + 0.5)
        took = []
        for iterations in (3, 13):
            words = [sys.executable, 'neural_style.py', '-gpu', 'c', '-disable_check', '-seed', '1']
            words += ['-content_image', f'{folder}/content.png', '-print_iter', '0']
            words += ['-style_image', f'{folder}/style.png', '-save_iter', '0']
            words += ['-image_size', str(size), '-num_iterations', str(iterations)]
            words += ['-model_file', str(model), '-output_image', f'{folder}/out.png']
            environment = os.environ | {'OMP_NUM_THREADS': str(threads)}
            start = time.perf_counter()
            subprocess.run(words, cwd=checkout, env=environment, check=True, capture_output=True)
            took.append(time.perf_counter() - start)
    return (took[1] - took[0]) / 10


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[256, 512])
    parser.add_argument('--threads', type=int, nargs='+', default=[torch.get_num_threads()])
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--precisions', nargs='+', default=['fp32'])
    parser.add_argument('--neural-style-pt', type=Path, help='a checkout of neural-style-pt')
    parser.add_argument('--plot', type=Path)
    parser.add_argument('--work', nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.work:
        work(args.work[0], int(args.work[1]), int(args.work[2]))
        return 0
    print(
        '| size | threads | candidate | evaluation (shortest) | speed | losses | L-BFGS step',
        end='',
    )
    print(' | saving | memory | of limit |\n|---|---|---|---|---|---|---|---|---|---|')
    found = []
    for size in args.sizes:
        for threads in args.threads:
            found += measure(args, size, threads)
    if args.plot:
        plot(found, args.plot)
    return 0


def measure(args: argparse.Namespace, size: int, threads: int) -> list[tuple[str, int, int, float]]:
    names = ['tutorial', *(f'ours {precision}' for precision in args.precisions)]
    workers = [Worker(name, size, threads) for name in names]
    times: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for _ in range(args.rounds):
        for worker in workers:
            for word in ('evaluation', 'without_losses', 'save', 'limit'):
                times[worker.name].setdefault(word, []).append(worker.ask(word))
    memory = {worker.name: worker.ask('memory') for worker in workers}
    steps = {worker.name: worker.ask('step') for worker in workers}
    for worker in workers:
        worker.end()
    first = median(times['tutorial']['evaluation'])
    found = []
    for name in names:
        took = {word: median(values) for word, values in times[name].items()}
        whole = took['evaluation']
        share = flops(size) / whole / max(times[name]['limit'])
        print(
            f'| {size} | {threads} | {name} | {whole:.3f} s ({min(times[name]["evaluation"]):.3f})'
            f' | {first / whole:.2f}x | {whole - took["without_losses"]:.3f} s'
            f' | {steps[name]:.3f} s | {took["save"]:.3f} s | {memory[name]:.2f} GiB'
            f' | {100 * share:.0f} % |',
            flush=True,
        )
        found.append((name, size, threads, whole))
    if args.neural_style_pt:
        whole = neural_style_pt(args.neural_style_pt, size, threads)
        print(
            f'| {size} | {threads} | neural-style-pt | {whole:.3f} s | {first / whole:.2f}x'
            ' | | | | | |'
        )
        found.append(('neural-style-pt', size, threads, whole))
    return found


def plot(found: list[tuple[str, int, int, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, threads in sorted({(name, threads) for name, _, threads, _ in found}):
        points = [(s, t) for n, s, k, t in found if (n, k) == (name, threads)]
        axes.plot(*zip(*points, strict=True), marker='o', label=f'{name}, {threads} threads')
    axes.set(
        xscale='log', yscale='log', xlabel='longer side, pixels', ylabel='seconds an evaluation'
    )
    axes.grid(alpha=0.3, which='both')
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches='tight')


if __name__ == '__main__':
    sys.exit(main())
