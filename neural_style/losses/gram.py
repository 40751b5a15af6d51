"""Gram matrices of features, and the products that their gradient is made of."""

import torch
from torch import Tensor

from neural_style.kernels import onednn
from neural_style.losses.features import (
    REDUCED_PRECISIONS,
    add_,
    as_channels_last,
    as_hwc,
    at_least_float32,
    is_channels_last,
    row_chunks,
)
from neural_style.torch7.blas import add_product, gemm_tn
from neural_style.torch7.convolution import EXACT_STYLE

# Features of half the precision are converted to float32 this many positions at a time, as many as
# stay in a core's cache, for products that are float32 throughout.
CHUNK_POSITIONS = 4096
# Products in bfloat16 are rounded once a chunk: with that many, of that many positions at least,
# errors cancel.
ROUNDED_CHUNKS, ROUNDED_POSITIONS = 24, 256
# Differences are rounded of so many channels at least: of few, one would see it in the sum of their
# squares.
ROUNDED_CHANNELS = 64
# Rows of a tile whose products are summed side by side.
BATCH_ROWS = 16


def gram_matrix(features: Tensor, exact: bool = True, near: Tensor | None = None) -> Tensor:
    """Sum the products of every two channels over all positions: G = F Fᵀ.

    features: (1, C, H, W).  Returns (C, C), not divided by anything.
    exact: in Torch7's order of summation, for up to EXACT_STYLE positions.
    near: (C, C), what the result will be compared with.  In bfloat16, with many channels, their
        difference is rounded to 8 bits, and not the result to 16, in half the time.
    Source: Gatys et al. 2015, eq. 3; neural_style.lua: GramMatrix.
    """
    is_crop = features.stride(1) == 1 and not is_channels_last(features)
    if is_crop and features.dtype not in REDUCED_PRECISIONS:
        return _gram_of_crop(as_hwc(features))
    if onednn.has_bfloat16_products(features):
        rows = _as_rows(features)
        if near is not None and len(near) >= ROUNDED_CHANNELS:
            return _gram_near(rows, near)
        return _gram_of_bfloat16(rows)
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.dtype in REDUCED_PRECISIONS:
        total = flat.new_zeros(len(flat), len(flat), dtype=torch.float32)
        for chunk in flat.split(CHUNK_POSITIONS, 1):
            chunk = chunk.float()
            total.addmm_(chunk, chunk.t())
        return total
    return gemm_tn(flat, flat) if exact and flat.shape[1] <= EXACT_STYLE else flat @ flat.t()


def _gram_of_bfloat16(features: Tensor) -> Tensor:
    """Take the Gram matrix of features (H * W, C) by products in bfloat16, to 16 bits.

    Products are summed in float32 and then rounded to bfloat16.  What that takes away is a second
    product, from which the first one's result is subtracted before it is rounded.
    """
    count, channels = features.shape
    total = features.new_zeros(channels, channels, dtype=torch.float32)
    length = min(max(count // ROUNDED_CHUNKS, ROUNDED_POSITIONS), CHUNK_POSITIONS)
    whole = count - count % length
    chunks = features[:whole].view(-1, length, channels)
    for batch in (*chunks.split(ROUNDED_CHUNKS), features[None, whole:]):
        transposed = batch.transpose(1, 2)
        products = torch.bmm(transposed, batch)
        total += products.sum(0, dtype=torch.float32)
        total += products.baddbmm_(transposed, batch, beta=-1).sum(0, dtype=torch.float32)
    return total


def _gram_near(features: Tensor, near: Tensor) -> Tensor:
    """Take the Gram matrix of bfloat16 features (H * W, C), its difference to another rounded."""
    subtracted = near.to(features.dtype)
    difference = torch.addmm(subtracted, features.t(), features, beta=-1)
    return difference.float().add_(subtracted)


def _gram_of_crop(features: Tensor) -> Tensor:
    """Take the Gram matrix of a view of features (H, W, C) without copying it."""
    _, _, channels = features.shape
    totals = features.new_zeros(min(len(features), BATCH_ROWS), channels, channels)
    for rows in features.split(BATCH_ROWS):
        totals[: len(rows)].baddbmm_(rows.transpose(1, 2), rows)
    return totals.sum(0)


def multiply(matrix: Tensor, features: Tensor) -> Tensor:
    """Multiply matrix · F, in the layout of the features (1, C, H, W), in float32 or more."""
    features = at_least_float32(features)
    flat = features[0].flatten(1)  # (C, H * W)
    if flat.stride(0) == 1:  # channels last; the product in the same layout
        return (flat.t() @ matrix).t().view_as(features)
    return (matrix @ flat).view_as(features)


def multiply_both(matrix: Tensor, features: Tensor) -> Tensor:
    """Sum matrix · F + matrixᵀ · F, rounded as Torch7 does."""
    flat = at_least_float32(features)[0].flatten(1)
    total = add_product(None, matrix, flat.t())
    return add_product(total, matrix.t(), flat.t(), transposed=True).view(features.shape)


def add_multiplied(gradient: Tensor, matrix: Tensor, features: Tensor) -> None:
    """Add matrix · F to a gradient, (1, C, H, W) like the features.  matrix: symmetric."""
    if features.dtype in REDUCED_PRECISIONS:
        total = as_channels_last(gradient)
        rows, total_rows = _as_rows(features), _as_rows(total)
        if onednn.has_bfloat16_products(features):
            total_rows.addmm_(rows, matrix.to(features.dtype))
        else:
            # Some positions at a time: nothing of the layer's size is ever float32.
            chunks = (x.split(CHUNK_POSITIONS) for x in (rows, total_rows))
            for chunk, chunk_total in zip(*chunks, strict=True):
                add_(chunk_total, chunk.float() @ matrix)
        if total is not gradient:
            gradient.copy_(total)
    elif is_channels_last(gradient):
        gradient[0].flatten(1).t().addmm_(features[0].flatten(1).t(), matrix)
    else:
        rows = as_hwc(gradient)
        rows.baddbmm_(as_hwc(features), matrix.expand(len(rows), *matrix.shape))


def _as_rows(features: Tensor) -> Tensor:
    """View features (1, C, H, W), in the channels-last layout, as (H * W, C); copy others."""
    return as_hwc(features).reshape(-1, features.shape[1])


def guided_gram_matrix(features: Tensor, guide: Tensor | None, exact: bool = True) -> Tensor:
    """Take the Gram matrix of T F.  guide: T, (1, 1, H, W); None: 1 everywhere."""
    if guide is None:
        return gram_matrix(features, exact)
    if exact:
        return gram_matrix(features * guide, exact)
    chunks = zip(*row_chunks(features, guide), strict=True)
    return torch.stack([gram_matrix(rows * t, exact=False) for rows, t in chunks]).sum(0)


def guided_product(matrix: Tensor, features: Tensor, guide: Tensor | None) -> Tensor:
    """Multiply T · matrix · T F, in the layout of the features."""
    if guide is None:
        return multiply(matrix, features)
    return multiply(matrix, features * guide).mul_(guide)


def add_guided_product(
    total: Tensor, matrix: Tensor, features: Tensor, guide: Tensor | None
) -> None:
    """Add T · matrix · T F to a total, some rows at a time.  matrix: symmetric."""
    if guide is None:
        add_multiplied(total, matrix, features)
        return
    for rows, t, total_rows in zip(*row_chunks(features, guide, total), strict=True):
        total_rows.add_(multiply(matrix, rows * t).mul_(t))
