"""Checks of -fast: what painting at once does not go with."""

import math

from neural_style.command.arguments import Arguments
from neural_style.command.networks import NETWORK
from neural_style.command.paths import split_paths
from neural_style.command.trained_styles import has_trained_style

# The flags that say something to the network that paints at once, and to what is around it.
HEEDED = {
    *('fast', 'fast_strength', 'content_image', 'style_image', 'style_blend_weights'),
    *('image_size', 'style_scale', 'style_size_by', 'output_image', 'gpu', 'backend', 'seed'),
    *('original_colors', 'color', 'style_tint', 'dry_run', 'rerun', 'preset'),
    *('jpeg_quality', 'exif_orientation', 'icc_profile', 'keep_alpha'),
    *(*NETWORK, 'resume'),
    *('start', 'end', 'every', 'frame_rate', 'video_crf'),
}
# Flags that need pictures of styles, which are not in a trained one.
REGIONS = {'content_regions', 'style_regions', 'region_weights'}


def check_fast(arguments: Arguments) -> None:
    """Refuse what painting at once cannot do.  Raises ValueError."""
    strength = arguments.fast_strength
    if not (isinstance(strength, int | float) and 0 <= strength <= 1 and math.isfinite(strength)):
        raise ValueError(f'-fast_strength {strength}: give a number from 0 to 1')
    if arguments.starts_at_once and not arguments.fast:
        check_start(arguments)
    if not arguments.fast:
        return
    painter, heeded = '-fast', HEEDED | REGIONS
    if has_trained_style(arguments):
        painter, heeded = 'a trained style', HEEDED
    for name in sorted(arguments.explicit - heeded):
        value = getattr(arguments, name)
        text = f'-{name}' if isinstance(value, bool) else f'-{name} {value}'
        if arguments.comes_from_preset(name):
            text = f'-preset {arguments.preset}: its {text}'
        raise ValueError(
            f'{text} means nothing to {painter}, which paints in one pass of a network of its own;'
            ' omit one of them'
        )
    for name in NETWORK:
        if name in arguments.typed and arguments.rerun == '':
            raise ValueError(f'-{name}: {painter} has a network of its own; omit one of them')
    if arguments.color in ('luminance', 'match'):
        raise ValueError(
            f'-color {arguments.color}: {painter} knows style and content; choose one of them'
        )


def check_start(arguments: Arguments) -> None:
    """Refuse to start from a picture painted at once in no style."""
    if not split_paths(arguments.style_image):
        preset, remedy = '', 'choose image or random'
        if arguments.comes_from_preset('init'):
            preset, remedy = f'-preset {arguments.preset}: its ', 'choose another, or -init image'
        raise ValueError(
            f'{preset}-init fast: needs a picture or a saved style in -style_image, and not'
            f' {arguments.style_image!r}; {remedy}'
        )
