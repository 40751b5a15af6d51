"""Judge networks as style networks, by the genuine VGG-19's first layers.

    python -m tools.judge_network --genuine VGG.caffemodel \
        --networks small=neural_style/models/small_vgg19.caffemodel random=RANDOM.caffemodel \
        --pairs CONTENT,STYLE ... --output FOLDER

Every network paints every pair, from the content image or from the same noise, with equal
evaluations of L-BFGS and at several style weights; `genuine` uses the layers up to relu3_2, the
others the command's default layers, or all the same.  The genuine network then says how far each
picture is from its style (relative distance of Gram matrices, summed over relu1_1, relu2_1,
relu3_1 and relu3_4) and from its content (relative distance of relu3_2).  A larger style weight
trades one for the other, so networks are compared at the same distance to the content: there, the
ratio of the distances to the style.
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

GENUINE_LAYERS = {'content_layers': 'relu3_2', 'style_layers': 'relu1_1,relu2_1,relu3_1'}
JUDGED_STYLE = ('relu1_1', 'relu2_1', 'relu3_1', 'relu3_4')
JUDGED_CONTENT = 'relu3_2'
STYLE_WEIGHTS = (10.0, 100.0, 1000.0)


class Judge:
    """Judge pictures of one pair by the genuine network."""

    def __init__(self, genuine: nn.Sequential, content: Tensor, style: Tensor):
        self.genuine = genuine
        self.content = self.features(content)[JUDGED_CONTENT]
        self.grams = self.gram_matrices(style)

    @torch.no_grad()
    def features(self, picture: Tensor) -> dict[str, Tensor]:
        """Return the features (C, H * W) of an image (3, H, W), RGB, by layer name."""
        found, x = {}, preprocess(picture).float()[None]
        for layer in self.genuine:
            x = layer(x)
            if layer.name in (*JUDGED_STYLE, JUDGED_CONTENT):
                found[layer.name] = x[0].flatten(1).clone()
        return found

    def gram_matrices(self, picture: Tensor) -> dict[str, Tensor]:
        features = self.features(picture)
        return {
            name: features[name] @ features[name].t() / features[name].shape[1]
            for name in JUDGED_STYLE
        }

    def distances(self, picture: Tensor) -> tuple[float, float]:
        """Return relative distances to the content and to the style (a sum over four layers)."""
        content = (self.features(picture)[JUDGED_CONTENT] - self.content).norm()
        grams = self.gram_matrices(picture)
        style = sum((grams[name] - gram).norm() / gram.norm() for name, gram in self.grams.items())
        return float(content / self.content.norm()), float(style)


def painted(path: Path, network: nn.Sequential, pair, weight: float, evaluations: int, settings):
    """Return a network's picture, from its file if that exists: (3, H, W), RGB."""
    if not path.exists():
        start = time.monotonic()
        result = stylize(
            network,
            pair[0],
            [pair[1]],
            style_weight=weight,
            num_iterations=evaluations,
            seed=1,
            **settings,
        )
        image.save(path, result)
        print(f'{path.name}: {time.monotonic() - start:.0f} s', flush=True)
    return image.load(path)


def at_content(curve: list[tuple[float, float]], content: float) -> float:
    """Interpolate the distance to the style on a curve of (content, style) distances.

    Interpolated in logarithms; nan outside the curve.
    """
    points = np.log(sorted(curve))
    return float(
        np.exp(np.interp(np.log(content), points[:, 0], points[:, 1], left=np.nan, right=np.nan))
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--genuine', type=Path, required=True, help='caffemodel up to conv3_4')
    parser.add_argument('--networks', nargs='+', default=[], help='NAME=CAFFEMODEL')
    parser.add_argument('--pairs', nargs='+', required=True, help='CONTENT,STYLE')
    parser.add_argument('--weights', type=float, nargs='+', default=STYLE_WEIGHTS)
    parser.add_argument('--genuine_weights', type=float, nargs='+', default=STYLE_WEIGHTS)
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--evaluations', type=int, default=200)
    parser.add_argument('--same_layers', action='store_true', help='those of genuine, for all')
    parser.add_argument('--init', choices=('image', 'random'), default='image')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, required=True)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)

    files = {'genuine': args.genuine} | {
        name: Path(path) for name, path in (item.split('=') for item in args.networks)
    }
    networks = {
        name: loadcaffe.load(path.with_suffix('.prototxt'), path) for name, path in files.items()
    }
    for pair_names in args.pairs:
        names = [Path(name) for name in pair_names.split(',')]
        pair = [image.scale(image.load(name), args.size) for name in names]
        judge = Judge(networks['genuine'], *pair)
        curves: dict[str, list[tuple[float, float]]] = {}
        print(f'{names[0].stem} as {names[1].stem}')
        print(f'  content itself: style {judge.distances(pair[0])[1]:.3f}')
        for name, network in networks.items():
            genuine = name == 'genuine'
            for weight in args.genuine_weights if genuine else args.weights:
                path = args.output / f'{names[0].stem}_{names[1].stem}_{name}_{weight:g}.png'
                settings = {'init': args.init}
                if genuine or args.same_layers:
                    settings |= GENUINE_LAYERS
                picture = painted(path, network, pair, weight, args.evaluations, settings)
                found = judge.distances(picture)
                curves.setdefault(name, []).append(found)
                print(f'  {name} {weight:g}: content {found[0]:.3f} style {found[1]:.3f}')
        report(curves)
    return 0


def report(curves: dict[str, list[tuple[float, float]]]) -> None:
    for content, style in curves['genuine']:
        for name, curve in curves.items():
            if name != 'genuine':
                other = at_content(curve, content)
                print(f'  at content {content:.3f}: {name} / genuine = {other / style:.2f}')


if __name__ == '__main__':
    sys.exit(main())
