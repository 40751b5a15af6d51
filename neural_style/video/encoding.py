"""Encoding of video files by PyAV: H.264, or VP9 in a .webm, with the sound of the source."""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from neural_style.errors import SettingError
from neural_style.video.clip import ClipFormat
from neural_style.video.decoding import BT709, HD_LINES, UNSPECIFIED
from neural_style.video.libraries import pyav

logger = logging.getLogger(__name__)

CODECS = {
    **dict.fromkeys(('.mp4', '.m4v', '.mov', '.mkv'), 'libx264'),
    '.webm': 'libvpx-vp9',
}
# With AVX-512, x264 made other bytes of the same frames from time to time, unless it is told that
# results may not depend on the CPU.
ENCODER_OPTIONS = {
    'libx264': {'preset': 'medium', 'x264-params': 'cpu-independent=1'},
    'libvpx-vp9': {'b': '0'},
}
MAX_CRF = {'libx264': 51, 'libvpx-vp9': 63}
BT601, LIMITED, FULL = 6, 1, 2  # AVColorSpace SMPTE170M; AVColorRange
BT601_LIKE = {5, 6}  # BT470BG, SMPTE170M: one matrix


@dataclass(frozen=True)
class Sound:
    """The sound of a video file from start up to end, in seconds on its clock."""

    path: str
    start: Fraction = Fraction(0)
    end: Fraction | None = None


def check_encoder(path: str) -> None:
    """Refuse a video that could not be written in the end.  Raises SettingError."""
    av = pyav()
    codec = CODECS[_suffix(path)]
    try:
        av.Codec(codec, 'w')
    except av.error.FFmpegError:
        raise SettingError(
            'output_image', f'this PyAV has no {codec}; name numbered pictures, out_%04d.png', path
        ) from None


def unsupported_sound(path: str, output: str) -> list[str]:
    """Return the codecs of a video's sound that a file of an output's suffix cannot hold."""
    av = pyav()
    with av.open(path) as source:
        codecs = [stream.codec_context.name for stream in _sound_streams(source)]
    holder = av.open(os.devnull, 'w', format=_muxer(output))
    with holder:
        supported = holder.supported_codecs
    return [codec for codec in codecs if codec not in supported]


def encode_video(
    path: str,
    frames: Iterable[tuple[Fraction, np.ndarray]],
    clip_format: ClipFormat,
    *,
    crf: float = 17,
    sound: Sound | None = None,
    comment: str | None = None,
) -> None:
    """Write a video; times are those of the clip, and the first frame is shown at 0.

    frames: time and pixels, (H, W, 3), RGB, uint8.  An odd last row or column is repeated, for the
    codecs want even sides.  crf: quality, from 0, the best, to 51. Raises OSError.
    """
    try:
        _encode(path, frames, clip_format, crf, sound, comment)
    except pyav().error.FFmpegError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _encode(
    path: str,
    frames: Iterable[tuple[Fraction, np.ndarray]],
    clip_format: ClipFormat,
    crf: float,
    sound: Sound | None,
    comment: str | None,
) -> None:
    codec = CODECS[_suffix(path)]
    options = {'crf': str(round(crf * MAX_CRF[codec] / MAX_CRF['libx264']))}
    options |= ENCODER_OPTIONS[codec]
    name = _muxer(path)
    flags = {'movflags': '+faststart'} if name in ('mp4', 'mov') else {}
    with pyav().open(path, 'w', format=name, options=flags) as output:
        if comment is not None:
            output.metadata['comment'] = comment
        video = output.add_stream(codec, rate=clip_format.rate, options=options)
        track = _SoundTrack(output, sound)
        start: Fraction | None = None
        for time, pixels in frames:
            if start is None:
                start = time
                _configure(video, pixels, clip_format)
                track.begin(start)
            frame = _video_frame(_even(pixels), video, clip_format)
            frame.pts = round((time - start) / clip_format.time_base)
            frame.time_base = clip_format.time_base
            track.advance(time - start)
            output.mux(video.encode(frame))
        if start is not None:
            output.mux(video.encode(None))
            track.advance(None)
        track.close()


