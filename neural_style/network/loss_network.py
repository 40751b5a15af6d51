"""The loss network: the CNN up to its last loss layer, with the loss layers inserted."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.kernels import bitmask as bits
from neural_style.kernels.convolution import (
    ExecutionOptions,
    FrozenConvolution,
    can_be_frozen,
    max_pool_with_relu_backward,
)
from neural_style.kernels.precision import PRECISIONS
from neural_style.losses.losses import (
    ContentLoss,
    Loss,
    PaperContentLoss,
    PaperStyleLoss,
    StyleLoss,
    TVLoss,
)
from neural_style.network.fusion import fused_length
from neural_style.tiling.evaluation import Stage, TiledEvaluation, Tiling
from neural_style.tiling.geometry import cuts, is_tileable, output_sizes, window
from neural_style.torch7 import nn as torch7_nn
from neural_style.torch7.convolution import EXACT, EXACT_STYLE, convolve
from neural_style.torch7.random import Generator

logger = logging.getLogger(__name__)

# The -losses flag: the formulas of neural_style.lua, and those printed in Gatys et al. 2015.
LOSSES: dict[str, tuple[type[ContentLoss], type[StyleLoss]]] = {
    'neural_style': (ContentLoss, StyleLoss),
    'paper': (PaperContentLoss, PaperStyleLoss),
}
FIRST_SCALE = 2.0**16
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


def layer_names(cnn: nn.Sequential) -> list[str]:
    """A layer's name is its .name, as loadcaffe sets it, or else its key."""
    return [str(getattr(layer, 'name', key)) for key, layer in cnn.named_children()]


def loss_positions(
    names: Sequence[str], content_layers: Sequence[str], style_layers: Sequence[str]
) -> tuple[list[int], list[int], int]:
    """Find the layers that losses follow.

    names: the names of the CNN's layers, in order.  Each list of layers is walked in its own
    order only, as in neural_style.lua: a name that is unknown, named twice, or above one named
    earlier stops its list, and then the whole network is used.

    Returns the indices (from 0) of the layers with a content loss and with a style loss, and
    the number of layers that the loss network takes from the CNN.
    """
    content_at: list[int] = []
    style_at: list[int] = []
    for index, name in enumerate(names):
        if len(content_at) == len(content_layers) and len(style_at) == len(style_layers):
            return content_at, style_at, index
        if len(content_at) < len(content_layers) and name == content_layers[len(content_at)]:
            content_at.append(index)
        if len(style_at) < len(style_layers) and name == style_layers[len(style_at)]:
            style_at.append(index)
    return content_at, style_at, len(names)


