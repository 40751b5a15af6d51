"""Make the pictures of inputs/: python tests/data/make_inputs.py FOLDER

Needs numpy, scipy and Pillow.

They are small copies, in many formats, of four drawings: a landscape by a lake, brush strokes in
two palettes, an ink painting.  The recordings in runs/ were made with these very files.
"""

import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

NIGHT = (
    (0.05, 0.1, 0.35),
    (0.15, 0.35, 0.7),
    (0.95, 0.85, 0.3),
    (0.85, 0.9, 0.8),
    (0.02, 0.05, 0.1),
)
DUSK = ((0.7, 0.25, 0.1), (0.95, 0.6, 0.2), (0.3, 0.2, 0.3), (0.1, 0.15, 0.3), (0.9, 0.8, 0.6))
RIDGES = ((0.42, (0.45, 0.5, 0.6)), (0.52, (0.3, 0.42, 0.35)), (0.62, (0.2, 0.33, 0.15)))
LAKE = 0.72  # where it begins, from the top


def noise(height, width, seed, octaves=6, gain=0.55):
    """Smooth noise with detail at several scales: (height, width), from 0 to 1."""
    rng, total, amplitude = np.random.default_rng(seed), np.zeros((height, width)), 1
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        grid = rng.standard_normal((cells + 2, cells + 2))
        y, x = np.meshgrid(
            np.linspace(0.5, cells + 0.5, height),
            np.linspace(0.5, cells + 0.5, width),
            indexing='ij',
        )
        total += amplitude * map_coordinates(grid, [y, x], order=3, mode='reflect')
        amplitude *= gain
    return (total - total.min()) / (total.max() - total.min())


def scene(height, width, seed=1):
    """Draw clouds, three ridges, seven houses, and their reflection in a lake."""
    y, x = np.mgrid[0:height, 0:width]
    y, x = y / height, x / width
    pixels = np.stack([0.35 + 0.4 * y, 0.55 + 0.3 * y, 0.9 - 0.1 * y], -1)
    clouds = noise(height, width, seed)
    cover = np.clip((clouds - 0.55) * 4, 0, 1)[..., None] * (y < 0.5)[..., None]
    pixels = pixels * (1 - cover) + cover
    for number, (base, color) in enumerate(RIDGES):
        ridge = base - 0.16 * noise(8, width, seed + 10 + number, 7)[4]
        texture = noise(height, width, seed + 20 + number, 8)[..., None]
        slope = (y > ridge[None])[..., None]
        pixels = np.where(slope, np.array(color) * (0.6 + 0.8 * texture), pixels)
    lake = (y > LAKE)[..., None]
    mirrored = np.clip((2 * LAKE * height - np.arange(height)).astype(int), 0, height - 1)
    ripples = noise(height, width * 1, seed + 40, 8)[..., None]
    water = pixels[mirrored] * 0.7 + np.array([0.02, 0.1, 0.15]) + 0.08 * (ripples - 0.5)
    pixels = np.where(lake, water, pixels)
    for number in range(7):
        draw_house(pixels, y, x, number)
    return pixels


def draw_house(pixels, y, x, number):
    height = len(pixels)
    center, size, eaves = 0.08 + 0.13 * number, 0.05, 0.6 - 0.02 * (number % 3)
    top = 0.54 - 0.02 * (number % 3)
    body = (abs(x - center) < size * 0.5) & (y > eaves) & (y < LAKE)
    roof = (abs(x - center) < (y - top) * 0.6) & (y < eaves) & (y > top)
    pixels[body] = [
        0.85 - 0.1 * (number % 3),
        0.75 - 0.08 * (number % 2),
        0.55 + 0.06 * (number % 4),
    ]
    pixels[roof] = [0.6, 0.2 + 0.05 * (number % 3), 0.12]
    windows = body & (((x - center) * height % 8) < 2) & ((y * height % 10) < 4)
    pixels[windows] = [0.15, 0.15, 0.2]


def strokes(height, width, seed=2, palette=NIGHT):
    """Draw swirling strokes in a palette: white noise smeared along a field of angles."""
    angle = noise(height, width, seed, 4) * 6 * np.pi
    grain = np.random.default_rng(seed).standard_normal((height, width))
    y, x = np.mgrid[0:height, 0:width].astype(float)
    relief = np.zeros((height, width))
    for t in np.linspace(-8, 8, 17):
        path = [y + t * np.sin(angle), x + t * np.cos(angle)]
        relief += map_coordinates(grain, path, order=1, mode='reflect')
    relief = gaussian_filter(relief, 0.6)
    relief = (relief - relief.min()) / (relief.max() - relief.min())
    value = np.clip(0.65 * noise(height, width, seed + 1, 4) + 0.35 * relief, 0, 1)
    value = value * (len(palette) - 1)
    colors = np.array(palette)
    index = np.clip(value.astype(int), 0, len(palette) - 2)
    part = (value - index)[..., None]
    pixels = colors[index] * (1 - part) + colors[index + 1] * part
    return pixels * (0.75 + 0.5 * relief[..., None])


