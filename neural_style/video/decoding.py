"""Decoding of video files by PyAV."""

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from neural_style.errors import SettingError
from neural_style.video.clip import Clip, ClipFormat, Frame, Selection
from neural_style.video.libraries import pyav

logger = logging.getLogger(__name__)

BT709, UNSPECIFIED = 1, 2  # AVColorSpace
HD_LINES = 720  # from here on, a video that does not say its colour space has BT.709
HDR_TRANSFERS = {16: 'PQ', 18: 'HLG'}  # AVColorTransferCharacteristic


def open_video(path: str, selection: Selection) -> Clip:
    """Open a video file.  Raises SettingError for a file without pictures, or not a video."""
    with _opened(path) as container:
        stream = _video_stream(path, container)
        context = stream.codec_context
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        total = stream.frames or _duration(container, stream) * float(rate)
        transfer = int(context.color_trc)
        if transfer in HDR_TRANSFERS:
            logger.warning(
                '%s: its colours are HDR (%s), and are painted as they are stored: convert the'
                ' video to SDR first',
                path,
                HDR_TRANSFERS[transfer],
            )
        clip_format = ClipFormat(
            rate=Fraction(rate),
            time_base=Fraction(stream.time_base),
            colorspace=int(context.colorspace),
            color_range=int(context.color_range),
            primaries=int(context.color_primaries),
            transfer=transfer,
            pixel_aspect=Fraction(context.sample_aspect_ratio or 1),
        )
    count = selection.count(total, float(rate)) if total else None
    return Clip(path, clip_format, count, lambda: decode_video(path, selection))


def decode_video(path: str, selection: Selection) -> Iterator[Frame]:
    """Yield the selected frames.  What cannot be decoded is left out, with a warning."""
    av = pyav()
    number = position = damaged = 0
    with _opened(path) as container:
        stream = _video_stream(path, container)
        stream.thread_type = 'AUTO'
        first = (stream.start_time or 0) * stream.time_base
        if selection.start > 0:
            with contextlib.suppress(av.error.FFmpegError):  # then it is read from the beginning
                container.seek(int((first + selection.start) / stream.time_base), stream=stream)
        for decoded in _decoded(container, stream):
            if decoded is None:
                damaged += 1
                continue
            time = _time(decoded, position, stream) - first
            if selection.end is not None and time >= selection.end:
                break
            if time < selection.start:
                continue
            if position % selection.every == 0:
                number += 1
                yield Frame(number, time, pixels(decoded))
            position += 1
    if damaged:
        logger.warning('%s: %d damaged packets left out', path, damaged)


def video_comment(path: str) -> str | None:
    """Return the comment that a video file holds, None for none.  Raises ValueError, OSError."""
    av = pyav()
    try:
        with av.open(path) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: {_problem(error)}') from error
    return tags.get('comment')


def pixels(decoded: Any) -> np.ndarray:
    """Return a decoded frame as (H, W, 3), RGB, upright: uint8, or uint16 above 8 bits."""
    av = pyav()
    has_more_bits = any(component.bits > 8 for component in decoded.format.components)
    options = {'format': 'rgb48le' if has_more_bits else 'rgb24'}
    if not decoded.format.is_rgb and int(decoded.colorspace) == UNSPECIFIED:
        is_hd = decoded.height >= HD_LINES
        names = av.video.reformatter.Colorspace
        options['src_colorspace'] = names.ITU709 if is_hd else names.ITU601
    array = decoded.to_ndarray(**options)
    turns = round((decoded.rotation or 0) / 90)
    return np.ascontiguousarray(np.rot90(array, turns))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Any]:
    """Open a file; errors say what it is."""
    av = pyav()
    try:
        container = av.open(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'`content_image` {path}: no such file') from None
    except av.error.FFmpegError as error:
        raise SettingError('content_image', _problem(error), path) from error
    with container:
        yield container


def _problem(error: Any) -> str:
    return f'not a video that can be read ({error.strerror})'


def _video_stream(path: str, container: Any) -> Any:
    """Return the first stream of moving pictures; a cover is none."""
    attached = pyav().stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & attached]
    if not streams:
        held = 'is only sound' if container.streams.audio else 'are no pictures'
        raise SettingError('content_image', f'there {held} in this file', path)
    if streams[0].codec_context is None:
        raise SettingError('content_image', 'no decoder knows its codec; convert it to H.264', path)
    return streams[0]


def _duration(container: Any, stream: Any) -> float:
    """Return the seconds of a stream, as far as its file says; 0 if it does not."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield decoded frames, and None for a packet that cannot be decoded."""
    errors = pyav().error
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except errors.FFmpegError:  # the file ends in the middle of a packet
            yield None
            return
        try:
            yield from packet.decode()
        except errors.EOFError:
            return
        except errors.FFmpegError:
            yield None


def _time(decoded: Any, position: int, stream: Any) -> Fraction:
    """Return the seconds at which a frame is shown; counted where there is no time stamp."""
    if decoded.pts is None:
        rate = stream.average_rate or 25
        return Fraction(position) / Fraction(rate) + (stream.start_time or 0) * stream.time_base
    return decoded.pts * Fraction(decoded.time_base)
