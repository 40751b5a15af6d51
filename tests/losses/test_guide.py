"""Guides averaged down to the size of features."""

import pytest
import torch

from neural_style.losses.base import Region
from neural_style.losses.guide import Guide


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
