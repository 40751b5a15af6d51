"""Image parametrizations: what is optimised, and the image that it stands for."""

from functools import lru_cache

import torch
from torch import Tensor

from neural_style.transfer.preprocessing import MEAN_PIXEL


class ImageParametrization:
    """The optimised z and the image x that it makes: x = mask · paper + (1 − mask) · filter(z).

    luminance_only: z is one grey plane (1, H, W), and the three channels of x differ by the mean
        pixel alone; otherwise z is (3, H, W).
    mask: (1, H, W) in [0, 1], or None for no paper; paper: (3, 1, 1), preprocessed.
    fourier_decay: the filter multiplies the Fourier coefficients of each plane by
        frequency^-fourier_decay, so that an optimiser moves further along what is smooth.
    Without any of them, x is z itself.
    Source: Mordvintsev et al. 2018, Differentiable Image Parameterizations.
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
        """Return the z that makes an image (3, H, W), preprocessed, where no mask hides it."""
        z = image.mean(0, keepdim=True) if self.luminance_only else image
        return self._filtered(z, inverse=True)

    def image(self, z: Tensor) -> Tensor:
        """Return the image of z: (3, H, W), preprocessed."""
        x = self._filtered(z)
        if self.luminance_only:
            mean = z.new_tensor(MEAN_PIXEL)
            x = x + (mean.mean() - mean).view(3, 1, 1)
        if self.mask is not None and self.paper is not None:
            x = self.mask * self.paper + (1 - self.mask) * x
        return x

    def gradient(self, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to z, given that with respect to the image."""
        if self.mask is not None:
            gradient = (1 - self.mask) * gradient
        if self.luminance_only:
            gradient = gradient.sum(0, keepdim=True)
        return self._filtered(gradient)  # it is symmetric

    def _filtered(self, planes: Tensor, inverse: bool = False) -> Tensor:
        """Apply the filter, or its inverse, to planes (C, H, W)."""
        if self.fourier_decay == 0:
            return planes
        height, width = planes.shape[1:]
        amplitude = _amplitude((height, width), self.fourier_decay, planes.dtype, planes.device)
        if inverse:
            amplitude = 1 / amplitude
        spectrum = torch.fft.rfft2(planes) * amplitude
        return torch.fft.irfft2(spectrum, s=(height, width)).contiguous()


@lru_cache(maxsize=1)
def _amplitude(
    size: tuple[int, int], decay: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return what Fourier coefficients of planes (H, W) are multiplied by: (H, W // 2 + 1)."""
    height, width = size
    rows = torch.fft.fftfreq(height, dtype=dtype, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, dtype=dtype, device=device)
    # The mean is scaled like the lowest frequency.
    frequency = torch.hypot(rows, columns).clamp(min=1 / max(height, width))
    amplitude = frequency**-decay
    return amplitude / amplitude.square().mean().sqrt()  # noise keeps its strength