class LossNetwork(nn.Module):
    """A CNN with content, style and TV losses inserted, on one device or cut across several.

    cnn: modules in order, taking (1, 3, H, W), with the names that layer_names gives.
    content_layers, style_layers: names, walked as loss_positions says.
    losses: a key of LOSSES.
    content_layer_weights, style_layer_weights: what the weight of a loss is multiplied by, by name;
        1 for others, but 1 / len(style_layers) for style losses of the paper, whose w_l it is.
    precision: of the convolutions, a key of PRECISIONS; the losses keep the image's own.
    missing_layers: 'warn' walks the lists as neural_style.lua does; 'error' refuses names that the
        network lacks or that are given twice, and takes the others in the network's order.
    pooling: 'avg' replaces max pooling by average pooling; anything else leaves it.
    devices: the network is cut into as many chunks, one for each; the gradient comes back on
        the first.
    multigpu_strategy: 1-based indices of the layers after which it is cut, loss and TV layers
        counted; empty means after the third layer of the CNN's for two devices.
    exact: on a CPU, small images are rounded as Torch7 does, in up to twice the time.
    generator: where dropout layers draw their masks (the original leaves dropout switched on).

    Raises ValueError if there is no loss at all, if devices and strategy do not match, or for
    layers as missing_layers says.
    Source: neural_style.lua: main, setup_multi_gpu.
    """

    def __init__(
        self,
        cnn: nn.Sequential,
        *,
        content_weight: float,
        style_weight: float,
        tv_weight: float,
        content_layers: Sequence[str],
        style_layers: Sequence[str],
        normalize_gradients: bool,
        pooling: str,
        generator: Generator,
        devices: Sequence[torch.device | str] = ('cpu',),
        multigpu_strategy: Sequence[int] = (),
        losses: str = 'neural_style',
        content_layer_weights: Mapping[str, float] = NO_WEIGHTS,
        style_layer_weights: Mapping[str, float] = NO_WEIGHTS,
        missing_layers: str = 'warn',
        precision: str = 'fp32',
        world: World = SINGLE_PROCESS,
        exact: bool = True,
    ):
        super().__init__()
        self.exact = exact
        self._small = False  # whether the content image is
        self.dtype = PRECISIONS[precision]
        self.tiling: Tiling | None = None  # None: whole images
        self.world = world
        # What every gradient is multiplied by on its way back, and the image's divided by: the
        # range of float16 ends at 6e-8.
        self.scale = FIRST_SCALE if self.dtype == torch.float16 else 1.0
        self.fixed: dict[tuple[nn.Module, torch.dtype], FrozenConvolution] = {}
        self.content_losses: list[ContentLoss] = []
        self.style_losses: list[StyleLoss] = []
        layers: list[Any] = list(cnn)
        graph: Any = cnn if hasattr(cnn, 'rewired') else None  # loadcaffe.graph.Graph has branches
        names = layer_names(cnn)
        if missing_layers == 'error':
            content_layers = _reference_dot('-content_layers', content_layers, names)
            style_layers = _reference_dot('-style_layers', style_layers, names)
        content_at, style_at, depth = loss_positions(names, content_layers, style_layers)
        _warn_of_lost_layers('-content_layers', content_layers, len(content_at), names)
        _warn_of_lost_layers('-style_layers', style_layers, len(style_at), names)
        if depth == 0 and tv_weight <= 0:
            raise ValueError(
                'no loss to minimise: name layers in -content_layers or -style_layers,'
                ' or give a -tv_weight above 0'
            )

        content_kind, style_kind = LOSSES[losses]
        textbook = losses == 'paper'
        default_style = 1 / len(style_layers) if textbook and style_layers else 1
        net: list[nn.Module] = [TVLoss(tv_weight)] if tv_weight > 0 else []
        owners = [-1] * len(net)  # the layer that each module of net stands for or follows
        for index, layer in enumerate(layers[:depth]):
            if isinstance(layer, nn.MaxPool2d) and pooling == 'avg':
                logger.info('Replacing max pooling at layer %d with average pooling', index + 1)
                layer = _average_pooling(layer, names[index], graph is not None)
            elif pooling == 'avg' and hasattr(layer, 'averaging'):
                layer = layer.averaging()  # loadcaffe's own pooling, of unusual geometry
            elif isinstance(layer, nn.Dropout):
                layer = torch7_nn.Dropout(layer.p, generator)
            elif isinstance(layer, nn.ReLU) and net and isinstance(net[-1], Loss):
                # The loss below keeps the features as they were before this ReLU.
                layer = nn.ReLU(inplace=False)
            net.append(layer)
            rectified = (
                not (textbook or graph)
                and index + 1 < depth
                and isinstance(layers[index + 1], nn.ReLU)
            )
            if index in content_at:
                logger.info('Setting up content layer\t%d\t:\t%s', index + 1, names[index])
                weight = content_weight * content_layer_weights.get(names[index], 1)
                content_loss = content_kind(weight, normalize_gradients, rectified)
                self.content_losses.append(content_loss)
                net.append(content_loss)
            if index in style_at:
                logger.info('Setting up style layer  \t%d\t:\t%s', index + 1, names[index])
                weight = style_weight * style_layer_weights.get(names[index], default_style)
                style_loss = style_kind(weight, normalize_gradients, rectified)
                self.style_losses.append(style_loss)
                net.append(style_loss)
            owners += [index] * (len(net) - len(owners))

        self.adding = [layer for layer in net if isinstance(layer, Loss | TVLoss)]
        for adding in self.adding:
            adding.owns_gradient = graph is None
        self.devices = [torch.device(device) for device in devices]
        if graph and len(self.devices) > 1:
            raise ValueError('-gpu: a network with branches runs on one GPU only; name one')
        if graph:
            self.chunks = nn.ModuleList([graph.rewired(net, owners)])
        elif len(self.devices) > 1:
            cuts = multigpu_strategy or _default_strategy(len(self.devices), tv_weight > 0)
            self.chunks = _cut(net, cuts, len(self.devices))
        else:
            self.chunks = nn.ModuleList([nn.Sequential(*net)])
        if world.size > 1:
            self.tiling = self._strips(graph is not None)
        for chunk, device in zip(self.chunks, self.devices, strict=True):
            # The stubs do not know the keyword.
            chunk.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def losses(self) -> Iterator[Loss]:
        """Content losses, then style losses: the order in which they are printed and summed."""
        yield from self.content_losses
        yield from self.style_losses

    def forward(self, image: Tensor) -> Tensor:
        """image: (3, H, W), preprocessed.  Returns the features of the last layer."""
        options = self._options(image)
        features = image.unsqueeze(0)
        if not options.exact:
            # The layout of PyTorch's fastest convolutions: a whole evaluation of VGG-19 takes 1.1
            # times less at 512 x 384 on a CPU.
            features = features.contiguous(memory_format=torch.channels_last)
        for chunk, device in zip(self.chunks, self.devices, strict=True):
            features = features.to(device)
            run: Any = getattr(chunk, 'run', None)
            if run is not None:  # a network with branches
                return _JoinEnds.apply(*run(features, partial(self._call, options)))
            features = self._run(list(chunk.children()), features, options)
        return features

    def gradient(self, image: Tensor) -> Tensor:
        """Of all losses, TV included, times scale: (3, H, W).  Leaves every loss its value."""
        tiles = self._tiles(image)
        if tiles is not None:
            return tiles.gradient(image)
        image = image.detach().requires_grad_()
        features = self(image)
        # Every gradient comes from a loss layer, so the top of the network gets zeros.
        return torch.autograd.grad(features, image, torch.zeros_like(features))[0]

    def forward_only(self, image: Tensor) -> None:
        """Run the network forward alone: every loss gets its value, or its target."""
        with torch.no_grad():
            tiles = self._tiles(image)
            if tiles is None:
                self(image)
            else:
                tiles.forward(image)

    def _tiles(self, image: Tensor) -> TiledEvaluation | None:
        """What runs the network in tiles, if they are wanted and the image is not a small one."""
        if self.tiling is None or (image[0].numel() <= EXACT and image.dtype == torch.float32):
            return None
        whole = self._options(image)

        def run(layers: Sequence[nn.Module], features: Tensor, options: ExecutionOptions) -> Tensor:
            return self._run(layers, features, replace(options, fixed=whole.fixed))

        return TiledEvaluation(
            list(self.chunks[0].children()),
            self.tiling,
            run,
            (image.shape[1], image.shape[2]),
            image.device,
            self.world,
            # columns that are no multiple of 16 take half precision twice the time
            inner=(True, self.dtype == torch.float32 or not whole.fixed),
        )

    def _strips(self, branched: bool) -> Tiling:
        """A strip of every stage for each of several processes."""
        layers = list(self.chunks[0].children())
        begins, local = cuts(layers)
        if branched or len(self.devices) > 1 or local < len(layers):
            raise ValueError(
                'several processes: they can share a network without branches, on one device each,'
                ' whose layers see what is near; name lower layers in -content_layers and'
                ' -style_layers, or run one process'
            )
        ends = [*begins[1:], len(layers)]
        return Tiling(tuple(Stage(a, b, recompute=0) for a, b in zip(begins, ends, strict=True)))

    def _options(self, image: Tensor) -> ExecutionOptions:
        """How layers run, of which the losses are told what concerns them."""
        on_cpu, full = image.device.type == 'cpu', self.dtype == torch.float32
        # a run that is exact has exact targets
        seen_once = any(loss.mode == 'capture' for loss in self.style_losses)
        most = EXACT_STYLE if seen_once and self._small and self.tiling is None else EXACT
        exact = self.exact and on_cpu and full and image[0].numel() <= most
        fixed = not exact and image.dtype == torch.float32 and (on_cpu or not full)
        for loss in self.style_losses:
            loss.exact = exact
        for adding in self.adding:
            adding.scale, adding.applies_relu_backward = self.scale, False
        return ExecutionOptions(exact, fixed)

    def _run(self, layers: Sequence[Any], features: Tensor, options: ExecutionOptions) -> Tensor:
        """Layers one after the other, those that are joined as one."""
        number = 0
        while number < len(layers):
            layer, count = layers[number], fused_length(layers, number) if options.joins else 1
            beyond = layers[number + 2] if count > 2 else None
            if isinstance(beyond, Loss) and not beyond.goes_back():
                beyond, count = None, 2
            features = self._call(options, layer, features, count=count)
            if beyond is not None:
                features = _run_with_relu_backward(beyond, features, options.save_bitmasks)
            number += count
        return features

    def _call(
        self,
        options: ExecutionOptions,
        layer: Any,
        features: Tensor,
        *others: Tensor,
        count: int = 1,
    ) -> Tensor:
        """Run a layer, or those that are joined with it (count, of FixedConvolution).

        A layer of a network with branches may take several inputs.
        """
        _check_fit(layer, features)
        if options.exact and isinstance(layer, nn.Conv2d) and layer.groups == 1:
            return convolve(layer, features)
        if options.joins and can_be_frozen(layer):
            dtype = self.dtype if options.fixed else features.dtype
            return self._fixed(layer, dtype)(features, options, count)
        if options.save_bitmasks and bits.saved_bits(layer) is not None:
            return bits.run(layer, features)
        if options.fixed and layer.state_dict():
            # in full precision, like its weights
            features, others = features.float(), tuple(other.float() for other in others)
        return layer(features, *others)

    def _fixed(self, layer: nn.Conv2d, dtype: torch.dtype) -> FrozenConvolution:
        if (layer, dtype) not in self.fixed:
            self.fixed[layer, dtype] = FrozenConvolution(layer, dtype, layer.weight.device)
        return self.fixed[layer, dtype]

    def capture_content(self, image: Tensor) -> None:
        """Make the features of a preprocessed content image (3, H, W) the content targets."""
        self._small = image[0].numel() <= EXACT
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
        """How much each position of the generated image counts for the style: (1, H, W)."""
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
        """The network as Torch7 prints it."""
        if len(self.devices) == 1:
            return torch7_nn.text(self.chunks[0], backend)
        gpus = [
            GPU((device.index or 0) + 1, chunk)
            for chunk, device in zip(self.chunks, self.devices, strict=True)
        ]
        return torch7_nn.text(nn.Sequential(*gpus), backend)


