"""Several passes over a video: forward and backward, each from the frames of the last."""

import os
import re
import signal

import pytest
import torch
from clips_written import outputs, same
from small_runs import send
from written import files

from neural_style.command import frames
from neural_style.command.process import main
from neural_style.command.work_folder import HALF_STEP, quantised
from neural_style.transfer.stylize import stylize
from neural_style.video.flow import find_motion, view
from neural_style.video.warping import warp_picture
from tools.drawing.sequences import sequence

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
FLAGS = '-num_iterations 2 -print_iter 1 -noise_scale 20 -output_image out_%d.png'


@pytest.fixture
def calls(monkeypatch):
    """Note content, start and result of every frame that is painted."""
    noted = []

    def traced(cnn, content, styles, **keywords):
        result = stylize(cnn, content, styles, **keywords)
        noted.append((content, keywords['init_image'], result))
        return result

    monkeypatch.setattr(frames, 'stylize', traced)
    return noted


def test_passes_go_forward_and_backward(command, calls, numbered):
    assert command(f'-content_image {numbered(3)} {FLAGS} -num_passes 3') == 0
    assert len(calls) == 9
    shown = [sequence('pan', 36, 48).frame(time) for time in range(3)]
    for (content, _, _), time in zip(calls, [0, 1, 2, 2, 1, 0, 0, 1, 2], strict=True):
        assert float((content - shown[time]).abs().max()) < 0.01
    assert files() == ['f1.png', 'f2.png', 'f3.png', 'out_1.png', 'out_2.png', 'out_3.png']


@pytest.mark.parametrize('weight', [0, 1, 3])
def test_frame_starts_from_itself_blended_with_its_neighbour(command, calls, numbered, weight):
    flags = f'{FLAGS} -num_passes 2 -blendWeight {weight}'
    assert command(f'-content_image {numbered(2)} {flags}') == 0
    contents = [call[0] for call in calls[:2]]
    motion = find_motion(*(view(0, content) for content in contents))
    share = weight * motion.reliability
    neighbour = warp_picture(quantised(calls[2][2]), motion.backward)
    expected = (quantised(calls[0][2]) + share * neighbour) / (1 + share)
    assert torch.allclose(calls[3][1], expected, atol=1e-6)
    assert torch.equal(calls[2][1], quantised(calls[1][2]))  # the last frame has no neighbour


def test_temporal_loss_begins_in_its_pass(command, capsys, numbered):
    flags = f'{FLAGS} -num_passes 3 -use_temporalLoss_after 3'
    assert command(f'-content_image {numbered(2)} {flags}') == 0
    printed = capsys.readouterr().out.partition('Frame 4 of 6')
    assert 'Temporal' not in printed[0] and printed[2].count('Temporal 1 loss') == 2


def test_neighbour_across_a_cut_does_not_count(command, calls, numbered):
    flags = f'{FLAGS} -num_passes 3 -num_iterations 1'
    assert command(f'-content_image {numbered(6, "cut")} {flags}') == 0
    results = {number: quantised(call[2]) for number, call in enumerate(calls)}
    # backward, the first scene begins anew with its last frame; forward, the second with its first
    assert torch.equal(calls[6 + 2][1], results[3])
    assert torch.equal(calls[12 + 4][1], results[6 + 1])


@pytest.mark.parametrize(('at', 'done'), [(3, 'frame 1 of pass 1'), (9, 'frame 1 of pass 2')])
def test_interrupted_passes_go_on_to_the_same_frames(
    command, capsys, at_evaluation, numbered, at, done
):
    flags = f'-content_image {numbered(3)} {FLAGS} -num_passes 2 -original_colors 1'
    assert command(flags) == 0
    expected = outputs()
    for name in expected:
        os.remove(name)
    at_evaluation(at, send(signal.SIGINT))
    assert command(flags) == 130
    message = rf'after {done}; continue with: .*?(-resume \S+)$'
    (resume,) = re.findall(message, capsys.readouterr().err, re.M)
    assert main(resume.split()) == 0
    assert same(outputs(), expected) and len(expected) == 3


@pytest.mark.parametrize(
    'flag', ['-num_passes 0', '-num_passes 1.5', '-use_temporalLoss_after 0', '-blendWeight -1']
)
def test_bad_flags_of_passes_are_refused(command, capsys, numbered, flag):
    assert command(f'-content_image {numbered(1)} {FLAGS} {flag}') == 1
    assert f'{flag}: give' in capsys.readouterr().err


@pytest.mark.parametrize('at', [3, 9, 15])
def test_interrupted_passes_compute_no_flow_twice(command, at_evaluation, numbered, computed, at):
    flags = f'-content_image {numbered(3)} {FLAGS} -num_passes 3'
    at_evaluation(at, send(signal.SIGINT))
    assert command(flags) == 130
    assert command(flags) == 0
    assert len(computed) == len(set(computed)) == 4  # two pairs of frames, forward and backward


def test_quantised_frame_is_in_the_middle_of_its_step():
    picture = torch.tensor([0.0, 0.2, 0.5, 1.0], dtype=torch.float64).expand(3, 1, 4)
    assert float((quantised(picture) - picture).abs().max()) <= HALF_STEP + 1e-12
