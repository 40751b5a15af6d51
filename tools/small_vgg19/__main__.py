"""The command: python -m tools.small_vgg19."""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import torch

import tools.small_vgg19
from tools.small_vgg19.network import WIDTHS, SmallVGG
from tools.small_vgg19.photographs import Crops
from tools.small_vgg19.pool import Pool
from tools.small_vgg19.pretraining import pretrain
from tools.small_vgg19.teachers import VGG, SqueezeNet, Teachers
from tools.small_vgg19.training import BATCH, PRODUCTS, train
from tools.small_vgg19.writing import scale_filters, write

log = logging.getLogger(tools.small_vgg19.__name__)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    crops = Crops(args.pictures, args.without, rng)
    teachers = Teachers(
        VGG(args.vgg, max(WIDTHS)), SqueezeNet(args.squeezenet) if args.squeezenet else None
    )
    network = SmallVGG()
    teachers.check(network.widths)
    pool = Pool(teachers, rng, limit=args.pool)
    while len(pool.entries) < (pool.limit if args.steps else 8 * BATCH):
        pool.put(crops.draw())
    log.info('%d crops', len(pool.entries))
    if args.steps:
        images = [crops.draw() for _ in range(args.pool // 5)]
        pretrain(network, teachers, images, PRODUCTS, args.layer_steps)
    train(network, pool, crops, steps=args.steps, minutes=args.minutes, bfloat16=not args.fp32)
    scale_filters(network, [crops.draw() for _ in range(min(args.pool, 256))])
    write(network, args.output)
    return 0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tools.small_vgg19', description=tools.small_vgg19.__doc__.split('\n')[0]
    )
    parser.add_argument('--vgg', type=Path, required=True, help='caffemodel of a genuine VGG')
    parser.add_argument('--squeezenet', type=Path, help='its caffemodel, for the layers above')
    parser.add_argument('--pictures', type=Path, nargs='+', required=True, help='folders')
    parser.add_argument('--without', nargs='*', default=[], help='parts of names left out')
    parser.add_argument('--steps', type=int, default=3000, help='joint ones; 0: random weights')
    parser.add_argument('--layer_steps', type=int, default=250, help='before, of each layer')
    parser.add_argument('--pool', type=int, default=720, help='crops kept with their targets')
    parser.add_argument('--minutes', type=float, default=80.0, help='stop the joint steps then')
    parser.add_argument('--fp32', action='store_true', help='not bfloat16')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, default=Path('neural_style/models/small_vgg19'))
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
