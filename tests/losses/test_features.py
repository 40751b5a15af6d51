"""Views, chunks and sums of features."""

import numpy as np
import pytest
import torch

from neural_style.losses import features as features_module
from neural_style.losses.features import crop, row_chunks, sum_of_squares


@pytest.mark.parametrize('chunk', [1 << 20, 7, 1])
def test_squares_are_summed_one_after_the_other_in_float32(chunk, monkeypatch):
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', chunk)
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 5, 11) * 100
    total = np.float32(0)
    for difference in (a - b).flatten().numpy():
        total += difference * difference
    assert float(sum_of_squares(a, b)) == total


@pytest.mark.parametrize('chunk', [1 << 20, 100, 1])
def test_row_chunks_cover_tensors_of_the_same_height(chunk, monkeypatch):
    monkeypatch.setattr(features_module, 'CHUNK_ELEMENTS', chunk)
    a, b = torch.randn(1, 4, 9, 5), torch.randn(1, 1, 9, 5)
    chunks = list(zip(*row_chunks(a, b), strict=True))
    assert torch.equal(torch.cat([rows for rows, _ in chunks], 2), a)
    assert torch.equal(torch.cat([rows for _, rows in chunks], 2), b)
    assert all(rows.numel() <= max(chunk, 4 * 5) for rows, _ in chunks)


def test_crop_is_a_view():
    features = torch.zeros(1, 2, 4, 5)
    crop(features, (slice(1, 3), slice(0, 2))).fill_(1)
    assert features.sum() == 2 * 2 * 2
