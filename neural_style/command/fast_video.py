"""-fast over a video: every frame is painted at once, with smoothed statistics."""

from collections.abc import Iterator

from torch import Tensor

from neural_style.command.fast import Painting, painting, predicted_peak
from neural_style.command.frame_report import FrameReport
from neural_style.command.report import DryRun
from neural_style.command.run import blend_weights, choose_run_devices, run_images
from neural_style.command.saving import OutputImage
from neural_style.command.terminal import progress_bar
from neural_style.command.video_run import VideoRun
from neural_style.command.work_folder import FrameRecord
from neural_style.fast.smoothing import Smoothing
from neural_style.torch7 import image
from neural_style.video.clip import Frame

# Finished frames that a continued run looks at again, for what it smooths over.
REPEATED = 12


class FastVideoRun(VideoRun):
    """A run over the frames of a clip that needs no flow between them."""

    def paint_all(self) -> None:
        """Paint the frames that are not finished."""
        count, done = self.clip.count, len(self.folder.records)
        with progress_bar(max((count or 1) - done, 0), self.world.rank > 0) as bar:
            report = FrameReport(self.arguments, self.interruption, self.world, bar, count)
            finished = {record.number for record in self.folder.records}
            for frame, painted, colors in self._painted(report):
                if frame.number not in finished:
                    record = FrameRecord(frame.number, frame.time, not self.folder.records)
                    final = OutputImage.frame(self.arguments, colors, painted)
                    self.save(record, painted, final)
                    report.finish(len(self.folder.records))
                    bar.update()
        if not self.folder.records:
            raise self.no_frame()

    def _painted(self, report: FrameReport) -> Iterator[tuple[Frame, Tensor, Tensor | None]]:
        """Yield frames, how they are painted, and the image that gives their colours, if one."""
        paint: Painting | None = None
        smoothing = Smoothing()
        device = choose_run_devices(self.arguments, self.world)[0]
        for frame, content in self._frames():
            report.stop_if_interrupted()
            report.begin()
            if self.arguments.dry_run:
                peak = predicted_peak(self.arguments, content.shape[1], content.shape[2])
                raise DryRun(f'{report.total} frames, each at once; predicted peak {peak}')
            if paint is None:
                images = run_images(self.arguments, self.world, device, content)
                paint = painting(self.arguments, images, blend_weights(self.arguments), device)
            colors = content if self.arguments.keeps_content_colors else images.colors
            yield frame, paint(content, smoothing), colors

    def _frames(self) -> Iterator[tuple[Frame, Tensor]]:
        """Yield the frames to be painted, scaled, and some finished ones before them."""
        seen = {record.number for record in self.folder.records[:-REPEATED]}
        for frame in self.clip.frames():
            if frame.number not in seen:
                yield frame, image.scale(frame.image(), self.arguments.image_size)
