"""Warping: bilinear interpolation written again, and pictures that stay sharp."""

import math

import pytest
import torch
from bilinear import fetch, random_flows

from neural_style.video.warping import warp, warp_picture


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


def waves(shift=0.0, height=24, width=30):
    """Return a picture of waves eight pixels long, and what it looks like further on."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    return (0.5 + 0.4 * torch.sin(2 * math.pi * (x + y + shift) / 8)).double().expand(3, -1, -1)


def test_picture_stays_sharp_from_frame_to_frame():
    flow = torch.full((2, 24, 30), 0.5, dtype=torch.float64)
    picture = bilinear = waves()
    for _ in range(4):
        picture, bilinear = warp_picture(picture, flow), warp(bilinear, flow)
    inside = (slice(None), slice(4, -8), slice(4, -8))
    errors = [(moved - waves(4.0))[inside].abs().max() for moved in (picture, bilinear)]
    assert errors[0] < 0.03 and errors[1] > 0.15


def test_warped_picture_has_values_of_a_picture():
    picture = (torch.rand(3, 9, 9) > 0.5).double()
    moved = warp_picture(picture, torch.full((2, 9, 9), 0.4))
    assert float(moved.min()) == 0 and float(moved.max()) == 1
    assert moved.dtype == torch.float64
