"""Rules of flags that change nothing of a video, or of a picture."""

from collections.abc import Callable

from neural_style.command.arguments import Arguments
from neural_style.command.clips import is_clip
from neural_style.command.video_flags import VIDEO_FLAGS
from neural_style.torch7.cmdline import split
from neural_style.video.opening import is_video
from neural_style.video.picture_files import is_animation

# A flag, the condition on which it has no effect, and the reason, with the remedy.
Rule = tuple[str, Callable[[Arguments], bool], str]


def video_rules() -> list[Rule]:
    """Return the rules of videos, and of pictures."""
    no_video = 'on a picture; name a video in -content_image'
    return [
        *((name, lambda a: not is_clip(a), no_video) for name in VIDEO_FLAGS),
        *(
            (name, lambda a: a.num_passes == 1 and is_clip(a), 'in one pass; add -num_passes')
            for name in ('use_temporalLoss_after', 'blendWeight')
        ),
        *(
            (name, lambda a: a.num_passes > 1 and is_clip(a), 'in several passes; omit it')
            for name in ('frame_iterations', 'flow_relative_indices')
        ),
        (
            'use_temporalLoss_after',
            lambda a: 1 < a.num_passes < a.use_temporalLoss_after and is_clip(a),
            'after the last of -num_passes; give a smaller number',
        ),
        (
            'temporal_weight',
            lambda a: 1 < a.num_passes < a.use_temporalLoss_after and is_clip(a),
            'in so few passes; give a -use_temporalLoss_after that is no larger than -num_passes',
        ),
        (
            'flowWeight_pattern',
            lambda a: a.flow_pattern == '' and is_clip(a),
            'on computed flow; name files in -flow_pattern',
        ),
        (
            'frame_rate',
            lambda a: is_clip(a) and (is_video(a.content_image) or is_animation(a.content_image)),
            'on a clip that has a rate of its own; omit it',
        ),
        (
            'init',
            lambda a: a.num_passes > 1 and is_clip(a) and len(split(a.init)) > 1,
            'beyond its first word in several passes, where frames start from themselves',
        ),
        ('save_iter', lambda a: is_clip(a), 'on a video, whose frames are saved in the end'),
    ]
