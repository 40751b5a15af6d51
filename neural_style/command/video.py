"""Videos: a clip is painted frame by frame, and what an interrupted run has left is continued."""

import os
from collections.abc import Mapping
from dataclasses import replace

from neural_style.command import recipe as recipes
from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import CHANGEABLE_FLAGS, check_flags, check_inputs
from neural_style.command.claims import claimed_files
from neural_style.command.clips import check_clip, open_content, with_output_name
from neural_style.command.fast_video import FastVideoRun
from neural_style.command.input_files import InputChecksums
from neural_style.command.moving_regions import check_moving_regions
from neural_style.command.run import seed_generator
from neural_style.command.saving import resume_command
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import print_line, warn
from neural_style.command.video_flow import check_flow
from neural_style.command.video_output import finish
from neural_style.command.video_passes import MultiPassRun
from neural_style.command.video_run import VideoRun
from neural_style.command.video_scenes import ScenesRun
from neural_style.command.work_folder import WorkFolder, work_folder
from neural_style.distributed import World
from neural_style.torch7.cmdline import Value
from neural_style.video.clip import Clip
from neural_style.video.encoding import CODECS, unsupported_sound
from neural_style.video.opening import is_video

# Flags that may change when a video is continued.
CHANGEABLE = CHANGEABLE_FLAGS - {'num_iterations', 'output_image', 'original_colors', 'style_tint'}
CHANGEABLE = CHANGEABLE | {'video_crf'}


def run_video(arguments: Arguments, interruption: Interruption, world: World) -> None:
    """Paint a video, or go on with -resume."""
    resumed = arguments.resume
    arguments, folder, state = _begin(with_output_name(arguments), world)
    options = check_clip(arguments)
    with claimed_files(arguments, world):
        clip = open_content(arguments, options)
        check_moving_regions(arguments, clip)
        checksums = InputChecksums(arguments)
        if state is not None:
            check_inputs(arguments.with_values(resume=resumed), checksums.by_flag(), state['sums'])
        if world.rank == 0 and not arguments.dry_run:
            _announce(arguments, clip, folder)
        run = _run_type(arguments, world)(
            arguments, options, clip, folder, checksums, interruption, world
        )
        try:
            if not arguments.fast:
                check_flow(run)
            run.paint_all()
            if world.rank == 0:
                finish(run)
        except Interrupted as error:
            raise Interrupted(f'interrupted {run.how_to_continue()}', error.number) from error
        except (ValueError, OSError) as error:
            if not folder.records or arguments.dry_run:
                raise
            error_type = OSError if isinstance(error, OSError) else ValueError
            raise error_type(f'{error}; stopped {run.how_to_continue()}') from error


def with_devices(arguments: Arguments) -> Arguments:
    """Return the arguments with the devices of the video that is continued, if one is."""
    if not os.path.isdir(arguments.resume):
        return arguments
    try:
        settings = WorkFolder(arguments.resume).read()['settings']
    except ValueError:  # which the run will refuse
        return arguments
    names = {'gpu', 'parallel'} & settings.keys() - arguments.explicit
    return arguments.with_values(**{name: settings[name] for name in names})


def _run_type(arguments: Arguments, world: World) -> type[VideoRun]:
    if arguments.fast:
        return FastVideoRun
    if arguments.num_passes > 1:
        return MultiPassRun
    return ScenesRun if arguments.parallel == 'scenes' and world.size > 1 else VideoRun


def _begin(arguments: Arguments, world: World) -> tuple[Arguments, WorkFolder, dict | None]:
    """Return the arguments, those of an interrupted run where it is continued, and its frames."""
    path = arguments.resume or work_folder(arguments.output_image)
    folder = WorkFolder(os.path.normpath(path), world.rank)
    if arguments.dry_run or not (arguments.resume or folder.exists()):
        arguments = seed_generator(arguments)[1]
        seed = world.broadcast(arguments.generator_seed)  # one for all processes
        return replace(arguments, generator_seed=seed), folder, None
    state = folder.read()
    settings = dict(state['settings'])
    seed = settings.pop('generator_seed')
    if arguments.resume != '':
        check_flags(path, arguments, settings, CHANGEABLE)
        kept = {name: value for name, value in settings.items() if name not in arguments.explicit}
        arguments = arguments.with_values(**kept)
    elif not _is_same_run(settings, arguments):
        raise ValueError(
            f'-output_image {arguments.output_image}: {folder.path} has frames of a run with other'
            f' flags; go on with that: {resume_command(folder.path)}; or remove the folder'
        )
    arguments = arguments.with_values(resume='')
    return replace(arguments, generator_seed=seed), folder, state


def _is_same_run(settings: Mapping[str, Value], arguments: Arguments) -> bool:
    """Tell whether frames painted with some settings are those of a run."""
    names = ('content_image', 'flow_pattern', 'flowWeight_pattern')
    has_same_names = all(settings.get(name) == getattr(arguments, name) for name in names)
    return has_same_names and recipes.effective(settings) == recipes.effective(arguments.values)


def _announce(arguments: Arguments, clip: Clip, folder: WorkFolder) -> None:
    """Say what is painted, and what is lost."""
    count = 'frames' if clip.count is None else f'{clip.count} frames'
    done = f', {len(folder.records)} of them finished' if folder.records else ''
    print_line(f'{clip.path} -> {arguments.output_image}: {count}{done}')
    is_encoded = os.path.splitext(arguments.output_image)[1].lower() in CODECS
    if is_video(clip.path):
        lost = unsupported_sound(clip.path, arguments.output_image) if is_encoded else []
        if lost:
            warn(
                f'-output_image {arguments.output_image}: it cannot hold the sound'
                f' ({", ".join(lost)}), which is left out; a .mkv can'
            )
