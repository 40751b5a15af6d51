"""Several passes over a video: forward and backward in turn, each from the last one's frames."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from neural_style.command.frame_report import FrameReport
from neural_style.command.frames import FramePainter
from neural_style.command.saving import resume_command
from neural_style.command.terminal import progress_bar
from neural_style.command.video_run import ScaledFrame, VideoRun
from neural_style.command.work_folder import FrameRecord
from neural_style.video.continuity import TemporalTerm
from neural_style.video.flow import view
from neural_style.video.warping import warp_picture


class MultiPassRun(VideoRun):
    """A run that paints every frame in each of several passes.

    In the first pass frames are painted by themselves.  In a later one each starts from itself,
    blended with its neighbour, the one that the pass has just painted, moved to where it is now.
    Source: Ruder et al. 2016, section 4.4.
    """

    def paint_all(self) -> None:
        """Paint what is not finished, pass by pass."""
        count, passes = self.clip.count, int(self.arguments.num_passes)
        total = self.options.iterations[0] * ((count or 1) * passes - len(self.folder.records))
        with progress_bar(total, self.world.rank > 0) as bar:
            frames = None if count is None else count * passes
            report = FrameReport(self.arguments, self.interruption, self.world, bar, frames)
            painter = FramePainter(self.arguments, self.options, self.world, report)
            self._paint_first(painter, report)
            for number in range(2, passes + 1):
                report.count = len(self.folder.frames()) * passes
                self._paint_again(number, painter, report)

    def _paint_first(self, painter: FramePainter, report: FrameReport) -> None:
        """Paint the frames of the first pass."""
        if any(record.pass_number > 1 for record in self.folder.records):
            return
        for scaled in self.ahead():
            if scaled.is_finished:
                continue
            report.stop_if_interrupted()
            painted = painter.paint(
                scaled.image,
                scaled.frame.number,
                num_iterations=self.options.iterations[0],
                coarse_to_fine=True,
            )
            self._save_first(scaled, painted)
            report.finish(len(self.folder.records))
        if not self.folder.records:
            raise self.no_frame()

    def _save_first(self, scaled: ScaledFrame, painted: Tensor) -> None:
        frame = scaled.frame
        if self.world.rank == 0:
            if not self.folder.exists():
                self.folder.begin(self.arguments, self.checksums.by_flag())
            self.folder.save_content(frame.number, scaled.image)
        self.save(FrameRecord(frame.number, frame.time, not scaled.motions), painted, None)

    def _paint_again(self, number: int, painter: FramePainter, report: FrameReport) -> None:
        """Paint the frames that a pass has not yet painted."""
        is_last = number == self.arguments.num_passes
        for record, neighbour in self._order(number):
            if record.pass_number >= number:
                continue
            report.stop_if_interrupted()
            content = self.folder.content(record.number)
            start = self.folder.painted(record.number)
            terms: list[TemporalTerm] = []
            if neighbour is not None:
                term = self._term(record, neighbour, content)
                weight = self.arguments.blendWeight * term.reliability
                start = (start + weight * term.warped) / (1 + weight)
                has_loss = number >= self.arguments.use_temporalLoss_after
                terms = [term] if has_loss and self.options.indices else []
            painted = painter.paint(
                content,
                record.number,
                num_iterations=self.options.iterations[0],
                terms=terms,
                start={'init': 'image', 'init_image': start},
            )
            final = painter.final(content, painted) if is_last else None
            self.save(replace(record, pass_number=number), painted, final)
            report.finish(len(self.folder.records))

    def _order(self, number: int) -> Iterator[tuple[FrameRecord, FrameRecord | None]]:
        """Yield the frames in the order of a pass, each with the one before it of its scene."""
        frames = self.folder.frames()
        is_backward = number % 2 == 0
        if is_backward:
            frames.reverse()
        earlier = None
        for record in frames:
            yield record, None if record.begins_scene and not is_backward else earlier
            earlier = None if is_backward and record.begins_scene else record

    def _term(self, record: FrameRecord, neighbour: FrameRecord, content: Tensor) -> TemporalTerm:
        """Return the neighbour of a frame, painted, as it would look in its place."""
        other = view(neighbour.number, self.folder.content(neighbour.number))
        motion = self.find_motion(view(record.number, content), other)
        warped = warp_picture(self.folder.painted(neighbour.number), motion.backward)
        return TemporalTerm(warped, motion.reliability)

    def how_to_continue(self) -> str:
        """Say how far the run is, and how to go on."""
        if not self.folder.records:
            return super().how_to_continue()
        number = self.folder.records[-1].pass_number
        done = sum(record.pass_number == number for record in self.folder.records)
        command = resume_command(self.folder.path)
        return f'after frame {done} of pass {number}; continue with: {command}'
