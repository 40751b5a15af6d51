"""Where and in which colours the image may be painted: paper left white, luminance alone."""

from torch import Tensor
from torch.nn import functional

from style_transfer.color import luminance
from style_transfer.preprocessing import MEAN_PIXEL

# The brightest share of a style image, whose mean colour is taken for that of its paper.
PAPER_SHARE = 0.1
# Radius of the rim that stays paintable around what is dark, as a share of the longer side.
RIM = 0.004


class Canvas:
    """What is optimised, and the image that it makes: x = mask · paper + (1 − mask) · z.

    luminance_only: z is one grey plane (1, H, W), and the three channels of x differ by the mean
        pixel alone; else z is (3, H, W).
    mask: (1, H, W) in [0, 1], or None for none; paper: (3, 1, 1), preprocessed.
    Without either, x is z itself.
    """

    def __init__(
        self, luminance_only: bool = False, mask: Tensor | None = None, paper: Tensor | None = None
    ):
        self.luminance_only = luminance_only
        self.mask = mask
        self.paper = paper

    def start(self, image: Tensor) -> Tensor:
        """The z of a start image (3, H, W), preprocessed.  What the mask hides is dropped."""
        return image.mean(0, keepdim=True) if self.luminance_only else image

    def image(self, z: Tensor) -> Tensor:
        """The image (3, H, W), preprocessed."""
        x = z
        if self.luminance_only:
            mean = z.new_tensor(MEAN_PIXEL)
            x = z + (mean.mean() - mean).view(3, 1, 1)
        if self.mask is not None and self.paper is not None:
            x = self.mask * self.paper + (1 - self.mask) * x
        return x

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to z, from that with respect to the image."""
        if self.mask is not None:
            gradient = (1 - self.mask) * gradient
        return gradient.sum(0, keepdim=True) if self.luminance_only else gradient


def paper_mask(content: Tensor, low: float = 0.7, high: float = 0.9) -> Tensor:
    """Where the content image is bright enough to be left as bare paper.

    content: (3, H, W), RGB in [0, 1].  Luminance low and below gives 0, high and above 1, with a
    smooth step between.  A narrow rim around what is darker, 0.4 % of the longer side wide, is
    kept free for the edges of brush strokes, and the mask is blurred by as much.
    Returns (1, H, W), float64.
    """
    radius = max(1, round(RIM * max(content.shape[1:])))
    bright = luminance(content.double())[None]  # (1, 1, H, W)
    darkest = -functional.max_pool2d(-bright, 2 * radius + 1, 1, radius)
    step = ((darkest - low) / (high - low)).clamp(0, 1)
    mask = step * step * (3 - 2 * step)
    for _ in range(2):
        padded = functional.pad(mask, (radius,) * 4, mode='replicate')
        mask = functional.avg_pool2d(padded, 2 * radius + 1, 1)
    return mask[0]


def paper_color(style: Tensor) -> Tensor:
    """The mean colour of the brightest tenth of a style image (3, H, W): (3, 1, 1), RGB."""
    bright = luminance(style.double()).flatten()
    count = max(1, round(PAPER_SHARE * bright.numel()))
    brightest = bright.topk(count).indices
    return style.double().flatten(1)[:, brightest].mean(1).view(3, 1, 1)
