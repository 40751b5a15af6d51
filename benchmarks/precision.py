"""Compare the final float32 losses of runs in low precision and in float32.

    python -m benchmarks.precision [--model CAFFEMODEL] [--precision bf16] [--seeds 5] \\
        [--size 192] [--evaluations 300] [--content_layers relu3_2] [--style_layers ...]

Each pair of the project's pictures is painted from the same noise in both; the picture that comes
out is then judged by the whole loss in float32.  Prints a table, and the worst ratio.
"""

import argparse
import sys
import time

from benchmarks.arguments import add_painting, layers, new_parser
from benchmarks.charts import new_row, new_table
from benchmarks.painting import final_loss, load_pair
from neural_style import stylize
from neural_style.memory.heap import configure_malloc
from tools.judge_network import load as load_network

PAIRS = [('harbour', 'swirls'), ('horse', 'ink_horse'), ('harbour', 'waves')]


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__, chart=False)
    parser.add_argument('--precision', default='bf16')
    parser.add_argument('--seeds', type=int, default=5)
    add_painting(parser, size=192, evaluations=300)
    args = parser.parse_args(argv)
    configure_malloc()
    new_table('pair', 'seed', 'fp32 loss', f'{args.precision} loss', 'ratio', 'seconds')
    worst = 0.0
    for content, style in PAIRS:
        for seed in range(1, args.seeds + 1):
            (reference, seconds), (loss, low_seconds) = (
                painted(args, content, style, seed, precision)
                for precision in ('fp32', args.precision)
            )
            ratio = loss / reference
            worst = max(worst, ratio)
            times = f'{seconds:.0f}, {low_seconds:.0f}'
            row = f'{reference:.0f}', f'{loss:.0f}', f'{ratio:.3f}', times
            new_row(f'{content}, {style}', seed, *row)
    print(f'worst ratio {worst:.3f}')
    return 0


def painted(
    args: argparse.Namespace, content: str, style: str, seed: int, precision: str
) -> tuple[float, float]:
    """Paint a pair in a precision: return the final float32 loss, and the seconds."""
    pair = load_pair(content, style, args.size)
    start = time.monotonic()
    picture = stylize(
        load_network(args.model),
        pair[0],
        [pair[1]],
        num_iterations=args.evaluations,
        seed=seed,
        precision=precision,
        **layers(args),
    )
    seconds = time.monotonic() - start
    return final_loss(load_network(args.model), *pair, picture, layers(args)), seconds


if __name__ == '__main__':
    sys.exit(main())
