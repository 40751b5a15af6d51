"""Judge pictures painted at once beside those of another program, by the genuine VGG-16.

    python -m tools.judge_fast --genuine VGG_ILSVRC_16_conv.caffemodel \
        --pairs CONTENT,STYLE ... --output FOLDER [--other FOLDER]

The output folder gets the images as both programs see them, scaled (inputs/NAME.png), and a picture
of every pair and strength.  Without --other that is all but the distances of strength 1.  --other
has the other program's pictures of these inputs, CONTENT_STYLE.png.

VGG-16 says how far a picture is from its content (relative distance of relu4_2) and from its style
(of Gram matrices, the mean over five layers).  Strength trades one for the other, so that styles
are compared at the other's distance to the content: strength is lowered until the content is as
near, and the distance to the style interpolated in logarithms.  Where the content is nearer at
strength 1 already, the style is compared there; if it is not nearer too, equal contents cannot be
had, and the pair is no better.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_style.fast import Painter
from neural_style.fast.weights import WEIGHTS
from neural_style.torch7 import image
from tools.judge_network import Judge, load

STRENGTHS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)

Point = tuple[float, float]  # distances to the content and to the style


@dataclass(frozen=True)
class Comparison:
    """What was found for a pair: distances at strength 1, the other's, and what they come to.

    style: the distance to the style at the other's distance to the content, or at strength 1 where
    the content is nearer even there; None if the content is farther at every strength.
    """

    name: str
    full: Point
    other: Point
    style: float | None

    @property
    def better(self) -> bool:
        return self.style is not None and self.style < self.other[1]


def style_at(content: float, curve: list[Point]) -> float | None:
    """Return a curve's distance to the style at a distance to the content.

    curve: from strength 1 downwards.  None if it does not come as near to the content.
    """
    if curve[0][0] <= content:
        return curve[0][1]
    for farther, nearer in zip(curve, curve[1:], strict=False):
        if nearer[0] <= content:
            (x0, y0), (x1, y1) = np.log([nearer, farther])
            return float(np.exp(np.interp(np.log(content), [x0, x1], [y0, y1])))
    return None


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    (args.output / 'inputs').mkdir(parents=True, exist_ok=True)
    genuine, painter = load(args.genuine), Painter(args.weights)
    comparisons = []
    for pair in args.pairs:
        content, style = (scaled(Path(path), args) for path in pair.split(','))
        name = '_'.join(Path(path).stem for path in pair.split(','))
        judge = Judge(genuine, content, style)
        full = judge.distances(painted(name, painter, content, style, 1.0, args))
        print(f'{name}: content {full[0]:.3f} style {full[1]:.3f}', flush=True)
        if args.other is None:
            continue
        other = judge.distances(image.load(args.other / f'{name}.png'))
        curve = [full]
        for strength in STRENGTHS[1:]:
            if curve[-1][0] <= other[0]:
                break
            picture = painted(name, painter, content, style, strength, args)
            curve.append(judge.distances(picture))
        comparisons.append(Comparison(name, full, other, style_at(other[0], curve)))
        print(row(comparisons[-1]), flush=True)
    if comparisons:
        print(table(comparisons))
    return 0


def scaled(path: Path, args: argparse.Namespace) -> Tensor:
    """Return an image as both programs see it, from its file in the folder of inputs."""
    file = args.output / 'inputs' / f'{path.stem}.png'
    if not file.exists():
        image.save(file, image.scale(image.load(path), args.size))
    return image.load(file)


def painted(
    name: str,
    painter: Painter,
    content: Tensor,
    style: Tensor,
    strength: float,
    args: argparse.Namespace,
) -> Tensor:
    """Paint a pair; return the picture of the file that is left in the output folder."""
    path = args.output / f'{name}_{strength:g}.png'
    image.save(path, painter.paint(content, painter.style(style), strength))
    return image.load(path)


def row(comparison: Comparison) -> str:
    """Return a row of the table."""
    style = comparison.style
    cells = [
        comparison.name,
        *(f'{distance:.3f}' for distance in (*comparison.other, *comparison.full)),
        'cannot be had' if style is None else f'{style:.3f}',
        'yes' if comparison.better else 'no',
    ]
    return '| ' + ' | '.join(cells) + ' |'


def table(comparisons: list[Comparison]) -> str:
    """Return all rows, and their means."""
    means = np.mean([(*pair.other, *pair.full) for pair in comparisons], 0)
    count = sum(pair.better for pair in comparisons)
    return '\n'.join(
        [
            '| pair | other: content | style | -fast: content | style | there | better |',
            '|---|---|---|---|---|---|---|',
            *map(row, comparisons),
            '| mean | ' + ' | '.join(f'{mean:.3f}' for mean in means) + ' | | '
            f'{count} of {len(comparisons)} |',
        ]
    )


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--genuine', type=Path, required=True, help='caffemodel of VGG-16')
    parser.add_argument('--weights', type=Path, default=WEIGHTS, help='of the fast network')
    parser.add_argument('--pairs', nargs='+', required=True, help='CONTENT,STYLE')
    parser.add_argument('--other', type=Path, help="folder of the other program's pictures")
    parser.add_argument('--size', type=int, default=512)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
