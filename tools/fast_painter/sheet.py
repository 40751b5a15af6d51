"""Paint the sheet of docs/fast.md: python -m tools.fast_painter.sheet [FILE]"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from neural_style import load, scale
from neural_style.fast import Painter
from neural_style.torch7.image import to_bytes

INPUTS = Path(__file__).parents[2] / 'examples' / 'inputs'
CONTENTS, STYLES = ('harbour', 'horse'), ('swirls', 'waves', 'ink_landscape', 'qinglu')
SIZE, WIDTH, HEIGHT = 512, 280, 212  # of what is painted, and of a cell


def main(argv: list[str]) -> int:
    path = argv[0] if argv else 'docs/fast.jpg'
    painter = Painter()
    styles = {name: scale(load(INPUTS / f'{name}.jpg'), SIZE) for name in STYLES}
    rows: list[list[Tensor | None]] = [[None, *styles.values()]]
    for name in CONTENTS:
        content = scale(load(INPUTS / f'{name}.jpg'), SIZE)
        painted = [painter.paint(content, painter.style(style)) for style in styles.values()]
        rows.append([content, *painted])
    save_sheet(rows, path)
    return 0


def save_sheet(rows: list[list[Tensor | None]], path: str) -> None:
    """Save images (3, H, W) in rows; None leaves a cell empty."""
    sheet = Image.new('RGB', (WIDTH * len(rows[0]), HEIGHT * len(rows)), 'white')
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            if image is not None:
                cell = Image.fromarray(np.asarray(to_bytes(image)))
                cell.thumbnail((WIDTH - 4, HEIGHT - 4), Image.Resampling.LANCZOS)
                left = column * WIDTH + (WIDTH - cell.width) // 2
                sheet.paste(cell, (left, row * HEIGHT + (HEIGHT - cell.height) // 2))
    sheet.save(path, quality=85)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
