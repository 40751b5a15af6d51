"""The loss network: the CNN up to its last loss layer, with the loss layers inserted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from loadcaffe.graph import Graph
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.errors import SettingError
from neural_style.kernels.options import ExecutionOptions
from neural_style.kernels.precision import PRECISIONS
from neural_style.losses.backward import run_backward
from neural_style.losses.base import FeatureLoss
from neural_style.losses.passes import SKIP, Capture, Evaluate, LossPass
from neural_style.losses.targets import Targets, targets_of
from neural_style.network.blending import Blend, weigh
from neural_style.network.building import LossSettings, insert_losses
from neural_style.network.execution import LayerRunner, join_ends
from neural_style.network.guides import guides_of_losses
from neural_style.network.multi_gpu import cut
from neural_style.network.printing import describe_chunks
from neural_style.network.windows import layer_windows, strips
from neural_style.tiling.evaluation import TiledEvaluation
from neural_style.tiling.passes import CaptureContent, CaptureStyle, SumStatistics, TilePass
from neural_style.tiling.stages import Tiling
from neural_style.torch7.convolution import EXACT, EXACT_STYLE
from neural_style.torch7.random import Generator

INITIAL_FLOAT16_SCALE = 2.0**16


class LossNetwork(nn.Module):
    """Evaluates a CNN with losses inserted, on one device or cut across several.

    cnn: modules in order, taking (1, 3, H, W), with the names that layer_names gives.
    generator: where dropout layers draw their masks (the original leaves dropout switched on).
    devices: the network is cut into one chunk for each; the gradient is returned on the first.
    multigpu_strategy: 1-based indices of the layers after which it is cut, loss and TV layers
        counted; empty: for two devices, after the third layer of the CNN.
    precision: of the convolutions, a key of PRECISIONS; the losses keep the image's own.
    world: the processes that share the evaluation of an image.
    exact: on a CPU, small images are rounded as Torch7 does, in up to twice the time.
    losses: the fields of LossSettings.

    tiling: the stages and tiles of an evaluation; None for whole images.
    scale: what every gradient is multiplied by in the backward pass, and the image's has to be
        divided by: float16 holds nothing below 6e-8.

    Raises ValueError if there is no loss at all, SettingError if devices and strategy do not match.
    Source: neural_style.lua: main, setup_multi_gpu.
    """

    def __init__(
        self,
        cnn: nn.Sequential,
        *,
        generator: Generator,
        devices: Sequence[torch.device | str] = ('cpu',),
        multigpu_strategy: Sequence[int] = (),
        precision: str = 'fp32',
        world: World = SINGLE_PROCESS,
        exact: bool = True,
        **losses: Any,
    ):
        super().__init__()
        self.settings = settings = LossSettings(**losses)
        built = insert_losses(cnn, settings, generator)
        self.content_losses, self.style_losses = built.content_losses, built.style_losses
        self.content_names, self.style_names = built.content_names, built.style_names
        self.image_losses, self.edges = built.image_losses, built.edges
        self.devices = [torch.device(device) for device in devices]
        self.world = world
        self.exact = exact
        self._has_small_content = False
        self.content_side = 0  # the longer side of the content image, in pixels
        self.dtype = PRECISIONS[precision]
        self.scale = INITIAL_FLOAT16_SCALE if self.dtype == torch.float16 else 1.0
        self.runner = LayerRunner(self.dtype)
        if isinstance(cnn, Graph):
            if len(self.devices) > 1:
                raise SettingError('gpu', 'a network with branches runs on one GPU only; name one')
            chunks: list[nn.Sequential] = [cnn.rewired(built.layers, built.owners)]
        else:
            first = 1 + len(self.image_losses)
            chunks = cut(built.layers, len(self.devices), multigpu_strategy, first)
        self.chunks = nn.ModuleList(chunks)
        self.tiling: Tiling | None = strips(chunks) if world.size > 1 else None
        for chunk, device in zip(chunks, self.devices, strict=True):
            # The stubs do not know the keyword.
            chunk.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def losses(self) -> Iterator[FeatureLoss]:
        """Content losses, then style losses: the order in which they are printed and summed."""
        yield from self.content_losses
        yield from self.style_losses

    def forward(self, image: Tensor) -> Tensor:
        """Return the features of the last layer, without any loss.

        image: (3, H, W), or a batch (N, 3, H, W), preprocessed.
        """
        extended = self.edges.extend(image)
        return self._run(extended, self._options(extended), SKIP)

    def gradient(self, image: Tensor) -> Tensor:
        """Return the gradient of all losses with respect to an image, times scale.

        image: (3, H, W); or a batch (N, 3, H, W), each with a gradient of its own, as if it were
        alone.  Every loss keeps its value, that of a batch summed over the images.
        """
        extended = self.edges.extend(image.detach())
        options = self._options(extended)
        evaluate = Evaluate(options.exact, self.scale, not isinstance(self.chunks[0], Graph))
        tiles = self.tiles(extended)
        if tiles is not None:
            gradient = tiles.gradient(extended, evaluate)
        else:
            leaf = extended.requires_grad_()
            gradient = run_backward(self._run(leaf, options, evaluate), leaf)
        batch, batch_gradient = _as_batch(extended.detach()), _as_batch(gradient)
        for loss in self.image_losses:
            loss.set_value(batch)
            loss.add_gradient(batch_gradient, batch, self.scale)
        return self.edges.fold(gradient)

    def forward_only(self, image: Tensor) -> None:
        """Run the forward pass alone: every loss that has a target gets its value."""
        extended = self.edges.extend(image)
        evaluate = Evaluate(self._options(extended).exact, self.scale)
        self._run_without_gradient(extended, self._options(extended), evaluate, SumStatistics())
        for loss in self.image_losses:
            loss.set_value(_as_batch(extended))

    def capture_content(self, image: Tensor) -> None:
        """Make the features of a content image the content targets.

        image: (3, H, W), preprocessed; or a batch, one for each image to be compared.
        """
        self.content_side = max(image.shape[-2:])
        image = self.edges.extend(image)
        self._has_small_content = _is_small(image)
        options = self._options(image)
        capture = Capture(self.content_losses, options.exact)
        self._run_without_gradient(image, options, capture, CaptureContent(self.content_losses))

    def capture_style(
        self,
        image: Tensor,
        blend_weight: Blend | Mapping[str, Blend],
        guide: Tensor | None | Sequence[Tensor | None] = None,
        by_cells: bool = False,
    ) -> None:
        """Add the statistics of a style image, weighted, to the style targets.

        image: (3, H, W), preprocessed.  guide: (1, H, W) in [0, 1]: how much each of its positions
        counts.  Weight and guide may be one for each style term.  by_cells: as in guide_style.
        An image with weights by layer name serves these layers alone.
        """
        image = self.edges.extend(image)
        former = [loss.guides for loss in self.style_losses]
        self.guide_style(guide, by_cells=by_cells)
        served = weigh(dict(zip(self.style_names, self.style_losses, strict=True)), blend_weight)
        options = self._options(image, is_style=True)
        capture = Capture(served, options.exact)
        self._run_without_gradient(image, options, capture, CaptureStyle(served))
        for loss, guides in zip(self.style_losses, former, strict=True):
            loss.set_guides(guides + [None] * (len(loss.terms) - len(guides)))

    def guide_style(
        self,
        guide: Tensor | None | Sequence[Tensor | None],
        weights: Sequence[float] | None = None,
        by_cells: bool = False,
    ) -> None:
        """Set how much each position of the generated image counts for the style: (1, H, W).

        With several guides, each layer has one style term for each, with a target of its own.
        weights: of the terms, beside the layers' weights; 1 by default.
        by_cells: average guides over the cells of a layer's positions (see Guide).
        """
        sides = self.edges.sides if by_cells else None
        guides = guides_of_losses(guide, self.style_losses, list(self.chunks), sides)
        for loss, layer_guides in zip(self.style_losses, guides, strict=True):
            loss.set_guides(layer_guides, weights)

    @property
    def targets(self) -> Targets:
        """What the losses compare with, to be saved, or put into a network of the same layers."""
        contents = zip(self.content_names, self.content_losses, strict=True)
        styles = zip(self.style_names, self.style_losses, strict=True)
        return targets_of(dict(contents), dict(styles))

    def set_targets(self, targets: Targets) -> None:
        """Compare with these targets from now on; those of content or style may be left out.

        Raises ValueError for targets of other layers, or another statistic, than the network's.
        """
        targets.check_layers(self.content_names, self.style_names)
        targets.check_statistics(loss.compared.name for loss in self.style_losses)
        for name, loss in zip(self.content_names, self.content_losses, strict=True):
            if targets.content:
                loss.target = targets.content[name].to(self._device_of(loss))
        for name, style_loss in zip(self.style_names, self.style_losses, strict=True):
            if targets.style:
                device = self._device_of(style_loss)
                style_loss.set_targets([target.to(device) for target in targets.style[name]])

    def describe(self, backend: str = 'nn') -> str:
        """Describe the network as Torch7 prints it: losses of the image are its first layers."""
        return describe_chunks(list(self.chunks), self.devices, self.image_losses, backend)

    def tiles(self, image: Tensor) -> TiledEvaluation | None:
        """Set up the evaluation in tiles, if there is a tiling and the image is not small.

        image: as the first layer takes it, with its edges.
        """
        if self.tiling is None or (_is_small(image) and image.dtype == torch.float32):
            return None
        if image.dim() > 3:
            raise ValueError('a batch of images cannot be evaluated in tiles: give one at a time')
        frozen = self._options(image).frozen

        def run(
            layers: Sequence[nn.Module],
            features: Tensor,
            options: ExecutionOptions,
            losses: LossPass,
        ) -> Tensor:
            return self.runner.run(layers, features, replace(options, frozen=frozen), losses)

        layers = list(self.chunks[0].children())
        return TiledEvaluation(
            layers,
            [layer_windows(layer) for layer in layers],
            self.tiling,
            run,
            (image.shape[1], image.shape[2]),
            image.device,
            self.world,
            # with a width that is no multiple of 16, half precision takes twice the time
            loses_margins=(True, self.dtype == torch.float32 or not frozen),
        )

    def _options(self, image: Tensor, is_style: bool = False) -> ExecutionOptions:
        """Choose how layers run.  is_style: the image is seen once, for its targets."""
        on_cpu, is_float32 = image.device.type == 'cpu', self.dtype == torch.float32
        # A run that is exact has exact targets, also of style images that are larger.
        allows_larger = is_style and self._has_small_content and self.tiling is None
        is_small = image.dim() == 3 and _pixels(image) <= (EXACT_STYLE if allows_larger else EXACT)
        exact = self.exact and on_cpu and is_float32 and is_small
        frozen = not exact and image.dtype == torch.float32 and (on_cpu or not is_float32)
        return ExecutionOptions(exact, frozen)

    def _run(self, image: Tensor, options: ExecutionOptions, losses: LossPass) -> Tensor:
        features = _as_batch(image)
        if not options.exact:
            # The layout of PyTorch's fastest convolutions: a whole evaluation of VGG-19 takes 1.1
            # times less at 512 x 384 on a CPU.
            features = features.contiguous(memory_format=torch.channels_last)
        for chunk, device in zip(self.chunks, self.devices, strict=True):
            features = features.to(device)
            if isinstance(chunk, Graph):
                call = partial(self.runner.run_layer, options, losses)
                return join_ends(chunk.run(features, call))
            features = self.runner.run(list(chunk.children()), features, options, losses)
        return features

    def _run_without_gradient(
        self, image: Tensor, options: ExecutionOptions, losses: LossPass, tile_losses: TilePass
    ) -> None:
        """Run the forward pass alone, over the whole image or its tiles."""
        with torch.no_grad():
            tiles = self.tiles(image)
            if tiles is None:
                self._run(image, options, losses)
            else:
                tiles.forward(image, tile_losses, losses)

    def _device_of(self, loss: FeatureLoss) -> torch.device:
        chunks = zip(self.chunks, self.devices, strict=True)
        return next(device for chunk, device in chunks if loss in list(chunk.children()))


def _as_batch(image: Tensor) -> Tensor:
    """View an image (3, H, W) as a batch of one."""
    return image.unsqueeze(0) if image.dim() == 3 else image


def _pixels(image: Tensor) -> int:
    return image.shape[-2] * image.shape[-1]


def _is_small(image: Tensor) -> bool:
    """Tell whether an image is small enough to be rounded as Torch7 does."""
    return image.dim() == 3 and _pixels(image) <= EXACT
