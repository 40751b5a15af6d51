"""What is optimised: paper left white, luminance alone, the frequencies' weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.torch7.cmdline import split, tonumber
from neural_style.transfer.color import luminance
from neural_style.transfer.preprocessing import MEAN_PIXEL

# The brightest share of a style image, whose mean colour is taken for that of its paper.
PAPER_SHARE = 0.1
# Radius of the rim that stays paintable around what is dark, as a share of the longer side.
MASK_MARGIN = 0.004
# The smallest share of a picture that can hold a style.
MIN_PAINTED_SHARE = 1e-3


class ImageParametrization:
    """What is optimised, and the image that it makes: x = mask · paper + (1 − mask) · filter(z).

    luminance_only: z is one grey plane (1, H, W), and the three channels of x differ by the mean
        pixel alone; else z is (3, H, W).
    mask: (1, H, W) in [0, 1], or None for none; paper: (3, 1, 1), preprocessed.
    fourier_decay: the filter multiplies the Fourier coefficients of each plane by frequency to the
        power of -fourier_decay, so that a step goes further along what is smooth.
    Without any of them, x is z itself.
    """

    def __init__(
        self,
        luminance_only: bool = False,
        mask: Tensor | None = None,
        paper: Tensor | None = None,
        fourier_decay: float = 0,
    ):
        self.luminance_only = luminance_only
        self.mask = mask
        self.paper = paper
        self.fourier_decay = fourier_decay

    def start(self, image: Tensor) -> Tensor:
        """The z of a start image (3, H, W), preprocessed.  What the mask hides is dropped."""
        z = image.mean(0, keepdim=True) if self.luminance_only else image
        return self._filtered(z, inverse=True)

    def image(self, z: Tensor) -> Tensor:
        """The image (3, H, W), preprocessed."""
        x = self._filtered(z)
        if self.luminance_only:
            mean = z.new_tensor(MEAN_PIXEL)
            x = x + (mean.mean() - mean).view(3, 1, 1)
        if self.mask is not None and self.paper is not None:
            x = self.mask * self.paper + (1 - self.mask) * x
        return x

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to z, from that with respect to the image."""
        if self.mask is not None:
            gradient = (1 - self.mask) * gradient
        if self.luminance_only:
            gradient = gradient.sum(0, keepdim=True)
        return self._filtered(gradient)  # it is symmetric

    def _filtered(self, planes: Tensor, inverse: bool = False) -> Tensor:
        """The filter, or its inverse, of planes (C, H, W)."""
        if self.fourier_decay == 0:
            return planes
        height, width = planes.shape[1:]
        like = {'dtype': planes.dtype, 'device': planes.device}
        rows = torch.fft.fftfreq(height, **like)[:, None]
        columns = torch.fft.rfftfreq(width, **like)
        # The mean is moved like the lowest frequency.
        frequency = torch.hypot(rows, columns).clamp(min=1 / max(height, width))
        amplitude = frequency**-self.fourier_decay
        amplitude /= amplitude.square().mean().sqrt()  # noise keeps its strength
        if inverse:
            amplitude = 1 / amplitude
        spectrum = torch.fft.rfft2(planes) * amplitude
        return torch.fft.irfft2(spectrum, s=(height, width)).contiguous()


def bright_area_mask(content: Tensor, low: float, high: float) -> Tensor:
    """Where the content image is bright enough to be left as bare paper.

    content: (3, H, W), RGB in [0, 1].  Luminance low and below gives 0, high and above 1, with a
    smooth step between.  A narrow rim around what is darker, 0.4 % of the longer side wide, is
    kept free for the edges of brush strokes, and the mask is blurred by as much.
    Returns (1, H, W), float64.
    """
    radius = max(1, round(MASK_MARGIN * max(content.shape[1:])))
    bright = luminance(content.double())[None]  # (1, 1, H, W)
    darkest = -functional.max_pool2d(-bright, 2 * radius + 1, 1, radius)
    step = ((darkest - low) / (high - low)).clamp(0, 1)
    mask = step * step * (3 - 2 * step)
    for _ in range(2):
        padded = functional.pad(mask, (radius,) * 4, mode='replicate')
        mask = functional.avg_pool2d(padded, 2 * radius + 1, 1)
    return mask[0]


def resolve_paper_mask(
    paper_mask: str | Tensor, paper_range: str, contents: Sequence[Tensor], styles: Sequence[Tensor]
) -> tuple[Tensor | None, list[Tensor | None]]:
    """The flags -paper_mask and -paper_range: the mask, and a guide for each style image.

    paper_mask: '' for none, 'auto', or a mask (1, H, W).  contents: versions of the content image,
    as given and recoloured: paper is left where one of them is bright.  The guides (1, H, W) say
    what of a style image is painted; they are None without a mask.
    Raises ValueError for other values, and where nothing is left to paint or to take style from.
    """
    low, high = _range(paper_range)
    if isinstance(paper_mask, Tensor):
        if paper_mask.shape != (1, *contents[0].shape[1:]):
            raise ValueError(
                f'-paper_mask has shape {tuple(paper_mask.shape)}, the image'
                f' {tuple(contents[0].shape)}: scale it'
            )
        mask = paper_mask.double()
    elif paper_mask == 'auto':
        masks = [bright_area_mask(content, low, high) for content in contents]
        mask = torch.stack(masks).amax(0)
    elif paper_mask == '':
        return None, [None] * len(styles)
    else:
        raise ValueError(f'-paper_mask {paper_mask}: give auto, or a picture')
    guides: list[Tensor | None] = [1 - bright_area_mask(style, low, high) for style in styles]
    for what, guide in (('-content_image', 1 - mask), *(('-style_image', g) for g in guides)):
        if guide is not None and float(guide.mean()) < MIN_PAINTED_SHARE:
            raise ValueError(
                f'-paper_mask: {what} is nothing but paper; give a -paper_range nearer to 1'
            )
    return mask, guides


def _range(text: str) -> tuple[float, float]:
    found = [tonumber(item) for item in split(text)]
    values = [number for number in found if number is not None]
    if len(found) != 2 or len(values) != 2 or not 0 <= values[0] < values[1] <= 1:
        raise ValueError(
            f'-paper_range {text}: give two luminances from 0 to 1, the lower first: 0.7,0.9'
        )
    return values[0], values[1]


def paper_color(styles: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Mean colour of the brightest tenth of style images (3, H, W), blended: (3, 1, 1), RGB."""
    color = styles[0].new_zeros(3, dtype=torch.float64)
    for style, weight in zip(styles, weights, strict=True):
        bright = luminance(style.double()).flatten()
        count = max(1, round(PAPER_SHARE * bright.numel()))
        color += weight * style.double().flatten(1)[:, bright.topk(count).indices].mean(1)
    return color.view(3, 1, 1)
