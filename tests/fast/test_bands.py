"""Stages in bands of rows."""

import torch
from torch import nn

from neural_style.fast import bands
from neural_style.fast.bands import in_bands, maps_in_bands


def test_bands_give_what_the_whole_gives(monkeypatch):
    monkeypatch.setattr(bands, 'BAND_POSITIONS', 1)
    torch.manual_seed(0)
    coarse, fine = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 2, 3, padding=1)
    x = torch.randn(1, 2, 12, 5)
    calls = []

    def stage(rows):
        calls.append(rows.shape[2])
        return [y := coarse(rows), fine(y.repeat_interleave(2, 2))]

    with torch.no_grad():
        results = maps_in_bands(stage, [x], 12, 2)
        assert len(calls) > 2
        for result, expected in zip(results, stage(x), strict=True):
            assert torch.allclose(result, expected, atol=1e-6)


def test_small_maps_are_not_divided():
    x = torch.randn(1, 2, 8, 4)
    result = torch.zeros(1)
    assert in_bands(lambda rows: result, [x], 8, 1) is result
