"""Clips on the command line: which flags name one, and what they say about it."""

import functools
import math
import os
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.checks import STARTS, check_settings, check_writable
from neural_style.command.fast_checks import check_fast
from neural_style.command.images import load_image
from neural_style.command.saving import STDOUT_NAMES
from neural_style.torch7 import image
from neural_style.torch7.cmdline import split
from neural_style.transfer.color import luminance
from neural_style.video.animations import SUFFIXES
from neural_style.video.clip import Clip, Selection
from neural_style.video.encoding import CODECS, check_encoder
from neural_style.video.flow import FlowFinder, MotionFinder, find_motion
from neural_style.video.flow_files import motion_of_files
from neural_style.video.libraries import opencv, scipy_ndimage
from neural_style.video.opening import is_video, open_clip
from neural_style.video.picture_files import is_animation, is_pattern, numbered

LATER_STARTS = ('random', 'image', 'prev', 'prevWarped')
TIME = re.compile(r'[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}')  # hours, minutes or seconds
MAX_EVERY = 100_000  # FFmpeg's rates are quotients of 32-bit numbers
OUTPUTS = f'{", ".join((*CODECS, *SUFFIXES))}, or pictures: out_%04d.png'


@dataclass(frozen=True)
class ClipOptions:
    """What the flags of a video say.

    starts: what the first frame of a scene begins with, and the others.
    iterations: evaluations of these and those.  indices: frames before each one that it is compared
    with; none without a temporal loss.
    """

    selection: Selection
    rate: Fraction
    starts: tuple[str, str]
    iterations: tuple[float, float]
    indices: list[int]


def is_clip(arguments: Arguments) -> bool:
    """Tell whether a run paints a video."""
    if arguments.resume != '':
        return os.path.isdir(arguments.resume)
    content = arguments.content_image
    if is_video(content) or (is_pattern(content) and not os.path.exists(content)):
        return True
    if not is_clip_name(arguments.output_image):
        return False
    return os.path.isdir(content) or is_animation(content)


def is_clip_name(path: str) -> bool:
    """Tell whether an output is a video, an animation or numbered pictures."""
    return os.path.splitext(path)[1].lower() in (*CODECS, *SUFFIXES) or is_pattern(path)


def with_output_name(arguments: Arguments) -> Arguments:
    """Return the arguments of a clip with a name for the result where none is given."""
    if 'output_image' in arguments.explicit or arguments.resume != '':
        return arguments
    name = 'out_%04d.png' if is_pattern(arguments.content_image) else 'out.mp4'
    return arguments.with_values(output_image=name)


def check_clip(arguments: Arguments) -> ClipOptions:
    """Refuse bad flags before a frame is read; returns what they say."""
    _check_output(arguments)
    if arguments.checkpoint != '':
        raise ValueError(
            '-checkpoint: a video keeps its finished frames by itself, and -resume continues with'
            ' the next one; omit the flag'
        )
    if arguments.keep_alpha == 1:
        raise ValueError('-keep_alpha 1: videos have no transparency; omit it')
    if arguments.preview != 0:
        raise ValueError('-preview: shows pictures, not videos; omit it')
    if arguments.save_style != '':
        raise ValueError(
            f'-save_style {arguments.save_style}: not with a video; save the style in a run with a'
            ' single picture'
        )
    check_settings(arguments)
    check_fast(arguments)
    if arguments.fast and arguments.content_regions != '':
        raise ValueError(
            f'-content_regions {arguments.content_regions}: -fast paints regions of pictures, and'
            ' not of videos; omit one of them'
        )
    options = clip_options(arguments)
    has_flow = arguments.flow_pattern != '' and arguments.flowWeight_pattern != ''
    if not arguments.fast:
        scipy_ndimage()
        if not has_flow:
            opencv()
    return options


def check_scenes(arguments: Arguments) -> None:
    """Refuse -parallel scenes where there are none, before a process is started."""
    if arguments.parallel != 'scenes':
        return
    if not is_clip(arguments):
        raise ValueError('-parallel scenes: shares the scenes of a video; choose layers or tiles')
    if arguments.num_passes > 1:
        raise ValueError(
            '-parallel scenes: paints each frame once, and -num_passes several times; choose tiles'
        )


def _check_output(arguments: Arguments) -> None:
    path = arguments.output_image
    suffix = os.path.splitext(path)[1].lower()
    is_picture = is_pattern(path) and image.is_supported(path)
    if path in STDOUT_NAMES or not (is_picture or suffix in (*CODECS, *SUFFIXES)):
        raise ValueError(f'-output_image {path}: a video becomes a file: {OUTPUTS}')
    if os.path.realpath(path) == os.path.realpath(arguments.content_image):
        raise ValueError(f'-output_image {path}: this is the -content_image; name another')
    check_writable('-output_image', numbered(path, 1) if is_picture else path)
    if suffix in CODECS:
        check_encoder(path)


