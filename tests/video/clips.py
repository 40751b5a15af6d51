"""Short clips for the tests: moving squares, tones, and files patched by hand."""

from fractions import Fraction

import numpy as np

from neural_style.video.clip import ClipFormat
from neural_style.video.encoding import encode_video


def picture(number, height=48, width=64):
    """Draw a red picture, half of it orange, with a light square that moves by 3 pixels."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = 200
    pixels[:, : width // 2, 1] = 150
    pixels[10:20, 5 + 3 * number : 15 + 3 * number] = 255
    return pixels


def frames(count, rate=25, height=48, width=64):
    return [(Fraction(i, rate), picture(i, height, width)) for i in range(count)]


def write_clip(path, count=5, rate=25, height=48, width=64, **options):
    encode_video(
        str(path), frames(count, rate, height, width), ClipFormat(Fraction(rate)), crf=5, **options
    )
    return path


def write_sound(path, av, seconds=1, pictures=0):
    """Write a tone of AAC, beside some black frames of MPEG-4 at 10 Hz."""
    with av.open(str(path), 'w') as output:
        video = None
        if pictures:
            video = output.add_stream('mpeg4', rate=10)
            video.width, video.height, video.pix_fmt = 32, 32, 'yuv420p'
        sound = output.add_stream('aac', rate=16000, layout='mono')
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(video.encode(frame))
        wave = np.sin(np.arange(16000 * seconds) / 8).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format='fltp', layout='mono')
        frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
        output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
        if video is not None:
            output.mux(video.encode(None))
    return path


def turn(path):
    """Mark the picture of an MP4 as turned by 90 degrees clockwise."""
    content = bytearray(path.read_bytes())
    start = content.index(b'tkhd') + 4 + 40  # version 0: the matrix
    matrix = (0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    content[start : start + 36] = b''.join(x.to_bytes(4, 'big', signed=True) for x in matrix)
    path.write_bytes(content)


def last_sound(path, av):
    """Return the seconds at which the sound of a file begins and ends, and its codec."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        times = [float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None]
        return times[0], times[-1], stream.codec_context.name
