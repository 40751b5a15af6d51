"""Statistics smoothed over the frames of a video."""

import torch

from neural_style.fast.smoothing import SHARE, Smoothing
from neural_style.fast.statistics import Statistics


def statistics(value):
    return Statistics(torch.full((1, 2), value), torch.eye(2)[None])


def test_first_frame_keeps_its_statistics():
    first = statistics(3.0)
    assert Smoothing()('relu3_1', first) is first


def test_later_frames_change_statistics_slowly():
    smoothing = Smoothing()
    smoothing('relu3_1', statistics(1.0))
    assert torch.allclose(smoothing('relu3_1', statistics(2.0)).mean, torch.tensor(1 + SHARE))


def test_scene_begins_where_statistics_leap():
    smoothing = Smoothing()
    smoothing.begin_frame('relu4_1', statistics(1.0))
    smoothing('relu3_1', statistics(1.0))
    other = statistics(9.0)
    assert smoothing.begin_frame('relu4_1', other) is other
    assert smoothing('relu3_1', other) is other
