"""Measure the rim, the grid and the burnt pixels of painted pictures.

    python -m tools.measure_artefacts --content content.jpg out.png other.png

rim: the standard deviation of the differences of neighbours along the last row and column, divided
by that along inner rows and columns.  grid: the power of horizontal and vertical lines at a period,
divided by that of slanted lines at the same period, where the content is flat; 1 is no grid.
burnt: the share of values, of all channels, that are 0 or 255.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

PATCH = 64  # pixels
PERIODS = (2.3, 3, 4, 8, 16)  # pixels; shorter ones are not the same across and aslant
BANDWIDTH = 1.12  # a period is counted from 1 / this to this times itself
AXIAL, SLANTED = 8, 20  # degrees between a wave and the nearer axis: up to, and from
FLAT_SHARE = 0.25  # of the patches
INNER = 8  # rows or columns that are not counted as inner


def rim(luma: np.ndarray) -> tuple[float, float]:
    """Return how much rougher the last row, and the last column, is than inner ones."""
    return _last_row(luma), _last_row(luma.T)


def _last_row(luma: np.ndarray) -> float:
    roughness = np.diff(luma, axis=1).std(axis=1)
    return float(roughness[-1] / np.median(roughness[INNER:-INNER]))


def grid(luma: np.ndarray, content: np.ndarray) -> dict[float, float]:
    """Return the power of a grid, by its period, beside that of slanted lines.

    Both pictures are (H, W), of one size, PATCH pixels or more a side; the patches measured are
    those where the content is flattest.
    """
    window = np.hanning(PATCH + 1)[:-1]
    window = window[:, None] * window
    patches = flat_patches(luma, content)
    spectra = [np.abs(np.fft.fft2((patch - patch.mean()) * window)) ** 2 for patch in patches]
    power = np.mean(spectra, axis=0)
    across = np.abs(np.fft.fftfreq(PATCH))
    rows, columns = np.meshgrid(across, across, indexing='ij')
    frequency = np.hypot(rows, columns)
    angle = np.degrees(np.arctan2(np.minimum(rows, columns), np.maximum(rows, columns)))
    result = {}
    for period in PERIODS:
        ratio = frequency * period
        band = (ratio > 1 / BANDWIDTH) & (ratio < BANDWIDTH)
        axial, slanted = (power[band & which].mean() for which in (angle < AXIAL, angle > SLANTED))
        result[period] = float(axial / slanted)
    return result


def flat_patches(luma: np.ndarray, content: np.ndarray) -> list[np.ndarray]:
    """Return the patches of a picture where the content has the least variance."""
    step = PATCH // 4
    corners = [
        (slice(top, top + PATCH), slice(left, left + PATCH))
        for top in range(0, luma.shape[0] - PATCH + 1, step)
        for left in range(0, luma.shape[1] - PATCH + 1, step)
    ]
    corners.sort(key=lambda corner: content[corner].std())
    return [luma[corner] for corner in corners[: max(1, round(FLAT_SHARE * len(corners)))]]


def burnt(picture: np.ndarray) -> float:
    """Return the share of values that are 0 or 255."""
    return float(((picture == 0) | (picture == 255)).mean())


def read_luma(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Read a picture's luma, (H, W), scaled to (width, height)."""
    with Image.open(path) as picture:
        grey = picture.convert('L')
        return np.asarray(grey if size is None else grey.resize(size, Image.Resampling.BOX), float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('pictures', nargs='+', type=Path)
    parser.add_argument('--content', type=Path, required=True, help='what they were painted from')
    arguments = parser.parse_args()
    periods = ' | '.join(f'{period} px' for period in PERIODS)
    print(f'| picture | last row | last column | {periods} | burnt |')
    print('|---' * (4 + len(PERIODS)) + '|')
    for path in arguments.pictures:
        luma = read_luma(path)
        height, width = luma.shape
        powers = grid(luma, read_luma(arguments.content, (width, height)))
        with Image.open(path) as picture:
            share = burnt(np.asarray(picture.convert('RGB')))
        numbers = [*rim(luma), *powers.values()]
        print(
            f'| {path.name} |', ' | '.join(f'{x:.2f}' for x in numbers), f'| {100 * share:.2f} % |'
        )


if __name__ == '__main__':
    main()
