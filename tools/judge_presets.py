"""Paint pairs of pictures with presets, and measure white, saturation and texture.

    python -m tools.judge_presets --pairs CONTENT,STYLE[,PUBLISHED] ... --presets ink ... \\
        --networks embedded=neural_style/models/small_vgg16.caffemodel [--size 428] \\
        [--evaluations 101] --output FOLDER [--sheet SHEET.jpg] [--each]

Every pair is painted with every preset; with --each, the first pair with the first preset, the
second with the second, and so on.

Of the content, the style, a published result if one is named, and every picture painted:
  white       share of the pixels with a luma above 230 of 255: bare paper
  saturation  mean of HSV's S: 0 for black, grey and white
  flat        root mean square of what a Gaussian blur (2 pixels) takes away from the luma, in
              levels, where the content is flat: specks, screen-door texture
  blank       the same where the content is flat and white: what should stay bare paper
The content is flat where its luma, blurred by 1 pixel, has a standard deviation below 2.5 levels
in 9 x 9 pixels.  A network that lacks a preset's layers (the genuine VGG-19 to conv3_4) gets
content relu3_2 and style relu1_1, relu2_1 and relu3_1.  Pictures that are in the folder already
are measured and not painted again.  Needs scipy.
"""

import argparse
import contextlib
import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter, uniform_filter

import loadcaffe
from neural_style.command import process

SHALLOW = [
    *('-content_layers', 'relu3_2'),
    *('-style_layers', 'relu1_1,relu2_1,relu3_1'),
]
WHITE = 230
WIDTH = 360  # of a picture on the contact sheet


def luma(picture: Image.Image) -> np.ndarray:
    """Return the luma of a picture: (H, W), 0 to 255."""
    return np.asarray(picture, float) @ (0.299, 0.587, 0.114)


def flat_areas(content: Image.Image) -> np.ndarray:
    """Return where the content has no structure: (H, W)."""
    smooth = gaussian_filter(luma(content), 1.0)
    variance = uniform_filter(smooth**2, 9) - uniform_filter(smooth, 9) ** 2
    return variance < 2.5**2


def measure(picture: Image.Image, content: Image.Image) -> tuple[float, ...]:
    """Measure white, saturation, flat and blank; the content is scaled to the picture."""
    content = content.resize(picture.size, Image.Resampling.LANCZOS)
    flat = flat_areas(content)
    y = luma(picture)
    fine = (y - gaussian_filter(y, 2.0)) ** 2
    saturation = np.asarray(picture.convert('HSV'), float)[..., 1].mean() / 255
    texture = [
        np.sqrt(fine[area].mean()) if area.any() else np.nan
        for area in (flat, flat & (luma(content) > WHITE))
    ]
    return float((y > WHITE).mean()), float(saturation), *map(float, texture)


def paint(
    preset: str, content: Path, style: Path, model: Path, out: Path, flags: list[str]
) -> None:
    """Run the command, unless its picture exists; discard what it prints."""
    if out.exists():
        return
    names = {
        str(layer.name) for layer in loadcaffe.load(str(model.with_suffix('.prototxt')), str(model))
    }
    layers = [] if 'relu4_2' in names else SHALLOW
    argv = ['-preset', preset, '-gpu', '-1', '-seed', '1', '-save_iter', '0', '-print_iter', '0']
    argv += ['-content_image', str(content), '-style_image', str(style), '-output_image', str(out)]
    argv += ['-proto_file', str(model.with_suffix('.prototxt')), '-model_file', str(model)]
    with contextlib.redirect_stdout(io.StringIO()):
        status = process.main(argv + layers + flags)
    if status:
        sys.exit(status)


def row(name: str, values: tuple[float, ...], seconds: float = 0.0) -> None:
    white, saturation, flat, blank = values
    took = f'{seconds:.0f} s' if seconds > 1 else ''
    print(
        f'| {name} | {100 * white:.1f} % | {saturation:.3f} | {flat:.2f} | {blank:.2f} | {took} |',
        flush=True,
    )


def sheet(rows: list[list[Image.Image]], path: Path, width: int = WIDTH) -> None:
    """Arrange the pictures of each pair in a row, each as large as fits into its cell."""
    cell = (width, width * 3 // 4)
    scaled = [[ImageOps.contain(p, cell, Image.Resampling.LANCZOS) for p in row] for row in rows]
    heights = [max(p.height for p in row) for row in scaled]
    columns = max(map(len, scaled))
    page = Image.new('RGB', (columns * (width + 4) - 4, sum(heights) + 4 * len(rows) - 4), 'white')
    top = 0
    for pictures, height in zip(scaled, heights, strict=True):
        for column, picture in enumerate(pictures):
            left = column * (width + 4) + (width - picture.width) // 2
            page.paste(picture, (left, top + (height - picture.height) // 2))
        top += height + 4
    page.save(path, quality=88)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--pairs', nargs='+', required=True, help='CONTENT,STYLE[,PUBLISHED]')
    parser.add_argument('--presets', nargs='+', required=True)
    parser.add_argument('--networks', nargs='+', required=True, help='NAME=CAFFEMODEL')
    parser.add_argument('--size', help="-image_size in the place of the preset's")
    parser.add_argument('--evaluations', help="-num_iterations in the place of the preset's")
    parser.add_argument('--output', type=Path, required=True)
    parser.add_argument('--sheet', type=Path)
    parser.add_argument('--each', action='store_true', help='a preset for each pair')
    args = parser.parse_args(argv)
    if args.each and len(args.presets) != len(args.pairs):
        parser.error('--each: give as many --presets as --pairs')
    args.output.mkdir(parents=True, exist_ok=True)
    flags = []
    for flag, value in (('-image_size', args.size), ('-num_iterations', args.evaluations)):
        flags += [flag, value] if value else []

    rows = []
    for number, pair in enumerate(args.pairs):
        content, style, *published = map(Path, pair.split(','))
        original = Image.open(content).convert('RGB')
        print(f'\n{content.stem} as {style.stem}\n')
        print('| picture | white | saturation | flat | blank | time |\n|---|---|---|---|---|---|')
        pictures = [original, Image.open(style).convert('RGB')]
        row('content', measure(original, original))
        row('style', measure(pictures[1], pictures[1]))
        for path in published:
            pictures.append(Image.open(path).convert('RGB'))
            row('published', measure(pictures[-1], original))
        for network in args.networks:
            name, _, model = network.partition('=')
            for preset in [args.presets[number]] if args.each else args.presets:
                out = args.output / f'{content.stem}_{style.stem}_{name}_{preset}.png'
                start = time.monotonic()
                paint(preset, content, style, Path(model), out, flags)
                pictures.append(Image.open(out).convert('RGB'))
                row(f'{preset}, {name}', measure(pictures[-1], original), time.monotonic() - start)
        rows.append(pictures)
    if args.sheet:
        sheet(rows, args.sheet)
    return 0


if __name__ == '__main__':
    sys.exit(main())