def _configure(video: Any, pixels: np.ndarray, clip_format: ClipFormat) -> None:
    """Set up the encoder for frames like these."""
    height, width = _even(pixels).shape[:2]
    context = video.codec_context
    video.width, video.height, video.pix_fmt = width, height, 'yuv420p'
    context.time_base = clip_format.time_base
    context.sample_aspect_ratio = clip_format.pixel_aspect
    context.colorspace = _colorspace(clip_format, height)
    context.color_range = FULL if clip_format.color_range == FULL else LIMITED
    context.color_primaries = clip_format.primaries
    context.color_trc = clip_format.transfer


def _colorspace(clip_format: ClipFormat, height: int) -> int:
    """Return the source's colour space, or that which players take for an unmarked video."""
    if clip_format.colorspace in {BT709, *BT601_LIKE}:
        return clip_format.colorspace
    return BT709 if clip_format.colorspace == UNSPECIFIED and height >= HD_LINES else BT601


def _video_frame(pixels: np.ndarray, video: Any, clip_format: ClipFormat) -> Any:
    av = pyav()
    context = video.codec_context
    names = av.video.reformatter
    is_709 = int(context.colorspace) == BT709
    frame = av.VideoFrame.from_ndarray(pixels, format='rgb24').reformat(
        format='yuv420p',
        dst_colorspace=names.Colorspace.ITU709 if is_709 else names.Colorspace.ITU601,
        dst_color_range=names.ColorRange(int(context.color_range)),
        interpolation=names.Interpolation.BICUBIC | names.Interpolation.ACCURATE_RND,
    )
    frame.colorspace, frame.color_range = context.colorspace, context.color_range
    return frame


def _even(pixels: np.ndarray) -> np.ndarray:
    """Repeat the last row and column of odd sides."""
    height, width = pixels.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return pixels
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), 'edge')


class _SoundTrack:
    """Copies the packets of a video's sound into another, beside its frames."""

    def __init__(self, output: Any, sound: Sound | None):
        self._output = output
        self._sound = sound
        self._source = None if sound is None else pyav().open(sound.path)
        self._streams: dict[int, Any] = {}
        if self._source is not None:
            supported = output.supported_codecs
            for stream in _sound_streams(self._source):
                if stream.codec_context.name in supported:
                    self._streams[stream.index] = output.add_stream_from_template(stream)
        self._packets: Iterator[tuple[Fraction, Any]] = iter(())
        self._pending: tuple[Fraction, Any] | None = None

    def begin(self, start: Fraction) -> None:
        """Let the sound begin with the frame at a time of the source."""
        if self._source is not None and self._streams:
            self._packets = self._shifted(start)
            self._pending = next(self._packets, None)

    def advance(self, time: Fraction | None) -> None:
        """Copy the packets up to a time of the new video; None copies all."""
        while self._pending is not None and (time is None or self._pending[0] <= time):
            self._output.mux(self._pending[1])
            self._pending = next(self._packets, None)

    def close(self) -> None:
        if self._source is not None:
            self._source.close()

    def _shifted(self, start: Fraction) -> Iterator[tuple[Fraction, Any]]:
        """Yield the packets of the time that is painted, with their new times."""
        assert self._source is not None and self._sound is not None
        video = self._source.streams.video[0]
        origin = (video.start_time or 0) * Fraction(video.time_base)
        end = self._sound.end
        streams = [s for s in self._source.streams.audio if s.index in self._streams]
        for packet in self._source.demux(streams):
            if packet.dts is None:
                continue
            time = packet.dts * Fraction(packet.time_base) - origin
            if time < start or (end is not None and time >= end):
                continue
            shift = round((start + origin) / Fraction(packet.time_base))
            packet.dts -= shift
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = self._streams[packet.stream.index]
            yield time - start, packet


def _sound_streams(container: Any) -> list[Any]:
    return [s for s in container.streams.audio if s.codec_context is not None]


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _muxer(path: str) -> str:
    """Return FFmpeg's name of the format of a suffix."""
    names = {'.mkv': 'matroska', '.m4v': 'mp4'}
    suffix = _suffix(path)
    return names.get(suffix, suffix.removeprefix('.'))
