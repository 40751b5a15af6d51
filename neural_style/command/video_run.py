"""The run over a video: every frame is painted, starting from the one before."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.clips import ClipOptions, motion_finder
from neural_style.command.frame_report import FrameReport
from neural_style.command.frames import FramePainter
from neural_style.command.input_files import InputChecksums
from neural_style.command.saving import resume_command
from neural_style.command.signals import Interruption
from neural_style.command.terminal import progress_bar
from neural_style.command.work_folder import FrameRecord, WorkFolder, quantised
from neural_style.distributed import World
from neural_style.torch7 import image
from neural_style.video.clip import Clip, Frame
from neural_style.video.continuity import Continuity, MotionTracker, Takeover
from neural_style.video.flow import Motion, view
from neural_style.video.flow_cache import FlowCache
from neural_style.video.picture_files import is_pattern, numbered


@dataclass(frozen=True)
class ScaledFrame:
    """A frame as it is painted: (3, H, W), RGB in [0, 1], and its motion from earlier ones.

    is_finished: it has been painted already; later ones are compared with it.
    """

    frame: Frame
    image: Tensor
    motions: dict[int, Motion] = field(default_factory=dict)
    is_finished: bool = False


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
        writes = world.rank == 0 and not arguments.dry_run
        self.use_flows(FlowCache(folder.path, writes=writes))

    def use_flows(self, flows: FlowCache) -> None:
        """Take computed flows from a cache."""
        self.flows = flows
        self.find_motion = motion_finder(self.arguments, flows.flow)

    def paint_all(self) -> None:
        """Paint what is not finished."""
        first, later = self.options.iterations
        count = self.count()
        left = 1 if count is None else max(count - len(self.folder.records), 0)
        with progress_bar(later * left, self.world.rank > 0) as bar:
            report = FrameReport(self.arguments, self.interruption, self.world, bar, count)
            painter = FramePainter(self.arguments, self.options, self.world, report)
            continuity = Continuity(self.options.indices)
            for scaled in self.ahead():
                frame = scaled.frame
                if scaled.is_finished:
                    continuity.add(self.folder.painted(frame.number))
                    continue
                report.stop_if_interrupted()
                takeover = continuity.takeover(scaled.motions)
                if takeover.begins_scene:
                    bar.total += first - later
                painted = self._paint(painter, scaled, takeover)
                continuity.add(quantised(painted))
                record = FrameRecord(frame.number, frame.time, takeover.begins_scene)
                self.save(record, painted, painter.final(scaled.image, painted))
                report.finish(len(self.folder.records))
        if not self.folder.records:
            raise self.no_frame()

    def count(self) -> int | None:
        """Return how many frames there will be, as far as it is known."""
        return self.clip.count

    def no_frame(self) -> ValueError:
        """Return the error of a clip in which nothing is to be painted."""
        times = [(flag, getattr(self.arguments, flag)) for flag in ('start', 'end')]
        limits = ' and '.join(f'-{flag} {time}' for flag, time in times if time)
        part = f' in the part of {limits}; give other times' if limits else ' to paint in it'
        return ValueError(f'-content_image {self.clip.path}: there is no frame{part}')

    def _paint(self, painter: FramePainter, scaled: ScaledFrame, takeover: Takeover) -> Tensor:
        first, later = self.options.iterations
        image, number = scaled.image, scaled.frame.number
        if takeover.begins_scene:
            return painter.paint(image, number, num_iterations=first, coarse_to_fine=True)
        init = self.options.starts[1]
        start: dict[str, Any] = {'init': init}
        if init in ('prev', 'prevWarped'):
            earlier = takeover.previous
            if init == 'prevWarped':
                earlier = painter.completed(image, takeover)
            start = {'init': 'image', 'init_image': earlier}
        return painter.paint(image, number, num_iterations=later, terms=takeover.terms, start=start)

    def ahead(self) -> Iterator[ScaledFrame]:
        """Yield the frames to be painted; the next one is decoded while one is painted."""
        frames = self.scaled_frames()
        with ThreadPoolExecutor(1) as pool:
            upcoming = pool.submit(next, frames, None)
            while (scaled := upcoming.result()) is not None:
                upcoming = pool.submit(next, frames, None)
                yield scaled

    def scaled_frames(self) -> Iterator[ScaledFrame]:
        """Yield the frames to be painted, and before them the finished ones they are compared with.

        Nothing is done for other finished frames.
        """
        tracker = MotionTracker(self.find_motion, self.options.indices)
        finished = {record.number: record for record in self.folder.records}
        compared: deque[Frame] = deque(maxlen=max(self.options.indices, default=1))
        for frame, begins_scene in self.frames():
            record = finished.get(frame.number)
            if begins_scene or (record is not None and record.begins_scene):
                compared.clear()
            if record is not None:
                compared.append(frame)
                continue
            if begins_scene:
                tracker.forget()
            for earlier in compared:
                scaled = self.scaled(earlier)
                is_first = finished[earlier.number].begins_scene
                tracker.skip(view(earlier.number, scaled), is_first)
                yield ScaledFrame(earlier, scaled, is_finished=True)
            compared.clear()
            scaled = self.scaled(frame)
            yield ScaledFrame(frame, scaled, tracker.follow(view(frame.number, scaled)))

    def frames(self) -> Iterator[tuple[Frame, bool]]:
        """Yield the frames of this process, and whether one is known to begin a scene."""
        for frame in self.clip.frames():
            yield frame, False

    def scaled(self, frame: Frame) -> Tensor:
        """Return a frame at the size at which it is painted."""
        return image.scale(frame.image(), self.arguments.image_size)

    def save(self, record: FrameRecord, painted: Tensor, final: Tensor | None) -> None:
        """Keep a painted frame; one of numbered pictures gets its name at once."""
        if self.world.rank and self.world.size > 1:
            self.folder.records.append(record)  # the first process writes
        else:
            self._write(record, painted, final)
            self.flows.store()
        if self.arguments.num_passes == 1:
            self.flows.forget(record.number)
        self.world.max(0)  # the others may read it only now

    def _write(self, record: FrameRecord, painted: Tensor, final: Tensor | None) -> None:
        if not self.folder.exists():
            self.folder.begin(self.arguments, self.checksums.by_flag())
        # The record comes last: a frame that it calls finished is where the output says.
        is_last = record.pass_number == self.arguments.num_passes
        if is_last and is_pattern(self.arguments.output_image):
            output = painted if final is None else final
            path = numbered(self.arguments.output_image, record.number)
            image.save(path, output, self.arguments.jpeg_quality)
        self.folder.save(record, painted, final)

    def how_to_continue(self) -> str:
        """Say how far the run is, and how to go on."""
        done = len(self.folder.records)
        if not done:
            return 'in the first frame; nothing to save'
        count = '' if self.clip.count is None else f' of {self.clip.count}'
        return f'after frame {done}{count}; continue with: {resume_command(self.folder.path)}'
