"""Videos: every frame of a clip is painted, starting from the one before, then all are encoded."""

import os
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import PIL.Image
from torch import Tensor

from neural_style.command import recipe as recipes
from neural_style.command.arguments import Arguments
from neural_style.command.checkpoint import CHANGEABLE_FLAGS, check_flags, check_inputs
from neural_style.command.claims import claimed_files
from neural_style.command.clips import (
    ClipOptions,
    check_clip,
    motion_finder,
    open_content,
    with_output_name,
)
from neural_style.command.frame_report import FrameReport
from neural_style.command.frames import FramePainter
from neural_style.command.input_files import InputChecksums
from neural_style.command.run import seed_generator
from neural_style.command.saving import program
from neural_style.command.signals import Interrupted, Interruption
from neural_style.command.terminal import print_line, progress_bar, warn
from neural_style.command.work_folder import FrameRecord, WorkFolder, quantised, work_folder
from neural_style.distributed import World
from neural_style.torch7 import image
from neural_style.torch7.cmdline import Value
from neural_style.video.animations import SUFFIXES, write_animation
from neural_style.video.clip import Clip, Frame
from neural_style.video.continuity import Continuity, MotionTracker
from neural_style.video.encoding import CODECS, Sound, encode_video, unsupported_sound
from neural_style.video.flow import Motion, view
from neural_style.video.opening import is_video
from neural_style.video.picture_files import is_pattern, numbered

# Flags that may change when a video is continued.
CHANGEABLE = CHANGEABLE_FLAGS - {'num_iterations', 'output_image', 'original_colors', 'style_tint'}
CHANGEABLE = CHANGEABLE | {'video_crf'}


@dataclass(frozen=True)
class ScaledFrame:
    """A frame as it is painted: (3, H, W), RGB in [0, 1], and its motion from earlier ones."""

    frame: Frame
    image: Tensor
    motions: dict[int, Motion]


def run_video(arguments: Arguments, interruption: Interruption, world: World) -> None:
    """Paint a video, or go on with -resume."""
    resumed = arguments.resume
    arguments, folder, state = _begin(with_output_name(arguments))
    options = check_clip(arguments)
    with claimed_files(arguments, world):
        clip = open_content(arguments, options)
        checksums = InputChecksums(arguments)
        if state is not None:
            check_inputs(arguments.with_values(resume=resumed), checksums.by_flag(), state['sums'])
        if world.rank == 0 and not arguments.dry_run:
            _announce(arguments, clip, folder)
        run = VideoRun(arguments, options, clip, folder, checksums, interruption, world)
        try:
            run.paint_all()
            if world.rank == 0:
                run.finish()
        except Interrupted as error:
            raise Interrupted(f'interrupted {run.how_to_continue()}', error.number) from error
        except (ValueError, OSError) as error:
            if not folder.records or arguments.dry_run:
                raise
            error_type = OSError if isinstance(error, OSError) else ValueError
            raise error_type(f'{error}; stopped {run.how_to_continue()}') from error


def _begin(arguments: Arguments) -> tuple[Arguments, WorkFolder, dict | None]:
    """Return the arguments, those of an interrupted run where it is continued, and its frames."""
    path = arguments.resume or work_folder(arguments.output_image)
    folder = WorkFolder(os.path.normpath(path))
    if arguments.dry_run or not (arguments.resume or folder.exists()):
        return seed_generator(arguments)[1], folder, None
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
            f' flags; go on with that: {_resume_command(folder)}; or remove the folder'
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
    if is_video(clip.path):
        lost = unsupported_sound(clip.path, arguments.output_image) if _is_video(arguments) else []
        if lost:
            warn(
                f'-output_image {arguments.output_image}: it cannot hold the sound'
                f' ({", ".join(lost)}), which is left out; a .mkv can'
            )


