"""Flow by DIS on pictures whose flow is known."""

import pytest
import torch

from neural_style.video.flow import find_motion, view
from neural_style.video.scenes import difference_of_greys, is_cut
from neural_style.video.warping import warp
from tools.drawing.sequences import NAMES, sequence

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
MOVING = [name for name in NAMES if name != 'cut']


def motion(name, time, other):
    picture = sequence(name)
    current, previous = (view(number, picture.frame(number)) for number in (time, other))
    return current, previous, find_motion(current, previous)


@pytest.mark.parametrize('name', MOVING)
def test_known_flow_leads_to_the_same_colours(name):
    picture = sequence(name)
    flow, visible = picture.flow(3, 2)
    difference = warp(picture.frame(2), flow) - picture.frame(3)
    # at the edge of a disc the pixels between are of both sides
    assert float(difference.abs().amax(0)[visible].median()) < 0.02
    assert float(difference[:, visible].square().mean().sqrt()) < 0.05


@pytest.mark.parametrize('name', MOVING)
def test_flow_is_found_within_a_tenth_of_a_pixel(name):
    flow, visible = sequence(name).flow(3, 2)
    found = motion(name, 3, 2)[2].backward
    error = (found - flow).square().sum(0).sqrt()[visible]
    assert float(error.mean()) < 0.1


@pytest.mark.parametrize('name, limit', [('occluder', 0.012), ('parallax', 0.03)])
def test_flow_changes_at_the_edge_of_what_moves(name, limit):
    flow, visible = sequence(name).flow(3, 2)
    error = (motion(name, 3, 2)[2].backward - flow).square().sum(0).sqrt()
    assert float((error > 0.5)[visible].double().mean()) < limit


@pytest.mark.parametrize('name', MOVING)
def test_what_was_hidden_is_not_trusted(name):
    visible = sequence(name).flow(3, 2)[1]
    trusted = motion(name, 3, 2)[2].reliability[0].bool()
    assert float((trusted & ~visible).double().mean()) < 0.01
    assert float((visible & ~trusted).double().mean()) < 0.12


@pytest.mark.parametrize('time', range(1, 7))
def test_scene_begins_at_the_cut_only(time):
    assert is_cut(*motion('cut', time, time - 1)) is (time == 4)


@pytest.mark.parametrize('name', MOVING)
def test_moving_camera_is_no_cut(name):
    assert not is_cut(*motion(name, 3, 2))


def test_black_and_white_have_no_grey_in_common():
    black, white = (view(1, torch.full((3, 8, 8), value)) for value in (0.0, 1.0))
    assert difference_of_greys(black, white) == 1
    assert difference_of_greys(black, black) == 0


def test_tiny_pictures_have_a_flow():
    tiny = view(1, torch.rand(3, 5, 7))
    assert find_motion(tiny, tiny).backward.shape == (2, 5, 7)
