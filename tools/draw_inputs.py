"""Draw the project's own example pictures: python -m tools.draw_inputs [FOLDER]

Writes content and style pictures, and their regions, to FOLDER (examples/inputs unless given).
They are drawn from fixed seeds, so the same versions of numpy, scipy and Pillow always draw the
same pictures.
"""

import argparse
import sys
from pathlib import Path

from tools.drawing.canvas import jpeg, png
from tools.drawing.harbour import harbour
from tools.drawing.horse import horse
from tools.drawing.ink_horse import ink_horse
from tools.drawing.ink_landscape import ink_landscape
from tools.drawing.qinglu import qinglu
from tools.drawing.regions import harbour_regions, swirls_regions
from tools.drawing.swirls import swirls
from tools.drawing.waves import waves

PICTURES = {
    'harbour.jpg': harbour,
    'swirls.jpg': swirls,
    'ink_landscape.jpg': ink_landscape,
    'ink_horse.jpg': ink_horse,
    'waves.jpg': waves,
    'horse.jpg': horse,
    'qinglu.jpg': qinglu,
    'harbour_regions.png': harbour_regions,
    'swirls_regions.png': swirls_regions,
}


def main(argv):
    """Draw every picture, or only those named after the folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        'folder', nargs='?', type=Path, default=Path(__file__).parents[1] / 'examples' / 'inputs'
    )
    parser.add_argument('names', nargs='*', help=', '.join(PICTURES))
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(PICTURES):
        parser.error(f'no such pictures: {", ".join(sorted(unknown))}')
    folder = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.names or PICTURES:
        data = (png if name.endswith('.png') else jpeg)(PICTURES[name]())
        (folder / name).write_bytes(data)
        print(f'{folder / name}: {len(data) // 1000} kB')


if __name__ == '__main__':
    main(sys.argv[1:])
