"""The command: python -m tools.fast_painter."""

import argparse
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import loadcaffe
import tools.fast_painter
from neural_style.command.networks import embedded_network
from neural_style.fast.decoder import Decoder
from neural_style.fast.encoder import Encoder
from neural_style.fast.weights import load_weights, save_weights
from neural_style.train.photographs import Photographs, as_tensor, files_in, opened
from neural_style.transfer.preprocessing import preprocess
from tools.fast_painter.basis import principal_directions
from tools.fast_painter.pictures import Styles
from tools.fast_painter.training import Plan, Training, joined, train

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s', datefmt='%H:%M:%S')
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    cnn = loadcaffe.load(*embedded_network()).to(memory_format=torch.channels_last)
    photos = files_in(args.photos, args.without)
    styles = Styles(files_in(args.paintings, args.without), args.drawings)
    log.info('%d photographs, %d styles', len(photos), len(styles))
    checkpoint = args.output / 'checkpoint.pt'
    training = begin(args, cnn, photos, styles, checkpoint)
    if checkpoint.exists():
        training.load(checkpoint)
        if (args.output / 'styles.pt').exists():
            training.load_styles(args.output / 'styles.pt')
        log.info('continued from step %d', training.done)
    plan = Plan(rebuild_steps=args.rebuild_steps, batch=args.batch, side=args.side, rate=args.rate)
    plan = replace(plan, weights=replace(plan.weights, style=args.style_weight))
    samples = Samples(args, training.encoder)
    train(training, plan, args.output, args.steps, samples)
    save_weights(args.output / 'fast.safetensors', training.encoder, training.averaged())
    return 0


def begin(
    args: argparse.Namespace,
    cnn: nn.Sequential,
    photos: list[Path],
    styles: Styles,
    checkpoint: Path,
) -> Training:
    """Return a training that has not begun, with the basis of the checkpoint if there is one."""
    if checkpoint.exists():
        basis = torch.load(checkpoint, weights_only=True)['basis']
        decoder = Decoder()
    elif args.weights is not None:
        loaded, decoder = load_weights(args.weights)
        basis = dict(loaded.basis)
    else:
        pictures = basis_pictures(photos, styles, args.basis_pairs)
        basis, deviations = principal_directions(cnn, pictures)
        decoder = Decoder(deviations)
    encoder = Encoder(cnn, basis).requires_grad_(False).eval()
    decoder = decoder.to(memory_format=torch.channels_last)
    return Training(encoder, decoder, Photographs(photos), styles)


def basis_pictures(photos: list[Path], styles: Styles, pairs: int) -> Iterator[Tensor]:
    """Yield photographs and styles, preprocessed, in turns."""
    rng = np.random.default_rng(0)
    for _ in range(pairs):
        photo = np.asarray(opened(photos[rng.integers(len(photos))], 256))
        for image in (as_tensor(photo), styles[int(rng.integers(len(styles)))]):
            yield preprocess(image[None]).contiguous(memory_format=torch.channels_last)


class Samples:
    """Paint some pairs of pictures as training goes on, on a sheet."""

    def __init__(self, args: argparse.Namespace, encoder: Encoder):
        self.folder, self.encoder = args.output, encoder
        self.contents = [load(path, 256) for path in args.sample_contents]
        self.style_images = [load(path, 256) for path in args.sample_styles]

    @torch.no_grad()
    def __call__(self, training: Training) -> None:
        if not self.contents:
            return
        decoder = training.averaged()
        styles = [self.encoder.style(preprocess(image)) for image in self.style_images]
        rows = []
        for content in self.contents:
            z = self.encoder(preprocess(content))
            row = [content]
            for style in styles:
                row.append(decoder(z['relu4_1'], z['relu3_1'], joined([style]))[0])
            rows.append(torch.cat(row, 3))
        header = torch.cat([torch.ones_like(self.contents[0]), *self.style_images], 3)
        sheet = torch.cat([header, *rows], 2)[0].clamp(0, 1).permute(1, 2, 0).mul(255).byte()
        Image.fromarray(sheet.numpy()).save(self.folder / f'sample_{training.done:06d}.jpg')


def load(path: Path, side: int) -> Tensor:
    """Read the middle of a picture: (1, 3, side, side), RGB."""
    pixels = np.asarray(opened(path, side))
    top, left = ((size - side) // 2 for size in pixels.shape[:2])
    return as_tensor(pixels[top : top + side, left : left + side])[None]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tools.fast_painter', description=tools.fast_painter.__doc__.split('\n')[0]
    )
    parser.add_argument('--photos', type=Path, nargs='+', required=True, help='folders')
    parser.add_argument('--paintings', type=Path, nargs='+', required=True, help='folders')
    parser.add_argument('--without', nargs='*', default=[], help='parts of names left out')
    parser.add_argument('--drawings', type=int, default=80, help='drawn pictures among the styles')
    parser.add_argument('--sample-contents', type=Path, nargs='*', default=[])
    parser.add_argument('--sample-styles', type=Path, nargs='*', default=[])
    parser.add_argument('--basis-pairs', type=int, default=60, help='of photograph and style')
    parser.add_argument('--weights', type=Path, help='fast.safetensors to begin with')
    parser.add_argument('--steps', type=int, default=20000)
    parser.add_argument('--rebuild-steps', type=int, default=500)
    parser.add_argument('--batch', type=int, default=2)
    parser.add_argument('--side', type=int, default=160, help='of crops, in pixels; at most 256')
    parser.add_argument('--rate', type=float, default=2e-3)
    parser.add_argument('--style-weight', type=float, default=5.0)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--output', type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
