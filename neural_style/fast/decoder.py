"""The decoder: paints an image from features that it gives a style's statistics, coarse to fine."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural_style.fast.encoder import LAYERS, Style
from neural_style.fast.statistics import transport

WIDTHS = {'relu4_1': 128, 'relu3_1': 96, 'relu2_1': 48, 'relu1_1': 24}
STYLE_WIDTH = 64


class Modulated(nn.Module):
    """A 3 x 3 convolution whose channels the style scales and shifts, and a ReLU."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(STYLE_WIDTH, 2 * outputs)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity='relu')
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.modulation(style)[..., None, None].chunk(2, 1)
        return torch.addcmul(shift, self.convolution(x), 1 + scale).relu()


class Decoder(nn.Module):
    """Turn coordinates of relu4_1 and relu3_1 into an image.

    At relu4_1, 3_1, 2_1 and 1_1, in this order, it predicts the coordinates of the features of the
    image that it is going to paint (at relu4_1 it has them from the content), gives them the
    statistics of the style, and goes on to the next finer layer.

    deviations: what coordinates deviate by from 0 in pictures, (D,) by layer; 1 until weights are
    loaded.
    """

    def __init__(self, deviations: Mapping[str, Tensor] | None = None):
        super().__init__()
        for name, size in LAYERS.items():
            values = torch.ones(size) if deviations is None else deviations[name].clone()
            self.register_buffer(f'deviation_{name}', values)
        self.style_code = nn.Sequential(
            nn.Linear(2 * sum(LAYERS.values()), STYLE_WIDTH), nn.LeakyReLU(0.2)
        )
        d, w = LAYERS, WIDTHS
        self.enter4 = Modulated(d['relu4_1'], w['relu4_1'])
        self.residual4 = nn.ModuleList(Modulated(w['relu4_1'], w['relu4_1']) for _ in range(2))
        self.leave4 = Modulated(w['relu4_1'], w['relu3_1'])
        self.detail3 = nn.Conv2d(d['relu3_1'], w['relu3_1'], 1)
        self.refine3 = Modulated(w['relu3_1'], w['relu3_1'])
        self.predict3 = _readout(w['relu3_1'], d['relu3_1'])
        self.enter3 = Modulated(d['relu3_1'], w['relu2_1'])
        self.refine2 = Modulated(w['relu2_1'], w['relu2_1'])
        self.predict2 = _readout(w['relu2_1'], d['relu2_1'])
        self.enter2 = Modulated(d['relu2_1'], w['relu1_1'])
        self.refine1 = Modulated(w['relu1_1'], 16)
        self.predict1 = _readout(16, d['relu1_1'])
        self.enter1 = Modulated(d['relu1_1'], 16)
        self.paint = nn.Conv2d(16, 3, 3, padding=1)
        self.paint_directly = nn.Conv2d(d['relu1_1'], 3, 1)
        nn.init.normal_(self.paint.weight, std=0.02)
        nn.init.zeros_(self.paint_directly.weight)
        self.paint_directly.bias = nn.Parameter(torch.full((3,), 0.5))

    def deviation(self, name: str) -> Tensor:
        result: Tensor = getattr(self, f'deviation_{name}')
        return result.view(1, -1, 1, 1)

    def readout(self, name: str) -> nn.Conv2d:
        """Return what reads the coordinates of a layer out of the features of its stage."""
        readouts = {'relu3_1': self.predict3, 'relu2_1': self.predict2, 'relu1_1': self.predict1}
        return readouts[name]

    def describe(self, style: Style) -> Tensor:
        """Return the code of a style, (N, STYLE_WIDTH)."""
        numbers = []
        for name, statistics in style.items():
            deviation = self.deviation(name).view(1, -1)
            variances = statistics.covariance.diagonal(dim1=1, dim2=2)
            numbers.append(statistics.mean / deviation)
            numbers.append((variances / deviation.square() + 1e-2).log())
        code: Tensor = self.style_code(torch.cat(numbers, 1))
        return code

    def coarse(self, z4: Tensor, z3: Tensor, code: Tensor) -> Tensor:
        """Predict the coordinates of relu3_1 from those of relu4_1, and detail from the content."""
        x = self.enter4(z4 / self.deviation('relu4_1'), code)
        x = x + self.residual4[1](self.residual4[0](x, code), code)
        x = enlarge(self.leave4(x, code))
        x = x + self.detail3(z3 / self.deviation('relu3_1'))
        x = self.refine3(x, code)
        return self.predict3(x) * self.deviation('relu3_1')

    def middle(self, z3: Tensor, code: Tensor) -> Tensor:
        """Predict the coordinates of relu2_1 from those of relu3_1."""
        x = enlarge(self.enter3(z3 / self.deviation('relu3_1'), code))
        return self.predict2(self.refine2(x, code)) * self.deviation('relu2_1')

    def fine(self, z2: Tensor, code: Tensor) -> Tensor:
        """Predict the coordinates of relu1_1 from those of relu2_1."""
        x = enlarge(self.enter2(z2 / self.deviation('relu2_1'), code))
        return self.predict1(self.refine1(x, code)) * self.deviation('relu1_1')

    def finish(self, z1: Tensor, code: Tensor) -> Tensor:
        """Turn the coordinates of relu1_1 into an image (N, 3, H, W), RGB, about in [0, 1]."""
        z1 = z1 / self.deviation('relu1_1')
        return self.paint(self.enter1(z1, code)) + self.paint_directly(z1)

    def forward(
        self, z4: Tensor, z3: Tensor, style: Style, detail: float | Tensor = 1.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Paint; return the image and the predicted coordinates by layer."""
        code = self.describe(style)
        z3 = transport(z3, style['relu3_1']) * detail
        predicted = {'relu3_1': self.coarse(transport(z4, style['relu4_1']), z3, code)}
        z3 = transport(predicted['relu3_1'], style['relu3_1'])
        predicted['relu2_1'] = self.middle(z3, code)
        z2 = transport(predicted['relu2_1'], style['relu2_1'])
        predicted['relu1_1'] = self.fine(z2, code)
        z1 = transport(predicted['relu1_1'], style['relu1_1'])
        return self.finish(z1, code), predicted


def enlarge(x: Tensor) -> Tensor:
    """Repeat every pixel 2 x 2 times."""
    return functional.interpolate(x, scale_factor=2, mode='nearest')


def _readout(inputs: int, outputs: int) -> nn.Conv2d:
    readout = nn.Conv2d(inputs, outputs, 1)
    nn.init.normal_(readout.weight, std=0.5 * inputs**-0.5)
    return readout
