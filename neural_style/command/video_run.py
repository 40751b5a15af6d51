"""The run over a video: every frame is painted, starting from the one before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    """A frame as it is painted: (3, H, W), RGB in [0, 1], and its motion from earlier ones."""

    frame: Frame
    image: Tensor
    motions: dict[int, Motion]


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
        self.flows = FlowCache(folder.path, writes=world.rank == 0 and not arguments.dry_run)
        self.find_motion = motion_finder(arguments, self.flows.flow)

    def paint_all(self) -> None:
        """Paint the frames that are not finished."""
        first, later = self.options.iterations
        count, done = self.clip.count, len(self.folder.records)
        left = 1 if count is None else max(count - done, 0)
        total = later * left + (first - later) * (not done)
        with progress_bar(total, self.world.rank > 0) as bar:
            report = FrameReport(self.arguments, self.interruption, self.world, bar, count)
            painter = FramePainter(self.arguments, self.options, self.world, report)
            continuity = Continuity(self.options.indices)
            for number in self._compared_frames():
                continuity.add(self.folder.painted(number))
            for scaled in self.ahead():
                report.stop_if_interrupted()
                takeover = continuity.takeover(scaled.motions)
                if takeover.begins_scene and self.folder.records:
                    bar.total += first - later
                painted = self._paint(painter, scaled, takeover)
                continuity.add(quantised(painted))
                frame = scaled.frame
                record = FrameRecord(frame.number, frame.time, takeover.begins_scene)
                self.save(record, painted, painter.final(scaled.image, painted))
                report.finish(len(self.folder.records))
        if not self.folder.records:
            raise self.no_frame()

    def no_frame(self) -> ValueError:
        """Return the error of a clip in which nothing is to be painted."""
        times = [(flag, getattr(self.arguments, flag)) for flag in ('start', 'end')]
        limits = ' and '.join(f'-{flag} {time}' for flag, time in times if time)
        part = f' in the part of {limits}; give other times' if limits else ' to paint in it'
        return ValueError(f'-content_image {self.clip.path}: there is no frame{part}')

    def _paint(self, painter: FramePainter, scaled: ScaledFrame, takeover: Takeover) -> Tensor:
        first, later = self.options.iterations
        if takeover.begins_scene:
            return painter.paint(scaled.image, iterations=first, coarse_to_fine=True)
        init = self.options.starts[1]
        start: dict[str, Any] = {'init': init}
        if init in ('prev', 'prevWarped'):
            earlier = takeover.previous if init == 'prev' else takeover.warped
            start = {'init': 'image', 'init_image': earlier}
        return painter.paint(scaled.image, iterations=later, terms=takeover.terms, start=start)

    def _compared_frames(self) -> list[int]:
        """Return the numbers of the finished frames that the next one is compared with."""
        numbers: list[int] = []
        for record in self.folder.records:
            numbers = [*([] if record.begins_scene else numbers), record.number]
        return numbers[-max(self.options.indices, default=1) :]

    def ahead(self) -> Iterator[ScaledFrame]:
        """Yield the frames to be painted; the next one is decoded while one is painted."""
        frames = self.scaled_frames()
        with ThreadPoolExecutor(1) as pool:
            upcoming = pool.submit(next, frames, None)
            while (scaled := upcoming.result()) is not None:
                upcoming = pool.submit(next, frames, None)
                yield scaled

    def scaled_frames(self) -> Iterator[ScaledFrame]:
        """Yield the frames to be painted."""
        tracker = MotionTracker(self.find_motion, self.options.indices)
        finished = {record.number: record for record in self.folder.records}
        needed = set(self._compared_frames())
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

    def save(self, record: FrameRecord, painted: Tensor, final: Tensor | None) -> None:
        """Keep a painted frame; one of numbered pictures gets its name at once."""
        if self.world.rank:
            self.folder.records.append(record)
        else:
            self._write(record, painted, final)
            self.flows.store()
        if self.arguments.num_passes == 1:
            self.flows.forget(record.number)
        self.world.max(0)  # the others may read it only now

    def _write(self, record: FrameRecord, painted: Tensor, final: Tensor | None) -> None:
        if not self.folder.records:
            self.folder.begin(self.arguments, self.checksums.by_flag())
        self.folder.save(record, painted, final)
        is_last = record.pass_number == self.arguments.num_passes
        if is_last and is_pattern(self.arguments.output_image):
            output = painted if final is None else final
            path = numbered(self.arguments.output_image, record.number)
            image.save(path, output, self.arguments.jpeg_quality)

    def how_to_continue(self) -> str:
        """Say how far the run is, and how to go on."""
        done = len(self.folder.records)
        if not done:
            return 'in the first frame; nothing to save'
        count = '' if self.clip.count is None else f' of {self.clip.count}'
        return f'after frame {done}{count}; continue with: {resume_command(self.folder.path)}'