def _run_with_relu_backward(layer: Any, features: Tensor, save_bitmasks: bool) -> Tensor:
    """Run a loss or a max pooling that sees to the way back of the ReLU right below it."""
    if isinstance(layer, Loss):
        layer.applies_relu_backward = True
        return layer(features)
    if save_bitmasks and bits.saved_bits(layer) is not None:
        return bits.run(layer, features, rectified=True)
    return max_pool_with_relu_backward(layer, features)


class _JoinEnds(torch.autograd.Function):
    """The last of a network's ends; on the way back, the losses on the other ends count as well."""

    @staticmethod
    def forward(ctx, *ends):
        ctx.save_for_backward(*ends[:-1])
        return ends[-1].view_as(ends[-1])

    @staticmethod
    def backward(ctx, gradient):
        return *(torch.zeros_like(end) for end in ctx.saved_tensors), gradient


class GPU(nn.Module):
    """A chunk of the network and the number, from 1, of its device, for printing."""

    def __init__(self, device_number: int, chunk: nn.Module):
        super().__init__()
        self.device_number = device_number
        self.chunk = chunk


def _check_fit(layer: nn.Module, features: Tensor) -> None:
    """Refuse images that a layer cannot take, in words that lead to a flag."""
    if isinstance(layer, nn.Linear):
        if (size := features.flatten(1).shape[1]) != layer.in_features:
            raise ValueError(
                f'-image_size: the fully connected layer {layer.name!r} takes'
                f' {layer.in_features} values and gets {size}: use images of the'
                ' size that the network was made for, or name only layers before it in'
                ' -content_layers and -style_layers'
            )
    elif isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) and is_tileable(layer):
        for axis, size in enumerate(features.shape[2:]):
            if output_sizes([layer], axis, size)[1] < 1:
                pooling = ' by -pooling avg' if isinstance(layer, nn.AvgPool2d) else ''
                raise ValueError(
                    f'-image_size: too small for the {window(layer, axis)[0]} pixels wide window of'
                    f' a {type(layer).__name__} layer{pooling}, which gets {size}; give a larger'
                    ' one'
                )


