"""What every picture shares: fractal noise, smooth curves, mixing of colours, saving.

Pictures are float arrays (H, W, 3), RGB in [0, 1].  They are drawn at twice their size (`SCALE`)
and reduced when saved, which smooths every edge.  Coordinates are in pixels of the saved size.
"""

import io

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

SCALE = 2


def resize(grid, height, width):
    """Enlarge or reduce a (h, w) array smoothly."""
    image = Image.fromarray(np.asarray(grid, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def noise(height, width, rng, cells=(4, 4), octaves=8, gain=0.5, ridged=False):
    """Fractal noise in [0, 1], mean near 0.5.

    cells: how many bumps of the coarsest octave fit the height and the width; gain: amplitude of
    an octave relative to the one before; ridged: fold every octave, for crests and valleys.
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows, columns = (max(2, round(n * 2**octave)) for n in cells)
        if rows > height or columns > width:
            break
        layer = resize(rng.standard_normal((rows + 1, columns + 1)), height, width)
        total += gain**octave * (1 - 1.6 * np.abs(layer) if ridged else layer)
    low, high = np.percentile(total, (0.5, 99.5))
    return np.clip((total - low) / (high - low), 0, 1)


def step(low, high, values):
    """Rise smoothly from 0 where values <= low to 1 where values >= high."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first, second, amount):
    """Blend two pictures or colours; amount 0 gives the first, 1 the second."""
    amount = np.asarray(amount, np.float32)
    if amount.ndim == 2:
        amount = amount[..., None]
    return np.asarray(first, np.float32) * (1 - amount) + np.asarray(second, np.float32) * amount


def gradient(values, stops):
    """Colour every value by interpolation in stops, a list of (value, (r, g, b))."""
    at = [stop for stop, _ in stops]
    channels = np.array([colour for _, colour in stops])
    return np.stack([np.interp(values, at, channels[:, c]) for c in range(3)], -1)


def curve(points, count):
    """`count` points along the smooth curve through points, evenly spaced in its parameter.

    points: (N, D); any number of coordinates, of which the first two set the parameter.
    """
    points = np.asarray(points, float)
    length = np.hypot(*np.diff(points[:, :2], axis=0).T) ** 0.6 + 1e-6
    at = np.concatenate([[0], np.cumsum(length)])
    return CubicSpline(at, points)(np.linspace(0, at[-1], count))


def grid(height, width):
    """Row and column of every pixel of the enlarged canvas, in pixels of the saved size."""
    y, x = np.mgrid[0 : height * SCALE, 0 : width * SCALE].astype(np.float32)
    return (y + 0.5) / SCALE, (x + 0.5) / SCALE


def brush(image):
    """Return a drawing pen that mixes translucent colours, in pixels of the saved size."""
    pen = ImageDraw.Draw(image, 'RGBA')

    def polygon(points, colour):
        pen.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=tuple(map(int, colour)))

    return polygon


def box(x0, y0, x1, y1):
    """Corners of a rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def tone(colour, factor, alpha=255):
    """Return a colour made lighter or darker."""
    return (*(int(min(255, c * factor)) for c in colour), alpha)


def to_image(picture):
    """Float picture to Pillow image."""
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def to_picture(image):
    """Pillow image to float picture."""
    return np.asarray(image.convert('RGB'), np.float32) / 255


def reduce(picture):
    """Reduce the enlarged canvas to the size that is saved."""
    image = to_image(picture)
    size = (image.width // SCALE, image.height // SCALE)
    return image.resize(size, Image.Resampling.LANCZOS)


def png(image):
    """Encode as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, 'PNG', optimize=True)
    return buffer.getvalue()


def jpeg(image, limit=295_000):
    """Encode as JPEG at the best quality that stays under limit bytes."""
    for quality in range(95, 30, -1):
        buffer = io.BytesIO()
        image.save(buffer, 'JPEG', quality=quality, optimize=True)
        if buffer.tell() < limit:
            return buffer.getvalue()
    raise ValueError(f'{image.size} picture does not fit {limit} bytes at quality 31')
