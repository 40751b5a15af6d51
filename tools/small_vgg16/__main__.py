"""The command: python -m tools.small_vgg16."""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import torch

import loadcaffe
import tools.small_vgg16
from tools.small_vgg16.fitting import Genuine, fit
from tools.small_vgg16.network import SmallVGG, limited_to
from tools.small_vgg16.photographs import Crops
from tools.small_vgg16.writing import write


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    crops = Crops(args.pictures, args.without, np.random.default_rng(args.seed), args.side)
    images = [crops.draw()[None] for _ in range(args.crops)]
    vgg = convolutions(args.vgg)
    sizes = limited_to({name: len(weight) for name, (weight, _) in vgg.items()})
    network = SmallVGG(*sizes).requires_grad_(False)
    fit(
        network,
        vgg,
        images,
        positions=args.positions,
        held_out=max(1, len(images) // 10),
    )
    write(network, args.output)
    return 0


def convolutions(path: Path) -> Genuine:
    """Read VGG-16's convolutions, weight and bias by name ('1_1' is conv1_1)."""
    return {
        layer.name.removeprefix('conv'): (layer.blobs[0], layer.blobs[1].flatten())
        for layer in loadcaffe.read(path).layers
        if layer.type == 'Convolution'
    }


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tools.small_vgg16', description=tools.small_vgg16.__doc__.split('\n')[0]
    )
    parser.add_argument('--vgg', type=Path, required=True, help='caffemodel of VGG-16')
    parser.add_argument('--pictures', type=Path, nargs='+', required=True, help='folders')
    parser.add_argument('--without', nargs='*', default=[], help='parts of names left out')
    parser.add_argument('--crops', type=int, default=240)
    parser.add_argument('--side', type=int, default=144, help='of crops, in pixels')
    parser.add_argument('--positions', type=int, default=400, help='drawn from every crop')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, default=Path('neural_style/models/small_vgg16'))
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