def _average_pooling(layer: nn.MaxPool2d, name: str, same_size: bool) -> nn.AvgPool2d:
    """Average pooling in the place of max pooling: floor mode, where max pooling is ceil.

    same_size: keep its padding and its mode, for the branches must fit together again.
    """
    if same_size:
        return nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
    if layer.padding not in (0, (0, 0)):
        raise ValueError(f'-pooling avg: layer {name!r} has padding {layer.padding}; use max')
    return nn.AvgPool2d(layer.kernel_size, layer.stride)


def _reference_dot(flag: str, wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """The layers in the order of the network; ValueError for one that it lacks, or given twice."""
    lacking = [name for name in wanted if name not in names]
    if lacking:
        raise ValueError(
            f'{flag}: the network has no layer {", ".join(map(repr, lacking))}; it has'
            f' {", ".join(names)}'
        )
    twice = sorted({name for name in wanted if list(wanted).count(name) > 1})
    if twice:
        raise ValueError(f'{flag}: {", ".join(twice)} is named twice; name each layer once')
    return sorted(wanted, key=list(names).index)


def _warn_of_lost_layers(
    flag: str, wanted: Sequence[str], found: int, names: Sequence[str]
) -> None:
    if found == len(wanted):
        return
    lost = wanted[found]
    reason = (
        f'the network has no layer of that name; it has {", ".join(names)}'
        if lost not in names
        else 'layers are taken in the order of the network, each once'
    )
    logger.warning(
        '%s: %r and what follows it are not used, as in neural_style.lua: %s', flag, lost, reason
    )


def _default_strategy(n_devices: int, tv: bool) -> list[int]:
    if n_devices != 2:
        raise ValueError(
            f'-multigpu_strategy: for {n_devices} GPUs, give the {n_devices - 1} layers after'
            ' which the network is cut, such as 3,12'
        )
    return [3 + tv]


def _cut(net: list[nn.Module], cuts: Sequence[int], n_chunks: int) -> nn.ModuleList:
    bounds = [0, *cuts, len(net)]
    if len(bounds) != n_chunks + 1 or any(a >= b for a, b in zip(bounds, bounds[1:], strict=False)):
        raise ValueError(
            f'-multigpu_strategy {",".join(map(str, cuts))}: {n_chunks} GPUs need {n_chunks - 1}'
            f' increasing layer numbers below {len(net)}'
        )
    return nn.ModuleList(nn.Sequential(*net[a:b]) for a, b in zip(bounds, bounds[1:], strict=False))
