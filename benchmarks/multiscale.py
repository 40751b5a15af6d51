"""Loss against seconds: one scale as the original runs, and coarse to fine.

    python -m benchmarks.multiscale [--model CAFFEMODEL] [--size 512] [--evaluations 1000] \\
        [--runs 3:100:bf16 1:150:bf16:init=image] [--content_layers ...] [--style_layers ...] \\
        [--plot FILE.png]

The original's way is --evaluations of L-BFGS from noise in float32 at the full size.  A run is
SCALES:EVALUATIONS:PRECISION, evaluations at the full size, as -multiscale and -num_iterations
have it, and perhaps :FLAG=VALUE, several times.  Losses at the full size alone are compared; the
last one of each run is judged again in float32.  Harbour and swirls, seed 1.
"""

import argparse
import sys
import time

from torch import Tensor

from benchmarks.arguments import add_painting, layers, new_parser
from benchmarks.charts import new_row, new_table, save_chart
from benchmarks.painting import final_loss, load_network, load_pair
from neural_style import Iterate
from neural_style.memory.heap import configure_malloc
from neural_style.torch7.cmdline import tonumber
from neural_style.transfer.multiscale import stylize_multiscale

Curve = list[tuple[float, float]]  # seconds, loss


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__)
    parser.add_argument('--runs', nargs='+', default=['3:60:fp32', '3:100:bf16'])
    add_painting(parser, size=512, evaluations=1000)
    args = parser.parse_args(argv)
    configure_malloc()
    pair = load_pair('harbour', 'swirls', args.size)
    new_table('run', 'seconds', 'float32 loss at the end', 'seconds to the loss of the first')
    curves: dict[str, Curve] = {}
    goal = None
    for run in [f'1:{args.evaluations}:fp32', *args.runs]:
        curve, picture = timed(args, pair, run)
        final = final_loss(load_network(args.model), *pair, picture, layers(args))
        goal = final if goal is None else goal
        reached = next((f'{seconds:.1f}' for seconds, loss in curve if loss <= goal), 'never')
        new_row(run, f'{curve[-1][0]:.1f}', f'{final:.0f}', reached)
        scales, evaluations, *settings = run.split(':')
        label = f'scales: {scales}, {evaluations} evaluations at full size, {", ".join(settings)}'
        curves[label] = curve
    if args.plot:
        save_chart(args.plot, ('seconds', 'loss at full size', curves), goal=goal)
    return 0


def timed(args: argparse.Namespace, pair: tuple[Tensor, Tensor], run: str) -> tuple[Curve, Tensor]:
    """Return the time and loss of every evaluation at full size, and the picture."""
    scales, evaluations, precision, *flags = run.split(':')
    settings = dict(flag.split('=') for flag in flags)
    settings = {flag: tonumber(value) or value for flag, value in settings.items()}
    curve: Curve = []
    start = time.monotonic()

    def note(iterate: Iterate) -> None:
        if iterate.x.shape == pair[0].shape:
            curve.append((time.monotonic() - start, float(iterate.loss)))

    picture: Tensor = stylize_multiscale(
        load_network(args.model),
        pair[0],
        [pair[1]],
        multiscale=scales,
        num_iterations=int(evaluations),
        precision=precision,
        seed=1,
        callback=note,
        **layers(args),
        **settings,
    )
    return curve, picture


if __name__ == '__main__':
    sys.exit(main())