class VideoRun:
    """A run over the frames of a clip."""

    def __init__(
        self,
        arguments: Arguments,
        options: ClipOptions,
        clip: Clip,
        folder: WorkFolder,
        checksums: InputChecksums,
        interruption: Interruption,
        world: World,
    ):
        self.arguments = arguments
        self.options = options
        self.clip = clip
        self.folder = folder
        self.checksums = checksums
        self.interruption = interruption
        self.world = world

    def paint_all(self) -> None:
        """Paint the frames that are not finished."""
        first, later = self.options.iterations
        count, done = self.clip.count, len(self.folder.records)
        left = 1 if count is None else max(count - done, 0)
        with progress_bar(later * left + (first - later) * (not done), self.world.rank > 0) as bar:
            report = FrameReport(self.arguments, self.interruption, self.world, bar, count)
            painter = FramePainter(self.arguments, self.options, self.world, report)
            continuity = Continuity(self.options.indices)
            for number in self._scene_so_far()[-max(self.options.indices, default=1) :]:
                continuity.add(self.folder.painted(number))
            for scaled in self._ahead():
                report.stop_if_interrupted()
                takeover = continuity.takeover(scaled.motions)
                if takeover.begins_scene and self.folder.records:
                    bar.total += first - later
                painted = painter.paint(scaled.image, takeover)
                continuity.add(quantised(painted))
                self._save(scaled, painted, painter.final(scaled.image, painted))
                report.finish(len(self.folder.records))
        if not self.folder.records:
            raise ValueError(f'-content_image {self.clip.path}: there is no frame to paint in it')

    def _scene_so_far(self) -> list[int]:
        """Return the numbers of the finished frames of the last scene."""
        numbers: list[int] = []
        for record in self.folder.records:
            numbers = [*([] if record.begins_scene else numbers), record.number]
        return numbers

    def _ahead(self) -> Iterator[ScaledFrame]:
        """Yield the frames to be painted; the next one is decoded while one is painted."""
        frames = self._scaled_frames()
        with ThreadPoolExecutor(1) as pool:
            upcoming = pool.submit(next, frames, None)
            while (scaled := upcoming.result()) is not None:
                upcoming = pool.submit(next, frames, None)
                yield scaled

    def _scaled_frames(self) -> Iterator[ScaledFrame]:
        tracker = MotionTracker(motion_finder(self.arguments), self.options.indices)
        finished = {record.number: record for record in self.folder.records}
        needed = {*self._scene_so_far()[-max(self.options.indices, default=1) :]}
        for frame in self.clip.frames():
            record = finished.get(frame.number)
            if record is not None and frame.number not in needed:
                continue
            scaled = image.scale(frame.image(), self.arguments.image_size)
            current = view(frame.number, scaled)
            if record is not None:
                tracker.skip(current, record.begins_scene)
                continue
            yield ScaledFrame(frame, scaled, tracker.follow(current))

    def _save(self, scaled: ScaledFrame, painted: Tensor, final: Tensor | None) -> None:
        frame = scaled.frame
        record = FrameRecord(frame.number, frame.time, begins_scene=not scaled.motions)
        if self.world.rank:
            self.folder.records.append(record)
            return
        if not self.folder.records:
            self.folder.begin(self.arguments, self.checksums.by_flag())
        self.folder.save(record, painted, final)
        if is_pattern(self.arguments.output_image):
            output = painted if final is None else final
            path = numbered(self.arguments.output_image, frame.number)
            image.save(path, output, self.arguments.jpeg_quality)

    def finish(self) -> None:
        """Make the video of the finished frames, and remove their folder."""
        output = self.arguments.output_image
        replaced = ''
        if not is_pattern(output):
            replaced = '; it replaced an earlier file' if os.path.exists(output) else ''
            path = self.folder.file('video' + os.path.splitext(output)[1])
            try:
                self._encode(path)
                os.replace(path, output)
            except OSError as error:
                reason = error.strerror or error
                raise OSError(f'{output}: cannot write the video: {reason}') from error
        self.folder.remove()
        warn(f'the video is in {os.path.abspath(output)}{replaced}')

    def _encode(self, path: str) -> None:
        arguments, clip = self.arguments, self.clip
        suffix = os.path.splitext(path)[1].lower()
        rate = clip.format.rate / self.options.selection.every
        if suffix in SUFFIXES:
            write_animation(path, self._pictures(), rate)
            return
        sound = None
        if is_video(clip.path):
            selection = self.options.selection
            sound = Sound(clip.path, selection.start, selection.end)
        encode_video(
            path,
            self._pictures(),
            replace(clip.format, rate=rate),
            crf=arguments.video_crf,
            sound=sound,
            comment=self._recipe(),
        )

    def _pictures(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        """Yield time and pixels of the finished frames."""
        for record in self.folder.records:
            if self.interruption.signal:
                raise Interrupted('interrupted', self.interruption.signal)
            with PIL.Image.open(self.folder.final(record.number)) as picture:
                yield record.time, np.asarray(picture.convert('RGB'))

    def _recipe(self) -> str | None:
        """Return the recipe that goes into a video made from a file."""
        recipe = recipes.record(self.arguments, self.checksums)
        is_from_file = os.path.isfile(self.arguments.content_image)
        if recipe is None or not is_from_file or self.arguments.flow_pattern != '':
            return None
        return recipe(int(self.options.iterations[0]))

    def how_to_continue(self) -> str:
        """Say how far the run is, and how to go on."""
        done = len(self.folder.records)
        if not done:
            return 'in the first frame; nothing to save'
        count = '' if self.clip.count is None else f' of {self.clip.count}'
        return f'after frame {done}{count}; continue with: {_resume_command(self.folder)}'


def _is_video(arguments: Arguments) -> bool:
    return os.path.splitext(arguments.output_image)[1].lower() in CODECS


def _resume_command(folder: WorkFolder) -> str:
    return shlex.join([*program(), '-resume', folder.path])
