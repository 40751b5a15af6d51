"""Paint the sheet of docs/train.md: python -m tools.trained_sheet [FILE]"""

import sys

from torch import Tensor

from neural_style import load, scale
from neural_style.command.trained_styles import shipped_styles
from neural_style.fast.trained import TrainedPainter, TrainedStyle
from tools.fast_painter.sheet import CONTENTS, INPUTS, SIZE, save_sheet


def main(argv: list[str]) -> int:
    path = argv[0] if argv else 'docs/train.jpg'
    styles = shipped_styles()
    painters = [TrainedPainter(TrainedStyle.load(style)) for style in styles.values()]
    rows: list[list[Tensor | None]] = [
        [None, *(scale(load(INPUTS / f'{name}.jpg'), SIZE) for name in styles)]
    ]
    for name in CONTENTS:
        content = scale(load(INPUTS / f'{name}.jpg'), SIZE)
        rows.append([content, *(painter.paint(content) for painter in painters)])
    save_sheet(rows, path)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
