"""What a frame takes over from those before it."""

import pytest
import torch

from neural_style.video.continuity import Continuity, MotionTracker
from neural_style.video.flow import Motion, view
from tools.drawing.sequences import sequence


def still(reliabilities):
    """Find no motion, with a reliability by distance."""

    def find(current, previous):
        shape = current.grey.shape
        share = reliabilities[current.number - previous.number]
        return Motion(torch.zeros(2, *shape), torch.full((1, *shape), share))

    return find


def painted(number):
    return torch.full((3, 4, 5), number / 10, dtype=torch.float64)


def follow(find_motion, indices, count):
    tracker, continuity = MotionTracker(find_motion, indices), Continuity(indices)
    takeovers = []
    for number in range(1, count + 1):
        motions = tracker.follow(view(number, torch.zeros(3, 4, 5)))
        takeovers.append(continuity.takeover(motions))
        continuity.add(painted(number))
    return takeovers


def test_frames_are_compared_with_as_many_as_there_are():
    takeovers = follow(still({1: 0.5, 2: 1.0, 4: 1.0}), [4, 1, 2], 6)
    assert [takeover.begins_scene for takeover in takeovers] == [True] + [False] * 5
    assert [len(takeover.terms) for takeover in takeovers] == [0, 1, 2, 2, 3, 3]
    last = takeovers[-1]
    assert [round(float(term.warped[0, 0, 0]), 6) for term in last.terms] == [0.5, 0.4, 0.2]
    assert [float(term.reliability[0, 0, 0]) for term in last.terms] == [0.5, 0.5, 0]
    assert torch.equal(last.previous, painted(5))
    assert torch.allclose(last.warped, painted(5), rtol=0, atol=1e-12)


def test_first_frame_takes_over_nothing():
    takeover = follow(still({}), [1], 1)[0]
    assert takeover.begins_scene and takeover.warped is None and takeover.terms == []


def test_frame_starts_from_the_last_one_without_being_compared():
    takeover = follow(still({1: 1.0}), [], 3)[2]
    assert torch.allclose(takeover.warped, painted(2), rtol=0, atol=1e-12)
    assert takeover.terms == []


def test_memory_is_bounded_by_the_farthest_frame():
    continuity = Continuity([1, 3])
    for number in range(9):
        continuity.add(painted(number))
    assert len(continuity) == 3


def test_scene_after_a_cut_takes_over_nothing_from_before():
    pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
    from neural_style.video.flow import find_motion

    picture = sequence('cut')
    tracker, continuity = MotionTracker(find_motion, [1, 2]), Continuity([1, 2])
    terms = []
    for time in range(7):
        takeover = continuity.takeover(tracker.follow(view(time, picture.frame(time))))
        terms.append(len(takeover.terms))
        continuity.add(picture.frame(time))
    assert terms == [0, 1, 2, 2, 0, 1, 2]
