"""Reliability: the paper's formulas, written again point by point."""

import math

import torch
from bilinear import fetch, random_flows

from neural_style.video.consistency import (
    disoccluded,
    leaves,
    long_term_weights,
    motion_boundary,
    reliability,
)


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
