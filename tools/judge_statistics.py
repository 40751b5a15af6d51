"""Judge style statistics by pictures that take equal time.

    python -m tools.judge_statistics --network VGG_ILSVRC_16_conv.caffemodel \\
        --statistics gram wasserstein=3 gram:1,histogram:0.5 ... --pairs CONTENT,STYLE ... \\
        [--seconds 20] [--size 160] --output FOLDER [--sheet SHEET.jpg]

Every pair is painted with every statistic for the same processor time, targets included, from the
content image with the flags of `-preset quick`, and style weight 100 or what follows a =.  The
network then says how far a picture is from its style (relative distance of Gram matrices, in each
of the default style layers) and from its content (relative distance of relu4_2).
Pictures that are in the output folder already are judged and not painted again.  Needs scipy.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from PIL import Image, PngImagePlugin
from torch import Tensor, nn

from neural_style import stylize
from neural_style.torch7 import image
from tools.judge_network import JUDGED_STYLE, Judge, load
from tools.judge_presets import sheet

STYLE_WEIGHT = 100.0
WIDTH = 200  # of a picture on the contact sheet
QUICK = {'init': 'image', 'padding': 'replicate', 'fourier_decay': 0.35, 'lbfgs_max_step': 5.0}


class TimeIsUp(Exception):
    """Ends a run.  picture: (3, H, W), RGB."""

    def __init__(self, picture: Tensor, evaluations: int):
        super().__init__()
        self.picture = picture
        self.evaluations = evaluations


def painted(
    network: nn.Sequential, pair: list[Tensor], statistic: str, seconds: float
) -> tuple[Tensor, int]:
    """Return what is painted within the seconds of the processor, and after how many evaluations.

    statistic: that of `style_statistic`, and perhaps = and the style weight.
    """
    name, _, weight = statistic.partition('=')
    start = time.process_time()

    def end_in_time(iterate):
        if time.process_time() - start >= seconds:
            raise TimeIsUp(iterate.image, iterate.iteration)

    settings = QUICK | {'style_statistic': name, 'style_weight': float(weight or STYLE_WEIGHT)}
    try:
        stylize(network, *pair[:1], pair[1:], num_iterations=1e6, callback=end_in_time, **settings)
    except TimeIsUp as end:
        return end.picture, end.evaluations
    raise AssertionError('the run ends in time')


def paint(
    path: Path, network: nn.Sequential, pair: list[Tensor], statistic: str, seconds: float
) -> int:
    """Paint a picture, unless its file exists; return the number of evaluations."""
    if path.exists():
        return int(Image.open(path).info['evaluations'])
    picture, evaluations = painted(network, pair, statistic, seconds)
    image.save(path, picture)
    info = PngImagePlugin.PngInfo()
    info.add_text('evaluations', str(evaluations))
    Image.open(path).save(path, pnginfo=info)
    return evaluations


def row(judge: Judge, name: str, path: Path, evaluations: int) -> None:
    picture = image.load(path)
    layers = judge.style_distances(picture)
    content, style = judge.distances(picture)
    cells = [f'{layers[layer]:.3f}' for layer in JUDGED_STYLE] + [f'{style:.3f}', f'{content:.2f}']
    print(f'| {name} | {evaluations} | {" | ".join(cells)} |', flush=True)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    network, rows = load(args.network), []
    for pair_names in args.pairs:
        content, style = map(Path, pair_names.split(','))
        pair = [image.scale(image.load(path), args.size) for path in (content, style)]
        judge = Judge(network, *pair)
        print(f'\n{content.stem} as {style.stem}\n')
        print(f'| statistic | evaluations | {" | ".join(JUDGED_STYLE)} | mean | content |')
        print('|---|---|' + '---|' * (len(JUDGED_STYLE) + 2))
        pictures = [Image.open(path).convert('RGB') for path in (content, style)]
        for statistic in args.statistics:
            stem = f'{content.stem}_{style.stem}_{statistic.replace(":", "")}'
            path = args.output / f'{stem}.png'
            row(judge, statistic, path, paint(path, network, pair, statistic, args.seconds))
            pictures.append(Image.open(path).convert('RGB'))
        rows.append(pictures)
        if args.sheet:
            sheet(rows, args.sheet, WIDTH)
    return 0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--network', type=Path, required=True, help='caffemodel of VGG')
    parser.add_argument('--statistics', nargs='+', required=True, help='STATISTIC[=WEIGHT]')
    parser.add_argument('--pairs', nargs='+', required=True, help='CONTENT,STYLE')
    parser.add_argument('--seconds', type=float, default=20)
    parser.add_argument('--size', type=int, default=160)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--sheet', type=Path)
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