def clip_options(arguments: Arguments) -> ClipOptions:
    """Return what the flags of a video say.  Raises ValueError."""
    every, crf = arguments.every, arguments.video_crf
    if not (float(every).is_integer() and 1 <= every <= MAX_EVERY):
        raise ValueError(f'-every {every}: give a whole number from 1 to {MAX_EVERY}')
    if not 0 <= crf <= 51:
        raise ValueError(f'-video_crf {crf}: give a number from 0, the best, to 51')
    if not 0.001 <= arguments.frame_rate <= 1000:
        raise ValueError(f'-frame_rate {arguments.frame_rate}: give a number from 0.001 to 1000')
    if not math.isfinite(arguments.temporal_weight):
        raise ValueError(f'-temporal_weight {arguments.temporal_weight}: give a finite number')
    for flag in ('num_passes', 'use_temporalLoss_after'):
        number = getattr(arguments, flag)
        if not (float(number).is_integer() and 1 <= number <= 1000):
            raise ValueError(f'-{flag} {number}: give a whole number from 1 to 1000')
    if not 0 <= arguments.blendWeight <= 1000:
        raise ValueError(f'-blendWeight {arguments.blendWeight}: give a number from 0 to 1000')
    first, later = arguments.num_iterations, arguments.frame_iterations
    if not (math.isfinite(first) and first >= 1):
        raise ValueError(f'-num_iterations {first}: a video needs a number from 1')
    if not (math.isfinite(later) and (later == 0 or later >= 1)):
        raise ValueError(f'-frame_iterations {later}: give a number from 1, or 0 for half as many')
    selection = Selection(
        parse_time('-start', arguments.start) or Fraction(0),
        parse_time('-end', arguments.end),
        int(every),
    )
    indices = parse_indices(arguments.flow_relative_indices)
    if arguments.num_passes > 1:
        indices = [1]
    return ClipOptions(
        selection,
        Fraction(arguments.frame_rate).limit_denominator(1001),
        parse_starts(arguments.init),
        (first, later or max(first // 2, 1)),
        indices if arguments.temporal_weight != 0 else [],
    )


def parse_time(flag: str, text: str) -> Fraction | None:
    """Return the seconds of a time such as 90, 1:30 or 0:01:30.5; None for an empty one."""
    if text == '':
        return None
    parts = text.split(':')
    if len(parts) > 3 or not all(TIME.fullmatch(part) for part in parts):
        raise ValueError(f'{flag} {text}: give seconds, or minutes and seconds: 1:30')
    *longer, seconds = map(Fraction, parts)
    for power, part in enumerate(reversed(longer), start=1):
        seconds += part * 60**power
    return seconds


def parse_indices(text: str) -> list[int]:
    """Return the numbers of -flow_relative_indices."""
    numbers = split(text)
    if not numbers or not all(re.fullmatch('[1-9][0-9]?|100', number) for number in numbers):
        raise ValueError(f'-flow_relative_indices {text}: give numbers from 1 to 100: 1,2,4')
    return sorted({int(number) for number in numbers})


def parse_starts(init: str) -> tuple[str, str]:
    """Return what the first frame of a scene begins with, and the others: random,prevWarped."""
    first, *others = split(init) or ['']
    later = others[0] if others else 'prevWarped'
    if first not in STARTS or later not in LATER_STARTS or len(others) > 1:
        raise ValueError(
            f'-init {init}: choose {", ".join(STARTS)} for the first frame of a scene, and'
            f' {", ".join(LATER_STARTS)} for the others: random,prevWarped'
        )
    return first, later


def open_content(arguments: Arguments, options: ClipOptions) -> Clip:
    """Open the clip that -content_image names."""
    read = functools.partial(_read_pixels, arguments)
    return open_clip(arguments.content_image, options.selection, options.rate, read)


def motion_finder(arguments: Arguments, find_flow: FlowFinder) -> MotionFinder:
    """Return what finds the motion between two frames: find_flow, or files of another program."""
    if arguments.flow_pattern == '':
        return functools.partial(find_motion, find_flow=find_flow)

    def read_weight(path: str) -> Tensor:
        return luminance(load_image('-flowWeight_pattern', path))

    patterns = (arguments.flow_pattern, arguments.flowWeight_pattern)
    return motion_of_files(*patterns, read_weight, find_flow)


def _read_pixels(arguments: Arguments, path: str) -> np.ndarray:
    """Read a picture of a folder or a pattern: (H, W, 3), uint16, of which 8 bits are a part."""
    picture = load_image(
        '-content_image',
        path,
        exif_orientation=arguments.exif_orientation,
        icc_profile=arguments.icc_profile,
    )
    return picture.mul(65535).round().permute(1, 2, 0).numpy().astype(np.uint16)
