"""Warping and reliability: the paper's formulas, written again point by point."""

import math

import pytest
import torch

from neural_style.video.consistency import (
    disoccluded,
    leaves,
    long_term_weights,
    motion_boundary,
    reliability,
    warp,
)


def random_flows(height=11, width=13, seed=0, size=2.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 2, height, width, generator=generator, dtype=torch.float64) * size


def fetch(plane, x, y):
    """Return a bilinear value of a plane (H, W), at the nearest point of it."""
    height, width = plane.shape
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    total = 0.0
    for row in range(height):
        for column in range(width):
            weight = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
            total += weight * float(plane[row, column])
    return total


def test_warp_is_bilinear():
    image, (u, v) = random_flows(seed=1)[0], random_flows()[0]
    warped = warp(image, torch.stack((u, v)))
    for y in range(11):
        for x in range(13):
            for channel in range(2):
                expected = fetch(image[channel], x + float(u[y, x]), y + float(v[y, x]))
                assert float(warped[channel, y, x]) == pytest.approx(expected, abs=1e-12)


def test_warp_by_whole_pixels_is_a_shift():
    image = torch.rand(3, 8, 9)
    flow = torch.zeros(2, 8, 9)
    flow[0], flow[1] = 2, -1
    assert torch.equal(warp(image, flow)[:, 1:, :-2], image[:, :-1, 2:])


def test_disocclusion_is_the_papers():
    backward, forward = random_flows(size=0.6)
    result = disoccluded(backward, forward)
    assert 0 < float(result.double().mean()) < 1
    for y in range(11):
        for x in range(13):
            there = backward[:, y, x].tolist()
            back = [fetch(plane, x + there[0], y + there[1]) for plane in forward]
            error = sum((a + b) ** 2 for a, b in zip(there, back, strict=True))
            lengths = math.hypot(*there) ** 2 + math.hypot(*back) ** 2
            assert bool(result[y, x]) == (error > 0.01 * lengths + 0.5)


def test_motion_boundary_is_the_papers():
    backward = random_flows(size=0.05)[0] + 2
    backward[:, :, 6:] += 0.5
    result = motion_boundary(backward)
    assert 0 < float(result.double().mean()) < 1
    for y in range(1, 10):
        for x in range(1, 12):
            change = ((backward[:, y, x + 1] - backward[:, y, x - 1]) / 2).square().sum()
            change += ((backward[:, y + 1, x] - backward[:, y - 1, x]) / 2).square().sum()
            length = backward[:, y, x].square().sum()
            assert bool(result[y, x]) == bool(change > 0.01 * length + 0.002)


def test_flow_beyond_the_image_is_not_trusted():
    backward = torch.zeros(2, 6, 6)
    backward[0] = 1.5
    assert leaves(backward)[0].tolist() == [False] * 4 + [True] * 2
    assert reliability(backward, -backward)[0, 0].tolist() == [1, 1, 1, 1, 0, 0]


def test_later_frames_come_first_in_the_long_term():
    masks = [torch.tensor([[row]]) for row in ([1.0, 0, 0, 0.25], [1.0, 1, 0, 0.5], [1.0, 1, 1, 1])]
    weights = [weight[0, 0].tolist() for weight in long_term_weights(masks)]
    assert weights == [[1, 0, 0, 0.25], [0, 1, 0, 0.25], [0, 0, 1, 0.25]]


def test_picture_of_one_row_has_reliability():
    assert reliability(torch.zeros(2, 1, 9), torch.zeros(2, 1, 9)).tolist() == [[[1] * 9]]
