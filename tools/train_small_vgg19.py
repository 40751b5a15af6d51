"""Train the embedded network: a narrow VGG-19 that sees style as the genuine one does.

    python tools/train_small_vgg19.py --vgg VGG.caffemodel --squeezenet SQUEEZENET.caffemodel \
        --pictures FOLDER... --without NAME... --output neural_style/models/small_vgg19

The teachers and the photographs are no part of the project, so they are given by path: Caffe's
VGG_ILSVRC_19_layers (conv1_1 ... conv3_4 are enough) and SqueezeNet 1.0.  The network's layers are
trained together, each on what its teacher's layer says at the same places:

    relu1_1 ... relu3_4    the same layer of VGG-19
    relu4_1 ... relu4_4    fire5 ... fire8 of SqueezeNet; the first two VGG-19's pool3 too
    relu5_1                fire9 of SqueezeNet

What is asked of a layer's features S, given the teacher's T, is that T can be read from S by a
linear map (found anew in every step, by least squares), and that inner products of S at two
positions are those of T up to one factor: then Gram matrices and content losses, which are made
of such products, agree.  S is always taken in the units in which it is used: every filter divided
by its mean activation.  Half of the pictures are cut from photographs and paintings, the others
are drawn here, or painted with the network as it stands, since those are what it will look at.

With --steps 0 the result is a network of random weights (He et al. 2015), divided likewise: the
baseline.  Figures and running times are in docs/network.md.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from google.protobuf import text_format
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import loadcaffe  # noqa: E402
from loadcaffe.formats import schema  # noqa: E402
from neural_style import preprocess  # noqa: E402

log = logging.getLogger('train_small_vgg19')

# VGG-19's convolutions up to conv5_1: name, filters here.  Those of style layers are wider.
WIDTHS = {
    '1_1': 32,
    '1_2': 32,
    '2_1': 64,
    '2_2': 80,
    '3_1': 128,
    '3_2': 112,
    '3_3': 112,
    '3_4': 112,
    '4_1': 192,
    '4_2': 144,
    '4_3': 112,
    '4_4': 112,
    '5_1': 160,
}
# How much a layer counts in training: those with a loss by default, and the last that the
# genuine network knows, more than those on the way.
IMPORTANCE = {'1_1': 2.0, '2_1': 2.0, '3_1': 2.0, '3_4': 1.0, '4_1': 2.0, '4_2': 1.5, '5_1': 1.0}
ON_THE_WAY = 0.5  # and of those, products are not compared
PRODUCTS = 0.5  # how much these count beside the linear map
PEAK = 4.0  # no filter's root mean square is more than this, in its own unit
# Mean activation of every filter after its ReLU, in the files that are written.  As in the
# normalised VGG-19 all filters of a layer weigh the same; but not 1, with which the original's
# -tv_weight of 0.001 would outweigh the losses and leave a grey picture.  With these, the losses of
# noise under the default weights are those of the genuine VGG-19 (measured on two pairs at 512
# pixels up to relu3_1, and from SqueezeNet's scale above).
MEAN_ACTIVATION = {
    '1_1': 25.0,
    '1_2': 60.0,
    '2_1': 93.0,
    '2_2': 110.0,
    '3_1': 140.0,
    '3_2': 150.0,
    '3_3': 160.0,
    '3_4': 180.0,
    '4_1': 200.0,
    '4_2': 398.0,
    '4_3': 150.0,
    '4_4': 60.0,
    '5_1': 19.0,
}

CROP = 128  # pixels
POSITIONS = 128  # of a crop, at which a layer is compared
BATCH = 8
POOL = 720  # crops kept with their teachers' features
PAINT_EVERY = 60  # steps
PAINT_STEPS = 12
BFLOAT16 = True  # convolutions in training; twice as fast where the processor knows it
INPUT_SCALE = 64.0  # pixels are divided by this while training
LEARNING_RATE = 1e-4
POLISH_STEPS, POLISH_RATE = 250, 1e-3  # of one layer, in the beginning
STYLE_LAYERS = ('1_1', '2_1', '3_1', '4_1', '5_1')


class SmallVGG(nn.Module):
    """VGG-19 up to relu5_1, narrow."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.ModuleDict()
        channels = 3
        for name, width in WIDTHS.items():
            layer = nn.Conv2d(channels, width, 3, padding=1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')
            nn.init.zeros_(layer.bias)
            self.convolutions[name] = layer
            self.register_buffer(f'unit{name}', torch.ones(width))
            self.register_buffer(f'centre{name}', torch.zeros(channels))
            channels = width

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W), preprocessed -> the features after each ReLU, by name."""
        features, x, block = {}, image / INPUT_SCALE, '1'
        for name, layer in self.convolutions.items():
            if name[0] != block:
                x, block = functional.max_pool2d(x, 2, ceil_mode=True), name[0]
            x = functional.conv2d(x, layer.weight, self.bias(name), padding=1)
            features[name] = x = x.relu()
        return features

    def bias(self, name: str) -> Tensor:
        """(C,) what a convolution adds.

        The bias that is trained is the response to features at their centre.  All features are
        positive: were it the response to none at all, a step that all weights take together
        would shift everything that follows.
        """
        layer = self.convolutions[name]
        return layer.bias - layer.weight.sum((2, 3)) @ getattr(self, f'centre{name}')

    def in_use(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Features in the units in which they are used: see units."""
        return {
            name: feature / getattr(self, f'unit{name}')[:, None, None]
            for name, feature in features.items()
        }

    @torch.no_grad()
    def follow_units(self, features: dict[str, Tensor], momentum: float) -> None:
        for name, feature in features.items():
            getattr(self, f'unit{name}').lerp_(units(moments(feature)), 1 - momentum)


