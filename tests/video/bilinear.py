"""Bilinear values, point by point; flows to try them with."""

import torch


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
