"""The loss network: the CNN up to its last loss layer, with the loss layers inserted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from loadcaffe.graph import Graph
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.errors import SettingError
from neural_style.kernels.convolution import ExecutionOptions
from neural_style.kernels.precision import PRECISIONS
from neural_style.losses.losses import Loss, TVLoss
from neural_style.network.building import LossSettings, insert_losses
from neural_style.network.execution import LayerRunner, join_ends
from neural_style.network.multi_gpu import cut
from neural_style.tiling.evaluation import Stage, TiledEvaluation, Tiling
from neural_style.tiling.geometry import cuts
from neural_style.torch7 import nn as torch7_nn
from neural_style.torch7.convolution import EXACT, EXACT_STYLE
from neural_style.torch7.random import Generator

INITIAL_FLOAT16_SCALE = 2.0**16


class LossNetwork(nn.Module):
    """A CNN with content, style and TV losses inserted, on one device or cut across several.

    cnn: modules in order, taking (1, 3, H, W), with the names that layer_names gives.
    generator: where dropout layers draw their masks (the original leaves dropout switched on).
    devices: the network is cut into as many chunks, one for each; the gradient comes back on
        the first.
    multigpu_strategy: 1-based indices of the layers after which it is cut, loss and TV layers
        counted; empty means after the third layer of the CNN's for two devices.
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
        settings = LossSettings(**losses)
        built = insert_losses(cnn, settings, generator)
        self.content_losses = built.content_losses
        self.style_losses = built.style_losses
        self.gradient_layers = [x for x in built.layers if isinstance(x, Loss | TVLoss)]
        self.devices = [torch.device(device) for device in devices]
        self.world = world
        self.exact = exact
        self._has_small_content = False
        self.dtype = PRECISIONS[precision]
        self.scale = INITIAL_FLOAT16_SCALE if self.dtype == torch.float16 else 1.0
        self.runner = LayerRunner(self.dtype)
        for layer in self.gradient_layers:
            layer.owns_gradient = not isinstance(cnn, Graph)
        if isinstance(cnn, Graph):
            if len(self.devices) > 1:
                raise SettingError('gpu', 'a network with branches runs on one GPU only; name one')
            chunks: list[nn.Sequential] = [cnn.rewired(built.layers, built.owners)]
        else:
            has_tv = settings.tv_weight > 0
            chunks = cut(built.layers, len(self.devices), multigpu_strategy, has_tv)
        self.chunks = nn.ModuleList(chunks)
        self.tiling: Tiling | None = self._shards() if world.size > 1 else None
        for chunk, device in zip(chunks, self.devices, strict=True):
            # The stubs do not know the keyword.
            chunk.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def losses(self) -> Iterator[Loss]:
        """Content losses, then style losses: the order in which they are printed and summed."""
        yield from self.content_losses
        yield from self.style_losses

    def forward(self, image: Tensor) -> Tensor:
        """Return the features of the last layer.  image: (3, H, W), preprocessed."""
        options = self._options(image)
        features = image.unsqueeze(0)
        if not options.exact:
            # The layout of PyTorch's fastest convolutions: a whole evaluation of VGG-19 takes 1.1
            # times less at 512 x 384 on a CPU.
            features = features.contiguous(memory_format=torch.channels_last)
        for chunk, device in zip(self.chunks, self.devices, strict=True):
            features = features.to(device)
            if isinstance(chunk, Graph):
                return join_ends(chunk.run(features, partial(self.runner.run_layer, options)))
            features = self.runner.run(list(chunk.children()), features, options)
        return features

    def gradient(self, image: Tensor) -> Tensor:
        """Return the gradient of all losses and TV, times scale: (3, H, W).

        Also sets every loss's value.
        """
        tiles = self.tiles(image)
        if tiles is not None:
            return tiles.gradient(image)
        image = image.detach().requires_grad_()
        features = self(image)
        # Every gradient comes from a loss layer, so the top of the network gets zeros.
        return torch.autograd.grad(features, image, torch.zeros_like(features))[0]

    def forward_only(self, image: Tensor) -> None:
        """Run the forward pass alone: every loss gets its value, or its target."""
        with torch.no_grad():
            tiles = self.tiles(image)
            if tiles is None:
                self(image)
            else:
                tiles.forward(image)

    def tiles(self, image: Tensor) -> TiledEvaluation | None:
        """Set up the evaluation in tiles, if there is a tiling and the image is not small."""
        if self.tiling is None or (image[0].numel() <= EXACT and image.dtype == torch.float32):
            return None
        fixed = self._options(image).fixed

        def run(layers: Sequence[nn.Module], features: Tensor, options: ExecutionOptions) -> Tensor:
            return self.runner.run(layers, features, replace(options, fixed=fixed))

        return TiledEvaluation(
            list(self.chunks[0].children()),
            self.tiling,
            run,
            (image.shape[1], image.shape[2]),
            image.device,
            self.world,
            # with a width that is no multiple of 16, half precision takes twice the time
            inner=(True, self.dtype == torch.float32 or not fixed),
        )

    def _shards(self) -> Tiling:
        """Give each of several processes a shard of rows of every stage."""
        layers = list(self.chunks[0].children())
        starts, first_global = cuts(layers)
        if len(self.devices) > 1 or isinstance(self.chunks[0], Graph) or first_global < len(layers):
            raise ValueError(
                'several processes: they can share a network without branches, on one device each,'
                ' whose layers see what is near; name lower layers in `content_layers` and'
                ' `style_layers`, or run one process'
            )
        stops = [*starts[1:], len(layers)]
        stages = (Stage(a, b, recompute='nothing') for a, b in zip(starts, stops, strict=True))
        return Tiling(tuple(stages))

    def _options(self, image: Tensor) -> ExecutionOptions:
        """Choose how layers run, and tell the losses what concerns them."""
        on_cpu, is_float32 = image.device.type == 'cpu', self.dtype == torch.float32
        # An image that is painted exactly has exact targets, style images of up to EXACT_STYLE
        # pixels too: they are seen once.
        captures_style = any(loss.mode == 'capture' for loss in self.style_losses)
        allows_larger = captures_style and self._has_small_content and self.tiling is None
        largest = EXACT_STYLE if allows_larger else EXACT
        exact = self.exact and on_cpu and is_float32 and image[0].numel() <= largest
        fixed = not exact and image.dtype == torch.float32 and (on_cpu or not is_float32)
        for loss in self.style_losses:
            loss.exact = exact
        for layer in self.gradient_layers:
            layer.scale, layer.applies_relu_backward = self.scale, False
        return ExecutionOptions(exact, fixed)

    def capture_content(self, image: Tensor) -> None:
        """Make the features of a preprocessed content image (3, H, W) the content targets."""
        self._has_small_content = image[0].numel() <= EXACT
        self._capture(image, self.content_losses)

    def capture_style(
        self, image: Tensor, blend_weight: float, guide: Tensor | None = None
    ) -> None:
        """Add the Gram matrices of a preprocessed style image, weighted, to the style targets.

        guide: (1, H, W) in [0, 1]: how much each position of the style image counts.
        """
        for loss in self.style_losses:
            loss.blend_weight = blend_weight
            loss.guide = guide
        self._capture(image, self.style_losses)

    def guide_style(self, guide: Tensor | None) -> None:
        """Set how much each position of the generated image counts for the style: (1, H, W)."""
        for loss in self.style_losses:
            loss.guide = guide

    def _capture(self, image: Tensor, losses: Sequence[Loss]) -> None:
        for loss in self.losses:
            loss.mode = 'none'
        for loss in losses:
            loss.mode = 'capture'
        self.forward_only(image)
        for loss in self.losses:
            loss.mode = 'loss'

    def describe(self, backend: str = 'nn') -> str:
        """Describe the network as Torch7 prints it."""
        if len(self.devices) == 1:
            return torch7_nn.text(self.chunks[0], backend)
        gpus = [
            torch7_nn.GPU((device.index or 0) + 1, chunk)
            for chunk, device in zip(self.chunks, self.devices, strict=True)
        ]
        return torch7_nn.text(nn.Sequential(*gpus), backend)