def ink(height, width, seed=3):
    """Draw ridges in ink washes on paper, and a red seal."""
    pixels = np.array([0.95, 0.93, 0.88]) * (1 - 0.06 * noise(height, width, seed, 8)[..., None])
    y = np.mgrid[0:height, 0:width][0] / height
    for number in range(4):
        ridge = 0.3 + 0.16 * number - 0.22 * noise(8, width, seed + number + 1, 6)[4]
        depth = y - ridge[None]
        wash = np.where(depth > 0, np.exp(-depth * (9 - 1.2 * number)), 0) * (0.25 + 0.14 * number)
        texture = noise(height, width, seed + 30 + number, 8)
        edge = np.exp(-((depth * height / 1.4) ** 2)) * (0.5 + 0.12 * number)
        cover = np.clip(wash * (0.4 + 1.1 * texture) + edge * texture, 0, 0.93)
        pixels = pixels * (1 - cover[..., None])
    rows, columns = (
        slice(int(0.82 * height), int(0.9 * height)),
        slice(int(0.88 * width), int(0.94 * width)),
    )
    pixels[rows, columns] = [0.72, 0.12, 0.1]
    return pixels


def to_image(pixels):
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def thumbnail(image, side):
    image = image.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def write_16_bit_png(image, path):
    """Write RGB with 16 bits a channel, which Pillow cannot."""
    pixels = np.asarray(image).astype(np.uint16) * 257
    pixels[:, :, 1] ^= 0x0055
    height, width, _ = pixels.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in pixels)

    def chunk(name, data):
        checksum = zlib.crc32(name + data) & 0xFFFFFFFF
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', checksum)

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 16, 2, 0, 0, 0))
    data = chunk(b'IDAT', zlib.compress(rows, 9)) + chunk(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + header + data)


def color_pictures(folder, landscape, brushwork):
    harbour = to_image(scene(450, 600, 5))
    thumbnail(landscape, 200).save(folder / 'scene.jpg', quality=92)
    thumbnail(brushwork, 180).save(folder / 'strokes.jpg', quality=92)
    thumbnail(to_image(ink(845, 650)), 160).save(folder / 'ink.jpg', quality=92)
    waves = thumbnail(to_image(strokes(850, 670, 7, DUSK)), 170)
    waves.save(folder / 'waves.jpg', quality=92, progressive=True)
    thumbnail(harbour, 150).save(folder / 'harbour.jpg', quality=90, subsampling=0)
    thumbnail(brushwork, 150).save(folder / 'strokes.png')
    thumbnail(landscape, 131).crop((0, 0, 131, 97)).save(folder / 'scene_odd.png')
    thumbnail(harbour, 120).save(folder / 'harbour.png')
    thumbnail(landscape, 64).save(folder / 'scene_64.png')
    shutil.copy(folder / 'scene_64.png', folder / 'png_named.jpg')
    thumbnail(landscape, 48).save(folder / 'scene_48.ppm')
    thumbnail(landscape, 64).save(folder / 'scene.bmp')
    landscape.resize((300, 225)).crop((0, 0, 224, 224)).save(folder / 'square.png')
    brushwork.crop((0, 0, 112, 112)).save(folder / 'square2.png')
    return thumbnail(harbour, 140)


def grey_pictures(folder):
    grey = (np.clip(ink(480, 312, 9).mean(-1), 0, 1) * 255).astype(np.uint8)
    grey = thumbnail(Image.fromarray(grey), 160)
    grey.save(folder / 'grey_gray.jpg', quality=92)
    grey.save(folder / 'grey_gray.png')
    grey.convert('1').save(folder / 'grey_1bit.png')
    ramp = np.arange(grey.size[0], dtype=np.uint16)[None] % 200
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257 + ramp)
    deep.save(folder / 'grey_gray16.png')


def special_pictures(folder, landscape, brushwork, harbour):
    width, height = harbour.size
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1)))
    transparent = harbour.copy()
    transparent.putalpha(ramp)
    transparent.save(folder / 'harbour_alpha.png')
    Image.merge('LA', (harbour.convert('L'), ramp)).save(folder / 'harbour_la.png')
    palette = harbour.convert('P', palette=Image.Palette.ADAPTIVE, colors=64)
    palette.save(folder / 'harbour_palette.png')
    harbour.convert('CMYK').save(folder / 'harbour_cmyk.jpg', quality=92)
    write_16_bit_png(thumbnail(brushwork, 60), folder / 'strokes_rgb16.png')
    (folder / 'not_an_image.png').write_text('this is not a png\n')
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    thumbnail(landscape, 120).save(folder / 'scene_exif6.jpg', quality=92, exif=exif)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    landscape, brushwork = to_image(scene(768, 1024)), to_image(strokes(500, 800))
    harbour = color_pictures(folder, landscape, brushwork)
    grey_pictures(folder)
    special_pictures(folder, landscape, brushwork, harbour)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
