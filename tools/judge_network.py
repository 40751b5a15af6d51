"""Judge networks as style networks, by the genuine VGG-16.

    python -m tools.judge_network --genuine VGG_ILSVRC_16_conv.caffemodel \
        --networks small=neural_style/models/small_vgg16.caffemodel \
        --pairs CONTENT,STYLE ... --output FOLDER

Every network paints every pair, from the content image or from the same noise, with equal
evaluations of L-BFGS, the command's default layers, and several style weights.  VGG-16 then says
how far each picture is from its style (relative distance of Gram matrices, the mean over the five
default style layers) and from its content (relative distance of relu4_2).  A larger style weight
trades one for the other, so networks are compared at the same distance to the content: there, the
ratio of the distances to the style, and the geometric mean of all ratios.
Pictures that are in the output folder already are judged and not painted again.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import loadcaffe
from neural_style import preprocess, stylize
from neural_style.torch7 import image

JUDGED_STYLE = ('relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1')
JUDGED_CONTENT = 'relu4_2'
STYLE_WEIGHTS = (20.0, 200.0, 2000.0)


class Judge:
    """Judge pictures of one pair by the genuine network."""

    def __init__(self, genuine: nn.Sequential, content: Tensor, style: Tensor):
        self.genuine = genuine
        self.content = self.features(content)[JUDGED_CONTENT]
        self.grams = self.gram_matrices(style)

    @torch.no_grad()
    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Return the features (C, H * W) of an image (3, H, W), RGB, by layer name."""
        features, x = {}, preprocess(picture).float()[None]
        for layer in self.genuine:
            x = layer(x)
            if layer.name in (*JUDGED_STYLE, JUDGED_CONTENT):
                features[layer.name] = x[0].flatten(1).clone()
        return features

    def gram_matrices(self, picture: Tensor) -> dict[str, Tensor]:
        features = self.features(picture)
        return {
            name: features[name] @ features[name].t() / features[name].shape[1]
            for name in JUDGED_STYLE
        }

    def distances(self, picture: Tensor) -> tuple[float, float]:
        """Return relative distances to the content and to the style (a mean over layers)."""
        content = (self.features(picture)[JUDGED_CONTENT] - self.content).norm()
        style = self.style_distances(picture)
        return float(content / self.content.norm()), sum(style.values()) / len(style)

    def style_distances(self, picture: Tensor) -> dict[str, float]:
        """Return relative distances to the style, by layer name."""
        grams = self.gram_matrices(picture)
        return {
            name: float((grams[name] - gram).norm() / gram.norm())
            for name, gram in self.grams.items()
        }


def painted(
    path: Path, network: nn.Sequential, pair: list[Tensor], weight: float, args: argparse.Namespace
) -> Tensor:
    """Return a network's picture, from its file if that exists: (3, H, W), RGB."""
    if not path.exists():
        start = time.monotonic()
        result = stylize(
            network,
            pair[0],
            [pair[1]],
            style_weight=weight,
            num_iterations=args.evaluations,
            init=args.init,
            seed=1,
        )
        image.save(path, result)
        print(f'  {path.name}: {time.monotonic() - start:.0f} s', flush=True)
    return image.load(path)


def ratios(genuine: list[tuple[float, float]], other: list[tuple[float, float]]) -> list[float]:
    """Compare two curves of (content, style) distances at equal distances to the content.

    Returns the ratios of the distances to the style, interpolated in logarithms, at the points of
    both curves where both curves reach.
    """
    curves = [np.log(sorted(curve)) for curve in (genuine, other)]
    points = np.concatenate([curve[:, 0] for curve in curves])
    points.sort()
    points = points[
        (points >= max(curve[0, 0] for curve in curves))
        & (points <= min(curve[-1, 0] for curve in curves))
    ]
    styles = [np.interp(points, *curve.T) for curve in curves]
    return np.exp(styles[1] - styles[0]).tolist()


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    files = {'genuine': args.genuine} | {
        name: Path(path) for name, path in (item.split('=') for item in args.networks)
    }
    networks = {name: load(path) for name, path in files.items()}
    results: dict[str, list[float]] = {name: [] for name in networks if name != 'genuine'}
    for pair_names in args.pairs:
        content, style = (Path(name) for name in pair_names.split(','))
        curves = paint_curves(networks, content, style, args)
        for name, values in results.items():
            values += (pair_ratios := ratios(curves['genuine'], curves[name]))
            print(f'  {name} / genuine at equal content:', *(f'{r:.2f}' for r in pair_ratios))
    for name, values in results.items():
        mean = np.exp(np.mean(np.log(values)))
        print(f'{name} / genuine: {mean:.2f} in the geometric mean, {max(values):.2f} at worst')
    return 0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--genuine', type=Path, required=True, help='caffemodel of VGG-16')
    parser.add_argument('--networks', nargs='+', default=[], help='NAME=CAFFEMODEL')
    parser.add_argument('--pairs', nargs='+', required=True, help='CONTENT,STYLE')
    parser.add_argument('--weights', type=float, nargs='+', default=STYLE_WEIGHTS)
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--evaluations', type=int, default=100)
    parser.add_argument('--init', choices=('image', 'random'), default='image')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, required=True)
    return parser.parse_args(argv)


def load(caffemodel: Path) -> nn.Sequential:
    """Load a network with the prototxt beside it."""
    return loadcaffe.load(prototxt_of(caffemodel), caffemodel)


def prototxt_of(caffemodel: Path) -> Path:
    """Return the prototxt that has the caffemodel's name, or that and _deploy."""
    prototxt = caffemodel.with_suffix('.prototxt')
    if prototxt.exists():
        return prototxt
    return caffemodel.with_name(f'{caffemodel.stem}_deploy.prototxt')


def paint_curves(
    networks: dict[str, nn.Sequential], content: Path, style: Path, args: argparse.Namespace
) -> dict[str, list[tuple[float, float]]]:
    """Paint a pair with every network and weight; return (content, style) distances by network."""
    pair = [image.scale(image.load(path), args.size) for path in (content, style)]
    judge = Judge(networks['genuine'], *pair)
    print(f'{content.stem} as {style.stem}')
    print(f'  content itself: style {judge.distances(pair[0])[1]:.3f}')
    curves: dict[str, list[tuple[float, float]]] = {}
    for name, network in networks.items():
        for weight in args.weights:
            path = args.output / f'{content.stem}_{style.stem}_{name}_{weight:g}.png'
            picture = painted(path, network, pair, weight, args)
            distances = judge.distances(picture)
            curves.setdefault(name, []).append(distances)
            print(f'  {name} {weight:g}: content {distances[0]:.3f} style {distances[1]:.3f}')
    return curves


if __name__ == '__main__':
    sys.exit(main())
