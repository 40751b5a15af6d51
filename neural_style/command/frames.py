"""Painting of single frames: stylize, with what a frame takes over from earlier ones."""

import contextlib
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from neural_style.command.arguments import Arguments
from neural_style.command.clips import ClipOptions
from neural_style.command.fast import Painting, painting
from neural_style.command.frame_report import FrameReport
from neural_style.command.images import InputImages
from neural_style.command.moving_regions import has_moving_regions, read_regions_of_frame
from neural_style.command.run import (
    blend_weights,
    choose_run_devices,
    load_for_losses,
    run_images,
    seed_generator,
    stylize_settings,
)
from neural_style.command.saved_styles import paints_at_once
from neural_style.command.saving import OutputImage
from neural_style.distributed import World
from neural_style.logs import log_level
from neural_style.memory.exhaustion import is_out_of_memory
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.divergence import DivergenceError
from neural_style.transfer.multiscale import iterations, stylize_multiscale
from neural_style.transfer.saved_style import SavedStyle
from neural_style.transfer.session import Session
from neural_style.transfer.stylize import stylize
from neural_style.transfer.targets import StyleTargets
from neural_style.video.continuity import Takeover, TemporalTerm, add_temporal_losses


class FramePainter:
    """Paints frames of one size, with the network and the style images of the first.

    report: sees every evaluation.
    """

    def __init__(
        self, arguments: Arguments, options: ClipOptions, world: World, report: FrameReport
    ):
        # The first frame of a scene is started as a picture is.
        self._arguments = arguments.with_values(init=options.starts[0])
        self._world = world
        self._report = report
        self._devices = choose_run_devices(arguments, world)
        self._load = functools.cache(functools.partial(load_for_losses, self._arguments, world))
        self._images: InputImages | None = None
        self._has_moving_regions = has_moving_regions(arguments)
        self._style_targets = StyleTargets()
        self._paint_at_once: Painting | None = None

    def paint(
        self,
        frame: Tensor,
        number: int,
        *,
        num_iterations: float,
        terms: Sequence[TemporalTerm] = (),
        start: Mapping[str, Any] | None = None,
        coarse_to_fine: bool = False,
    ) -> Tensor:
        """Return a frame (3, H, W), RGB in [0, 1], as it is painted, not clamped.

        number: of the frame, which regions of its own have as well.
        terms: of the temporal loss.  start: init and init_image of stylize; by default those of a
        picture.  coarse_to_fine: whether it is painted at several sizes if the flags say so.
        """
        is_first = self._images is None
        images = self._images_with(frame)
        if self._has_moving_regions:
            regions = read_regions_of_frame(self._arguments, number)
            images = replace(images, regions=regions)
        generator, arguments = seed_generator(self._arguments)  # one seed for all frames
        if start is not None:
            arguments = arguments.with_values(init=start['init'])
        settings = stylize_settings(arguments, images, self._devices)
        settings |= {**(start or {}), 'num_iterations': num_iterations}
        self._report.begin()
        session = Session(
            on_plan=self._report.on_plan,
            on_network=functools.partial(self._compare, terms),
            on_evaluation_start=self._report.before_evaluation,
            generator=generator,
            world=self._world,
            restores_colors=False,
            own_start=True,
            style_targets=self._style_targets,
        )
        # the last size needs the most memory
        has_scales = arguments.multiscale != '' and not arguments.dry_run
        # what the libraries say of a frame, they have said of the first one
        with contextlib.nullcontext() if is_first else log_level(logging.ERROR):
            return self._stylize(images, session, settings, coarse_to_fine and has_scales)

    def completed(self, frame: Tensor, takeover: Takeover) -> Tensor | None:
        """Return the last frame, moved, with what comes into view as -fast paints it.

        Without a style to paint in, or with regions that move, it continues the edge instead.
        """
        warped, unseen = takeover.warped, takeover.unseen
        if warped is None or unseen is None or not unseen.any():
            return warped
        images = self._images_with(frame)
        styles = images.styles
        has_style = paints_at_once(styles) if isinstance(styles, SavedStyle) else bool(styles)
        if not has_style or self._has_moving_regions or self._arguments.dry_run:
            return warped
        if self._paint_at_once is None:
            arguments = self._arguments
            weights = blend_weights(arguments)
            self._paint_at_once = painting(arguments, images, weights, self._devices[0])
        return torch.where(unseen, self._paint_at_once(frame, None).to(warped), warped)

    def final(self, frame: Tensor, painted: Tensor) -> Tensor | None:
        """Return a painted frame in the colours that it gets in the end; None for its own."""
        return OutputImage.frame(self._arguments, self._images_with(frame).colors, painted)

    def _images_with(self, frame: Tensor) -> InputImages:
        """Return the images of a run whose content is a frame; the others are read once."""
        if self._images is None:
            arguments = self._arguments
            if self._has_moving_regions:  # paint reads those of the frame
                arguments = arguments.with_values(content_regions='', style_regions='')
            self._images = run_images(arguments, self._world, self._devices[0], frame)
        colors = frame if self._arguments.keeps_content_colors else self._images.colors
        return replace(self._images, content=frame, colors=colors)

    def _compare(self, terms: Sequence[TemporalTerm], network: LossNetwork) -> None:
        weight = self._arguments.temporal_weight
        normalize = self._arguments.normalize_gradients
        add_temporal_losses(network, terms, weight, normalize)

    def _stylize(
        self,
        images: InputImages,
        session: Session,
        settings: dict[str, Any],
        coarse_to_fine: bool,
    ) -> Tensor:
        method: Callable[..., Tensor] = stylize
        if coarse_to_fine:
            multiscale, side = self._arguments.multiscale, max(images.content.shape[1:])
            self._report.expect(sum(iterations(multiscale, side, settings['num_iterations'])[:-1]))
            method = functools.partial(stylize_multiscale, multiscale=multiscale)
        try:
            return method(
                self._load,
                images.content,
                images.styles,
                callback=self._report.after_evaluation,
                session=session,
                **settings,
            )
        except DivergenceError as error:
            raise ValueError(str(error)) from error
        except (MemoryError, RuntimeError, SystemError) as error:
            if not is_out_of_memory(error):
                raise
        size = (images.content.shape[1], images.content.shape[2])
        raise ValueError(self._report.out_of_memory(size, self._devices[0]))