def moments(feature: Tensor) -> Tensor:
    """(N, C, H, W) -> (2, C): the mean of every filter and of its square."""
    return torch.stack([feature.mean((0, 2, 3)), feature.square().mean((0, 2, 3))])


def units(moments: Tensor) -> Tensor:
    """(C,) what a filter is divided by: its mean activation.

    A filter that responds seldom and then strongly would rule every Gram matrix: its unit is a
    part of its root mean square, or of the layer's mean, if that is more.
    """
    mean, square = moments
    return torch.maximum(mean, square.sqrt() / PEAK).clamp(min=float(mean.mean()) * 0.05 + 1e-8)


class Teachers:
    """The genuine networks: what each layer of the small one should say."""

    def __init__(self, vgg: Path, squeezenet: Path):
        self.vgg = {
            layer.name[4:]: layer.blobs
            for layer in loadcaffe.read(vgg).layers
            if layer.type == 'Convolution'
        }
        self.squeezenet = {
            layer.name: layer.blobs for layer in loadcaffe.read(squeezenet).layers if layer.blobs
        }

    @torch.no_grad()
    def __call__(self, image: Tensor) -> dict[str, list[Tensor]]:
        """(1, 3, H, W), preprocessed -> the teachers' features (C, h, w) for each layer.

        They are those before the ReLU.
        """
        targets = {}
        x = image
        for name in ('1_1', '1_2', '2_1', '2_2', '3_1', '3_2', '3_3', '3_4'):
            if name in ('2_1', '3_1'):
                x = functional.max_pool2d(x, 2)
            x = self._convolve(x if name == '1_1' else x.relu(), self.vgg[name], padding=1)
            targets[name] = [x[0]]
        pool3 = functional.max_pool2d(x, 2)[0]
        fires = self._fires(image)
        height, width = pool3.shape[1:]
        for name, fire in zip(('4_1', '4_2', '4_3', '4_4'), fires[:4], strict=True):
            targets[name] = [fire[:, :height, :width]]
            if name in ('4_1', '4_2'):
                targets[name].append(pool3)
        targets['5_1'] = [fires[4][:, : height // 2, : width // 2]]
        return targets

    def _fires(self, image: Tensor) -> list[Tensor]:
        """fire5 ... fire9 of SqueezeNet 1.0, (C, h, w) each.

        The border is such that position k of fire5 looks at pixel 8 k + 3.5 or 8 k + 4, as VGG's
        conv4_1 does (without it, at 8 k + 9), and that no position is missing.
        """
        x = functional.pad(image, (5, 16, 5, 16), mode='reflect')
        x = self._convolve(x, self.squeezenet['conv1'], stride=2).relu()
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        found = []
        for number in range(2, 10):
            if number in (5, 9):
                x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
            fire = f'fire{number}/conv'
            squeezed = self._convolve(x, self.squeezenet[f'{fire}1x1_1']).relu()
            wide = self._convolve(squeezed, self.squeezenet[f'{fire}3x3_2'], padding=1)
            x = torch.cat([self._convolve(squeezed, self.squeezenet[f'{fire}1x1_2']), wide], 1)
            found.append(x[0])
            x = x.relu()
        return found[3:]

    @staticmethod
    def _convolve(x: Tensor, blobs: list[Tensor], **geometry) -> Tensor:
        weight, bias = blobs
        return functional.conv2d(x, weight, bias.flatten(), **geometry)


class Pictures:
    """Crops to train on: (3, CROP, CROP), preprocessed."""

    def __init__(self, folders: list[Path], without: list[str], rng: np.random.Generator):
        self.rng = rng
        files = [file for folder in folders for file in sorted(folder.iterdir())]
        self.photographs = []
        for file in files:
            if file.suffix.lower() in ('.jpg', '.png') and not any(w in file.name for w in without):
                picture = Image.open(file).convert('RGB')
                picture.thumbnail((800, 800), Image.Resampling.LANCZOS)
                self.photographs.append(picture)
        log.info('%d pictures', len(self.photographs))

    def draw(self) -> Tensor:
        """A crop of a picture (two in three) or a picture drawn here, recoloured and noisy."""
        rng = self.rng
        pixels = self._cut() if rng.random() < 2 / 3 else drawn(rng)
        pixels = recoloured(pixels, rng)
        if rng.random() < 0.3:  # as an unfinished picture, or an old photograph
            noise = rng.standard_normal(pixels.shape)
            if rng.random() < 0.5:
                noise = fractal(rng, 3)
            pixels = pixels + noise * 10 ** rng.uniform(-2.3, -0.5)
        if rng.random() < 0.7:
            pixels = pixels.clip(0, 1)
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return preprocess(image.float())

    def _cut(self) -> np.ndarray:
        rng = self.rng
        picture = self.photographs[rng.integers(len(self.photographs))]
        longest = min(picture.size)
        side = int(min(longest, 96 * (longest / 96) ** rng.random()))
        left, top = (rng.integers(size - side + 1) for size in picture.size)
        box = (left, top, left + side, top + side)
        crop = picture.resize((CROP, CROP), Image.Resampling.BICUBIC, box=box, reducing_gap=2)
        pixels = np.asarray(crop) / 255
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return np.rot90(pixels, rng.integers(4)) if rng.random() < 0.2 else pixels


def recoloured(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) with other colours, mostly mild: gain, offset, gamma, saturation, order."""
    if rng.random() < 0.15:
        pixels = pixels[..., rng.permutation(3)]
    if rng.random() < 0.6:
        grey = pixels.mean(-1, keepdims=True)
        pixels = grey + (pixels - grey) * rng.choice([0.0, rng.uniform(0.3, 1.8)], p=[0.1, 0.9])
        pixels = pixels.clip(0, 1) ** np.exp(rng.normal(0, 0.3))
        pixels = (pixels - 0.5) * rng.uniform(0.5, 1.3) + 0.5 + rng.normal(0, 0.08)
        pixels = pixels * np.exp(rng.normal(0, 0.1, 3))
    return pixels


def fractal(rng: np.random.Generator, channels: int) -> np.ndarray:
    """Noise with power at all scales: (CROP, CROP, channels), about unit variance."""
    persistence, total = rng.uniform(0.4, 1.1), np.zeros((CROP, CROP, channels))
    for octave in range(1, 8):
        grid = rng.standard_normal((channels, 2**octave, 2**octave)).astype(np.float32)
        layers = [
            np.asarray(Image.fromarray(g).resize((CROP, CROP), Image.Resampling.BICUBIC))
            for g in grid
        ]
        total += np.stack(layers, -1) * persistence**octave
    return total / total.std()


def drawn(rng: np.random.Generator) -> np.ndarray:
    """A picture of leaves or brush strokes over clouds of colour: (CROP, CROP, 3)."""
    clouds = 0.5 + 0.2 * fractal(rng, 3)
    picture = Image.fromarray((clouds.clip(0, 1) * 255).astype(np.uint8))
    picture = picture.resize((2 * CROP, 2 * CROP))  # drawn twice as large, against jagged edges
    pen = ImageDraw.Draw(picture)
    palette = rng.integers(0, 256, (rng.integers(2, 12), 3))
    angles = fractal(rng, 1)[..., 0] * rng.uniform(0.2, 2)
    kind = rng.integers(4)
    for _ in range(0 if kind == 3 else rng.integers(20, 600)):
        color = palette[rng.integers(len(palette))] + rng.integers(-20, 20, 3)
        color = tuple(int(c) for c in color.clip(0, 255))
        x, y = rng.integers(0, 2 * CROP, 2)
        size = 4 / (rng.random() + 0.05)
        if kind == 0:  # dead leaves
            pen.ellipse((x - size, y - size, x + size, y + size * rng.uniform(0.3, 1)), color)
        else:
            angle = angles[y // 2, x // 2]
            dx, dy = 2 * size * np.cos(angle), 2 * size * np.sin(angle)
            if kind == 1:  # strokes
                pen.line((x - dx, y - dy, x + dx, y + dy), color, int(rng.integers(1, 7)))
            else:  # shards
                corners = (x - dx, y - dy, x + dy / 2, y - dx / 2, x + dx, y + dy)
                pen.polygon(corners, color, outline=color if rng.random() < 0.5 else (0, 0, 0))
    pixels = np.asarray(picture.resize((CROP, CROP), Image.Resampling.BOX)) / 255
    return pixels * (1 + rng.choice([0.0, 0.1, 0.2]) * fractal(rng, 1))


class Pool:
    """Crops together with their teachers' features at random positions."""

    def __init__(self, teachers: Teachers, rng: np.random.Generator):
        self.teachers = teachers
        self.rng = rng
        self.entries: list[tuple[Tensor, dict[str, tuple[Tensor, list[Tensor]]]]] = []

    def put(self, image: Tensor, limit: int = POOL) -> None:
        """Add a preprocessed crop; where the pool is full, in the place of another."""
        if len(self.entries) < limit:
            self.entries.append(self.entry(image))
        else:
            self.entries[self.rng.integers(limit)] = self.entry(image)

    def entry(self, image: Tensor):
        chosen = {}
        for name, targets in self.teachers(image[None]).items():
            height, width = targets[0].shape[1:]
            inside = torch.zeros(height, width, dtype=torch.bool)
            edge = 2 if name < '4' else int(name < '5')  # where borders count for much
            inside[edge : height - edge, edge : width - edge] = True
            places = inside.flatten().nonzero().flatten().numpy()
            places = self.rng.permutation(places)[:POSITIONS]
            index = torch.from_numpy(np.sort(places))
            chosen[name] = (index, [t.flatten(1)[:, index].relu().half() for t in targets])
        return image, chosen

    def batch(self) -> tuple[Tensor, list]:
        """(BATCH, 3, CROP, CROP) and the entries."""
        chosen = self.rng.choice(len(self.entries), BATCH, replace=False)
        entries = [self.entries[i] for i in chosen]
        return torch.stack([image for image, _ in entries]), [targets for _, targets in entries]


def layer_loss(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """How far features are from telling what the target does.

    features: (N, C), in the units of use.  target: (N, D).  Returns the part of the target's
    variance that no linear map of the features explains, and 1 - the cosine between both
    matrices of inner products of positions, once as they are and once about the mean.
    """
    n, channels = features.shape
    cross, own, theirs = features.t() @ target, features.t() @ features, target.t() @ target
    as_it_is = 1 - cross.square().sum() / (own.norm() * theirs.norm())
    mean, their_mean = features.mean(0), target.mean(0)
    cross = cross - n * torch.outer(mean, their_mean)
    own = own - n * torch.outer(mean, mean)
    theirs = theirs - n * torch.outer(their_mean, their_mean)
    about_mean = 1 - cross.square().sum() / (own.norm() * theirs.norm())
    # With few positions for many channels, a map is found by chance; the ridge forbids it.
    ridge = own.diagonal().mean().detach() * (1e-4 + 0.1 * (channels / n) ** 2) + 1e-8
    solved = torch.linalg.solve(own + ridge * torch.eye(channels), cross)
    unexplained = 1 - (cross * solved).sum() / theirs.trace()
    return unexplained, about_mean + as_it_is


def joined(entries: list, name: str) -> Tensor:
    """The targets of a layer over a batch: (N, D), each teacher with the same weight."""
    parts = []
    for part in zip(*(targets[name][1] for targets in entries), strict=True):
        values = torch.cat([value.float() for value in part], 1).t()  # (N, D)
        parts.append(scaled(values))
    return torch.cat(parts, 1)


def compare(network: SmallVGG, images: Tensor, entries: list, momentum: float | None):
    """The losses of a batch: {name: (unexplained, inner products)}."""
    with torch.autocast('cpu', torch.bfloat16, enabled=BFLOAT16):
        features = {name: feature.float() for name, feature in network(images).items()}
    if momentum is not None:
        network.follow_units(features, momentum)
    losses = {}
    for name, feature in network.in_use(features).items():
        at = torch.stack([targets[name][0] for targets in entries])  # (N, positions)
        index = at[:, None].expand(-1, feature.shape[1], -1)
        chosen = feature.flatten(2).gather(2, index).transpose(1, 2).flatten(0, 1)
        losses[name] = layer_loss(chosen, joined(entries, name))
    return losses


def paint(network: SmallVGG, contents: Tensor, styles: Tensor, steps: int):
    """Yield what pictures look like while they are painted with the network.

    contents, styles: (N, 3, H, W), preprocessed; the first half starts from noise.
    """

    def grams(features):
        return {
            name: torch.einsum('nchw,ndhw->ncd', features[name], features[name])
            / features[name][0].numel()
            for name in STYLE_LAYERS
        }

    with torch.no_grad():
        want = grams(network.in_use(network(styles)))
        content = network.in_use(network(contents))['4_2']
    image = contents.clone()
    half = len(image) // 2
    image[:half] = 40 * torch.randn(image[:half].shape)
    image.requires_grad_()
    optimizer = torch.optim.Adam([image], lr=12.0)
    for step in range(1, steps + 1):
        features = network.in_use(network(image))
        loss = sum(
            ((gram - want[name]).square().sum((1, 2)) / want[name].square().sum((1, 2))).sum()
            for name, gram in grams(features).items()
        )
        loss = loss + 0.3 * (features['4_2'] - content).square().mean()
        (image.grad,) = torch.autograd.grad(loss, image)
        optimizer.step()
        if step % 4 == 0:
            yield image.detach().clone()


def start(network: SmallVGG, teachers: Teachers, images: list[Tensor]) -> None:
    """Train layer after layer, each above the finished ones."""
    targets = [teachers(image[None]) for image in images]
    below = [image[None] / INPUT_SCALE for image in images]
    block = '1'
    for name, layer in network.convolutions.items():
        if name[0] != block:
            below, block = [functional.max_pool2d(x, 2, ceil_mode=True) for x in below], name[0]
        windows, wanted = [], []
        for x, target in zip(below, targets, strict=True):
            places = torch.randperm(x[0, 0].numel())[:POSITIONS]
            windows.append(functional.unfold(x, 3, padding=1)[0][:, places])
            wanted.append([part.flatten(1)[:, places] for part in target[name]])
        at = torch.cat(windows, 1).t()  # (N, C * 9)
        parts = [torch.cat(part, 1).t() for part in zip(*wanted, strict=True)]  # (N, D) each
        centre = at.mean(0).view(-1, 9).mean(1)
        getattr(network, f'centre{name}').copy_(centre)
        at -= centre.repeat_interleave(9)
        with torch.no_grad():
            fit(layer, at, parts[0])
        figures = polish(layer, at, torch.cat([scaled(part.relu()) for part in parts], 1))
        log.info('conv%s: %.3f, products %.3f', name, *figures)
        with torch.no_grad():
            below = [
                functional.conv2d(x, layer.weight, network.bias(name), padding=1).relu()
                for x in below
            ]
            unit = units(torch.stack([moments(x) for x in below]).mean(0))
            layer.weight /= unit[:, None, None, None]
            layer.bias /= unit
            getattr(network, f'unit{name}').fill_(1)
            below = [x / unit[:, None, None] for x in below]


def fit(layer: nn.Conv2d, windows: Tensor, wanted: Tensor) -> None:
    """Make a layer predict its teacher's, by least squares.

    windows: (N, C * 9), the features below.  wanted: (N, D), before the ReLU.  Of the teacher's
    filters those are taken, one after the other, that the ones before tell least about.  The
    first layer could repeat them to the letter, and keeps its random weights.
    """
    if layer.in_channels == 3:
        return
    told = wanted.relu()
    _, order = scipy.linalg.qr((told - told.mean(0)).numpy(), mode='r', pivoting=True)
    wanted = wanted[:, order[: layer.out_channels].copy()]
    own = windows.t() @ windows
    own += 3e-3 * own.diagonal().mean() * torch.eye(len(own))
    mean, middle = windows.mean(0), wanted.mean(0)
    weight = torch.linalg.solve(own, windows.t() @ (wanted - middle))  # (C * 9, filters)
    layer.bias.copy_(middle - mean @ weight)
    layer.weight.copy_(weight.t().reshape(layer.weight.shape))
    unit = units(moments((windows @ weight + layer.bias).relu().t()[None, :, :, None]))
    layer.weight /= unit[:, None, None, None]
    layer.bias /= unit


def polish(layer: nn.Conv2d, windows: Tensor, target: Tensor) -> tuple[float, float]:
    """Train one layer on windows (N, C * 9) of what is below and targets (N, D)."""
    first = layer.in_channels == 3
    steps, rate = (1500, 1e-2) if first else (POLISH_STEPS, POLISH_RATE)
    optimizer = torch.optim.Adam(layer.parameters(), betas=(0.9, 0.99))
    shown = torch.zeros(2)
    for step in range(steps):
        progress = step / steps
        optimizer.param_groups[0]['lr'] = (
            rate * min(1.0, (step + 1) / 30) * (1 + np.cos(np.pi * progress)) / 2
        )
        chosen = torch.randint(len(windows), (2048,))
        features = functional.linear(windows[chosen], layer.weight.flatten(1), layer.bias).relu()
        unit = units(moments(features.detach().t()[None, :, :, None]))
        unexplained, products = layer_loss(features / unit, target[chosen])
        optimizer.zero_grad()
        (unexplained + PRODUCTS * products).backward()
        optimizer.step()
        shown = shown.lerp(torch.stack([unexplained, products]).detach(), 0.1)
    return tuple(shown.tolist())


def scaled(values: Tensor) -> Tensor:
    """(N, D) divided by its total standard deviation, so that all teachers weigh the same."""
    return values / values.var(0).sum().sqrt()


def train(network: SmallVGG, pool: Pool, pictures: Pictures, steps: int, minutes: float) -> None:
    """Train for a number of steps, or until the time is over; the rate falls to 0 by then."""
    optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    start = time.monotonic()
    shown: dict[str, Tensor] = {}
    for step in range(1, steps + 1):
        progress = max(step / steps, (time.monotonic() - start) / 60 / minutes)
        if progress >= 1:
            break
        warm = min(1.0, step / 100)
        optimizer.param_groups[0]['lr'] = LEARNING_RATE * warm * (1 + np.cos(np.pi * progress)) / 2
        losses = compare(network, *pool.batch(), momentum=0.9 if step < 100 else 0.99)
        total = sum(
            IMPORTANCE[name] * (unexplained + PRODUCTS * products)
            if name in IMPORTANCE
            else ON_THE_WAY * unexplained
            for name, (unexplained, products) in losses.items()
        )
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        for name, (unexplained, products) in losses.items():
            now = torch.stack([unexplained, products]).detach()
            shown[name] = shown[name].lerp(now, 0.05) if name in shown else now
        pool.put(pictures.draw())
        if step % PAINT_EVERY == 0 and progress > 0.1:
            images, _ = pool.batch()
            for iterates in paint(network, images, images.roll(3, 0), PAINT_STEPS):
                for image in iterates:
                    pool.put(image)
        if step % 50 == 0:
            log.info('step %d, %.0f s: %s', step, time.monotonic() - start, figures(shown))


def figures(losses: dict) -> str:
    return '  '.join(f'{name} {a:.3f}/{b:.3f}' for name, (a, b) in losses.items())


@torch.no_grad()
def divide(network: SmallVGG, images: list[Tensor]) -> None:
    """Give every filter its mean activation over all pictures and positions.

    The scale of the input goes into the first layer.  A layer's filters are divided, the next
    layer's weights multiplied, so that nothing else changes.
    """
    totals = {name: torch.zeros(2, width) for name, width in WIDTHS.items()}
    for image in images:
        for name, feature in network(image[None]).items():
            totals[name] += moments(feature) / len(images)
    before = torch.full((3,), 1 / INPUT_SCALE)
    for name, layer in network.convolutions.items():
        factor = MEAN_ACTIVATION[name] / units(totals[name])
        rare = int((units(totals[name]) > totals[name][0]).sum())
        log.info('conv%s: %d filters, %d of them respond too seldom', name, len(factor), rare)
        layer.bias.copy_(network.bias(name))
        getattr(network, f'centre{name}').zero_()
        layer.weight.mul_(before[:, None, None]).mul_(factor[:, None, None, None])
        layer.bias.mul_(factor)
        before = 1 / factor


def write(network: SmallVGG, path: Path) -> None:
    """Write path.prototxt and path.caffemodel, in the format of VGG's own files (V1)."""
    net = schema.NetParameter(name=path.name, input=['data'], input_dim=[1, 3, 224, 224])
    below, block = 'data', '1'

    def add(kind, name, top):
        nonlocal below
        layer = net.layers.add(name=name, type=kind, bottom=[below], top=[top])
        below = top
        return layer

    kinds = {name: number for number, (name, _) in schema.V1_TYPES.items()}
    for name, convolution in network.convolutions.items():
        if name[0] != block:
            parameters = add(kinds['POOLING'], f'pool{block}', f'pool{block}').pooling_param
            parameters.pool, parameters.kernel_size, parameters.stride = parameters.MAX, 2, 2
            block = name[0]
        layer = add(kinds['CONVOLUTION'], f'conv{name}', f'conv{name}')
        layer.convolution_param.num_output = convolution.out_channels
        layer.convolution_param.pad.append(1)
        layer.convolution_param.kernel_size.append(3)
        layer.blobs.append(blob(convolution.weight))
        layer.blobs.append(blob(convolution.bias[None, None, None]))
        add(kinds['RELU'], f'relu{name}', below)
    path.with_suffix('.caffemodel').write_bytes(net.SerializeToString(deterministic=True))
    for layer in net.layers:
        layer.ClearField('blobs')
    path.with_suffix('.prototxt').write_text(text_format.MessageToString(net))


def blob(values: Tensor):
    num, channels, height, width = values.shape
    return schema.BlobProto(
        num=num,
        channels=channels,
        height=height,
        width=width,
        data=values.detach().flatten().tolist(),
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--vgg', type=Path, required=True, help='caffemodel of the genuine VGG-19')
    parser.add_argument('--squeezenet', type=Path, required=True, help='its caffemodel')
    parser.add_argument('--pictures', type=Path, nargs='+', required=True, help='folders')
    parser.add_argument('--without', nargs='*', default=[], help='parts of names left out')
    parser.add_argument('--steps', type=int, default=3000, help='0: random weights')
    parser.add_argument('--minutes', type=float, default=80.0, help='stop after these')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--output', type=Path, default=Path('neural_style/models/small_vgg19'))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format='%(message)s')
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    pictures = Pictures(args.pictures, args.without, rng)
    pool = Pool(Teachers(args.vgg, args.squeezenet), rng)
    while len(pool.entries) < (POOL if args.steps else 8 * BATCH):
        pool.put(pictures.draw())
    log.info('%d crops', len(pool.entries))
    network = SmallVGG()
    if args.steps:
        start(network, pool.teachers, [pictures.draw() for _ in range(144)])
    train(network, pool, pictures, args.steps, args.minutes)
    divide(network, [pictures.draw() for _ in range(256)])
    write(network, args.output)
    return 0


if __name__ == '__main__':
    sys.exit(main())
