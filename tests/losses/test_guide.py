"""Guides averaged down to the size of features, by parts of equal size or by cells."""

import pytest
import torch

from neural_style.losses.base import Region
from neural_style.losses.guide import Cells, Guide


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_guide_has_the_precision_of_the_features(dtype):
    image = torch.rand(1, 8, 12, dtype=torch.float64)
    guide, x = Guide(image), torch.zeros(1, 3, 4, 6, dtype=dtype)
    want = torch.nn.functional.avg_pool2d(image, 2)[None]
    assert guide.of(x).dtype == dtype
    torch.testing.assert_close(guide.of(x), want.to(dtype))
    # the sum is taken in float32 at least
    total = guide.sum_of_squares(x.shape[2:], x)
    assert total == pytest.approx(float(want.square().sum()), rel=1e-6)


def test_region_of_a_guide_is_a_crop():
    guide = Guide(torch.rand(1, 8, 12))
    guide_map = guide.of(torch.zeros(1, 3, 8, 12))
    region = Region((slice(2, 5), slice(1, 12)), (8, 12))
    assert torch.equal(guide.of(torch.zeros(1, 3, 3, 11), region), guide_map[..., 2:5, 1:12])


@pytest.mark.parametrize(('size', 'step', 'count'), [(8, 2, 4), (9, 2, 5), (37, 16, 3), (5, 1, 5)])
def test_cells_average_the_pixels_of_a_position(size, step, count):
    plane = torch.rand(3, size, dtype=torch.float64)
    want = torch.stack([cell.mean(-1) for cell in plane.split(step, -1)], -1)
    torch.testing.assert_close(Cells(0, step).means(plane, count), want, rtol=1e-14, atol=1e-15)


def test_cells_weigh_halves_of_pixels_and_take_the_nearest_beyond_the_image():
    plane = torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)
    # the pixels from -1.5 to 0.5, from there to 2.5, and so on
    assert Cells(-1.5, 2).means(plane, 4).tolist() == [8.0, (4 + 4 + 1) / 2, 2 / 1.5, 1.0]


def test_guide_by_cells_is_separable_and_keeps_its_bits_at_full_size():
    image = torch.rand(1, 9, 14) > 0.5
    guide = Guide(image, (Cells(0, 4), Cells(0, 2)))
    want = [[block.double().mean() for block in rows.split(2, 2)] for rows in image.split(4, 1)]
    assert guide.of(torch.zeros(1, 3, 3, 7, dtype=torch.float64))[0, 0].tolist() == want
    assert guide.largest((3, 7)) == max(map(max, want))
    full = Guide(image, (Cells(), Cells())).of(torch.zeros(1, 3, 9, 14))
    assert torch.equal(full, image[None].float())
