"""Histograms of features as the statistic of a style.

Bins are the same for all layers and images, so that histograms of tiles and of style images add
up: 8 in each octave of magnitude from 2⁻¹⁴ to 2¹⁸, of either sign, and one for what is smaller;
what is larger goes into the outermost.  A bin's number is the top of a float32: 8 bits of exponent
and 3 of mantissa.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from neural_style.losses.features import at_least_float32
from neural_style.losses.statistics.base import LayerExtent
from neural_style.losses.statistics.remembered import RememberedStatistic

LOWEST_EXPONENT, HIGHEST_EXPONENT = -14, 18
MANTISSA_BITS = 3
# Bins of either sign.
MAGNITUDES = (HIGHEST_EXPONENT - LOWEST_EXPONENT) << MANTISSA_BITS
BINS = 2 * MAGNITUDES + 1
# Elements of a chunk: a temporary of 1 MB.
CHUNK_ELEMENTS = 1 << 18


class Histogram(RememberedStatistic):
    """Squared differences to the features matched to the histogram of the target, by channel.

    1/(C·H·W) ‖F − R(F)‖².  R is fixed in the gradient: 2/(C·H·W) (F − R(F)).
    The sums are those of 1, F and F² in each bin: (3, C, BINS).  R maps the k-th part of the
    features onto the k-th part of the target's: in each bin it is linear, its mean that of the
    target's part, so that the loss follows from the sums exactly.
    Source: Risser et al. 2017 (Stable and Controllable Neural Texture Synthesis and Style Transfer
    Using Histogram Losses), the histogram loss.
    """

    name = 'histogram'
    scale = 1.0

    def sums(self, features: Tensor, guide: Tensor | None, exact: bool) -> Tensor:
        channels = features.shape[1]
        total = at_least_float32(features.new_zeros(3, channels * BINS))
        for rows, weights, _ in _chunks(features, guide):
            numbers = bin_numbers(rows).flatten()
            for power, sums in enumerate(total):
                terms = rows**power
                terms = terms if weights is None else terms * weights
                sums.add_(torch.bincount(numbers, terms.flatten(), len(sums)).to(sums))
        return total.view(3, channels, BINS)

    def compare(
        self, sums: Tensor, target: Tensor, extent: LayerExtent
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        counts, first, second = sums
        factor, offset = matching(counts, first, *target[:2])
        # F − R(F) = factor · F − offset
        squares = factor.square() * second - 2 * factor * offset * first + offset.square() * counts
        scale = self.scale / (extent.channels * extent.count)
        return scale * squares.sum(), (2 * scale * factor, 2 * scale * offset)

    def gradient(
        self, slope: tuple[Tensor, ...], features: Tensor, guide: Tensor | None, exact: bool
    ) -> Tensor:
        total = torch.zeros_like(at_least_float32(features))
        self.add_gradient(total, slope, 1.0, features, guide)
        return total

    def add_gradient(
        self,
        total: Tensor,
        slope: tuple[Tensor, ...],
        factor: float,
        features: Tensor,
        guide: Tensor | None,
    ) -> None:
        by_feature, offset = (part * factor for part in slope)
        for rows, weights, area in _chunks(features, guide):
            numbers = bin_numbers(rows)
            gradient = by_feature.take(numbers).mul_(rows).sub_(offset.take(numbers))
            gradient = gradient if weights is None else gradient.mul_(weights)
            total[0, :, area].add_(gradient.movedim(-1, 0))

    def shape(self, channels: int) -> tuple[int, ...]:
        return 3, channels, BINS

    def held_bytes(self, channels: int) -> float:
        return 4.0 * (3 + 3 + 2) * channels * BINS

    def workspace_bytes(self, channels: int) -> float:
        return 8.0 * 24 * channels * BINS + 32.0 * CHUNK_ELEMENTS


def bin_numbers(features: Tensor) -> Tensor:
    """Return the number of the bin of each feature (H, W, C), BINS · channel added: int64."""
    bits = features.float().view(torch.int32)
    sign = bits >> 31  # -1 below 0
    lowest = (127 + LOWEST_EXPONENT) << MANTISSA_BITS
    step = (bits & 0x7FFFFFFF).bitwise_right_shift_(23 - MANTISSA_BITS)
    step.sub_(lowest - 1).clamp_(0, MAGNITUDES).bitwise_xor_(sign).sub_(sign)
    channel = torch.arange(features.shape[-1], dtype=torch.int32, device=features.device)
    return step.add_(BINS * channel + MAGNITUDES).long()


def bin_widths(like: Tensor) -> Tensor:
    """Return the widths of the bins, (BINS,), but 0 for the one around 0."""
    octave = torch.arange(LOWEST_EXPONENT, HIGHEST_EXPONENT, dtype=like.dtype, device=like.device)
    widths = torch.exp2(octave - MANTISSA_BITS).repeat_interleave(1 << MANTISSA_BITS)
    return torch.cat([widths.flip(0), widths.new_zeros(1), widths])


def matching(
    counts: Tensor, first: Tensor, target_counts: Tensor, target_first: Tensor
) -> tuple[Tensor, Tensor]:
    """Match histograms: F − R(F) is factor · F − offset in each bin, (C, BINS).

    counts, first: the sums of 1 and of F in each bin, (C, BINS), float64.
    In a bin the slope of R is that between the quarters of its features, and the mean of R that of
    the same part of the target's features.
    """
    target = _Quantiles(target_counts, target_first)
    shares = counts / counts.sum(1, keepdim=True)
    upper = shares.cumsum(1)
    lower = upper - shares
    low, high = (target.value(lower + part * shares) for part in (0.25, 0.75))
    means = (target.integral(upper) - target.integral(lower)) / shares
    means = torch.where(counts > 0, means, low)
    widths = bin_widths(counts)
    slope = (2 * (high - low) / widths).masked_fill(widths == 0, 0.0)
    return 1 - slope, means - slope * (first / counts).masked_fill(counts == 0, 0.0)


class _Quantiles:
    """The quantiles of features that are known by the sums of 1 and of F in each bin.

    The features of a bin are taken to be spread evenly about their mean, as far as it is wide.
    """

    def __init__(self, counts: Tensor, first: Tensor):
        counts = counts.clamp(min=0)  # of a blend with weights below 0
        self._means = (first / counts).masked_fill(counts == 0, 0.0)
        self._shares = counts / counts.sum(1, keepdim=True)
        self._upper = self._shares.cumsum(1)
        self._integral = (self._shares * self._means).cumsum(1)
        self._widths = bin_widths(counts).expand_as(counts).contiguous()

    def value(self, share: Tensor) -> Tensor:
        """Return the features below which these shares are, (C, ...), in each channel."""
        _, position, mean, width = self._locate(share)
        return mean + width * (position - 0.5)

    def integral(self, share: Tensor) -> Tensor:
        """Return the integral of value from 0 to these shares."""
        bins, position, mean, width = self._locate(share)
        shares = self._shares.gather(1, bins)
        above = shares * (mean * (1 - position) + width * position * (1 - position) / 2)
        return self._integral.gather(1, bins) - above

    def _locate(self, share: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return bins, positions in them from 0 to 1, their means and widths."""
        share = torch.minimum(share, self._upper[:, -1:]).clamp(min=torch.finfo(share.dtype).tiny)
        bins = torch.searchsorted(self._upper, share)
        shares = self._shares.gather(1, bins)
        below = self._upper.gather(1, bins) - shares
        position = ((share - below) / shares).masked_fill(shares == 0, 0.0).clamp(0, 1)
        return bins, position, self._means.gather(1, bins), self._widths.gather(1, bins)


def _chunks(
    features: Tensor, guide: Tensor | None
) -> Iterator[tuple[Tensor, Tensor | None, slice]]:
    """Yield features (H, W, C) by some rows, float32 or more, T² or None, and which rows."""
    height, row = features.shape[2], features[:, :, :1].numel()
    step = max(1, CHUNK_ELEMENTS // max(row, 1))
    for start in range(0, height, step):
        area = slice(start, min(start + step, height))
        rows = at_least_float32(features[0, :, area].movedim(0, -1))
        if guide is None:
            yield rows, None, area
        else:
            yield rows, at_least_float32(guide[0, :, area].movedim(0, -1)).square(), area
