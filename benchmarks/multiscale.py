"""Loss against seconds: one scale as the original runs, and coarse to fine.

    python benchmarks/multiscale.py [--model CAFFEMODEL] [--size 512] [--evaluations 1000] \\
        [--runs 3:100:bf16 1:150:bf16:init=image] [--content_layers ...] [--style_layers ...] \\
        [--plot FILE.png]

The original's way is --evaluations of L-BFGS from noise in float32 at the whole size.  A run is
SCALES:EVALUATIONS:PRECISION, evaluations at the whole size, as -multiscale and -num_iterations
have it, and perhaps :FLAG=VALUE, several times.  Losses at the whole size alone are compared; the
last one of each run is judged again in float32.  Harbour and swirls, seed 1.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.precision import INPUTS, judge, network  # noqa: E402
from neural_style import Iterate  # noqa: E402
from neural_style.command.networks import embedded_network  # noqa: E402
from neural_style.memory.heap import configure_malloc  # noqa: E402
from neural_style.torch7 import image  # noqa: E402
from neural_style.torch7.cmdline import tonumber  # noqa: E402
from neural_style.transfer.multiscale import stylize_multiscale  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--model', type=Path, default=Path(embedded_network()[1]))
    parser.add_argument('--size', type=int, default=512)
    parser.add_argument('--evaluations', type=int, default=1000)
    parser.add_argument('--runs', nargs='+', default=['3:60:fp32', '3:100:bf16'])
    parser.add_argument('--content_layers', default='relu4_2')
    parser.add_argument('--style_layers', default='relu1_1,relu2_1,relu3_1,relu4_1,relu5_1')
    parser.add_argument('--plot', type=Path)
    args = parser.parse_args(argv)
    layers = {'content_layers': args.content_layers, 'style_layers': args.style_layers}
    configure_malloc()
    pair = [image.scale(image.load(INPUTS / f'{n}.jpg'), args.size) for n in ('harbour', 'swirls')]
    print('| run | seconds | float32 loss at the end | seconds to the loss of the first |')
    print('|---|---|---|---|')
    curves, goal = {}, None
    for run in [f'1:{args.evaluations}:fp32', *args.runs]:
        curve, picture = timed(args.model, pair, run, layers)
        final = judge(network(args.model), *pair, picture, layers)
        goal = final if goal is None else goal
        reached = next((seconds for seconds, loss in curve if loss <= goal), None)
        shown = 'never' if reached is None else f'{reached:.1f}'
        print(f'| {run} | {curve[-1][0]:.1f} | {final:.0f} | {shown} |', flush=True)
        curves[run] = curve
    if args.plot:
        plot(curves, goal, args.plot)
    return 0


def timed(model, pair, run, layers):
    """The (seconds, loss) of every evaluation at the whole size, and the picture."""
    scales, evaluations, precision, *flags = run.split(':')
    settings = dict(flag.split('=') for flag in flags)
    settings = {flag: tonumber(value) or value for flag, value in settings.items()}
    curve: list[tuple[float, float]] = []
    start = time.monotonic()

    def note(iterate: Iterate) -> None:
        if iterate.x.shape == pair[0].shape:
            curve.append((time.monotonic() - start, float(iterate.loss)))

    picture: torch.Tensor = stylize_multiscale(
        network(model),
        pair[0],
        [pair[1]],
        multiscale=scales,
        num_iterations=int(evaluations),
        precision=precision,
        seed=1,
        callback=note,
        **layers,
        **settings,
    )
    return curve, picture


def plot(curves, goal, path: Path) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for run, curve in curves.items():
        scales, evaluations, *rest = run.split(':')
        label = f'{scales} scale(s), {evaluations} at the last, {", ".join(rest)}'
        axes.plot(*zip(*curve, strict=True), label=label)
    axes.axhline(goal, color='grey', linewidth=0.8, linestyle='--')
    axes.set(yscale='log', xscale='log', xlabel='seconds', ylabel='loss at the whole size')
    axes.set_ylim(goal / 2, goal * 1000)
    axes.grid(alpha=0.3, which='both')
    axes.legend()
    figure.savefig(path, dpi=110, bbox_inches='tight')


if __name__ == '__main__':
    sys.exit(main())
