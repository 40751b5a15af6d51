"""Rows of feature maps, and gradients accumulated from tiles."""

import pytest
import torch
from torch import nn

from neural_style.network.windows import layer_windows
from neural_style.tiling.bands import GradientAccumulator, RowBand
from neural_style.tiling.geometry import tiles
from neural_style.tiling.stages import Stage, StageTiles

CONVOLUTIONS = [nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 5, padding=2), nn.MaxPool2d(2)]


def stage_tiles(size, side):
    windows = [layer_windows(layer) for layer in CONVOLUTIONS]
    shard = tiles(windows, size, side, {2})
    return StageTiles(Stage(0, 3, side), CONVOLUTIONS, [shard])


def map_of(size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-99, 99, (1, 3, *size), generator=generator).double()


@pytest.mark.parametrize('size', [(64, 64), (97, 131), (40, 300)])
@pytest.mark.parametrize('side', [16, 32, 48])
def test_gradient_is_the_sum_of_those_of_tiles(size, side):
    features, want = map_of(size), torch.zeros(1, 3, *size, dtype=torch.float64)
    total = GradientAccumulator(RowBand(torch.full_like(features, torch.nan)))
    for tile in stage_tiles(size, side).shards[0]:
        gradient = features[..., tile.crop[0], tile.crop[1]]
        want[..., tile.crop[0], tile.crop[1]] += gradient
        total.add(gradient, tile.crop)
    assert torch.equal(total.finish().rows, want)


@pytest.mark.parametrize('size', [(64, 64), (97, 131), (40, 300), (300, 40)])
@pytest.mark.parametrize('side', [16, 32, 48, 64])
def test_gradient_takes_no_features_that_are_still_needed(size, side):
    tiling = stage_tiles(size, side)
    shard, features = tiling.shards[0], map_of(size)
    lead = tiling.gradient_lead(0)
    buffer = torch.full((1, 3, lead + size[0], size[1]), torch.nan, dtype=torch.float64)
    buffer[:, :, lead:] = features
    band = RowBand(buffer[:, :, lead:], 0, buffer)
    total, want = GradientAccumulator(band.in_place()), torch.zeros_like(features)
    crops = [band.crop(shard[0].crop).clone()]
    for number, tile in enumerate(shard):
        gradient = crops.pop()
        assert torch.equal(gradient, features[..., tile.crop[0], tile.crop[1]])
        if number + 1 < len(shard):
            crops.append(band.crop(shard[number + 1].crop).clone())
        want[..., tile.crop[0], tile.crop[1]] += gradient
        total.add(gradient, tile.crop)
    assert torch.equal(total.finish().rows, want)


def test_gradient_shares_the_memory_of_features():
    buffer = torch.zeros(1, 3, 20, 8)
    band = RowBand(buffer[:, :, 4:], 5, buffer)
    gradient = band.in_place()
    assert gradient.first == 5 and gradient.rows.shape == band.rows.shape
    assert gradient.rows.data_ptr() == buffer.data_ptr()
    assert RowBand(buffer).in_place() is None


@pytest.mark.parametrize(
    ('size', 'side', 'is_spared'), [((80, 67), 24, False), ((264, 200), 64, True)]
)
def test_gradient_leads_by_what_neighbours_share(size, side, is_spared):
    """Where only neighbours overlap, the gradient takes a few rows more, not those of a tile."""
    tiling = stage_tiles(size, side)
    rows = max(tile.crop[0].stop - tile.crop[0].start for tile in tiling.shards[0])
    assert (tiling.gradient_lead(0) <= 0.5 * rows) == is_spared


def test_band_is_cropped_by_rows_of_the_whole_map():
    rows = torch.arange(24.0).view(1, 1, 6, 4)
    band = RowBand(rows, first=10)
    assert torch.equal(band.crop((slice(12, 14), slice(1, 3))), rows[..., 2:4, 1:3])
    assert band.without_data().rows.device.type == 'meta'
    assert band.without_data().rows.shape == rows.shape
