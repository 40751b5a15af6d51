"""A video that was stopped goes on at the frame, as if nothing had been."""

import errno
import json
import os
import re
import signal
from fractions import Fraction

import pytest
import torch
from clips_written import outputs, read, same
from small_runs import fail, send
from written import files

from neural_style.command import video_output, work_folder
from neural_style.command.process import main

pytest.importorskip('av', reason='needs PyAV, of the extra [video]')
pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
SHORT = '-num_iterations 3,2 -print_iter 1'


@pytest.mark.parametrize(
    ('flags', 'at', 'done'),
    [('', 4, 1), ('-optimizer adam', 8, 3), ('-flow_relative_indices 1,2 -color content', 8, 3)],
)
def test_interrupted_video_goes_on_to_the_same_frames(
    command, capsys, at_evaluation, numbered, flags, at, done
):
    flags = f'-content_image {numbered(4)} -output_image out_%d.png {SHORT} {flags}'
    assert command(flags) == 0
    expected = outputs()
    for name in expected:
        os.remove(name)
    at_evaluation(at, send(signal.SIGINT))
    assert command(flags) == 128 + signal.SIGINT
    message = rf'after frame {done} of 4; continue with: .*?(-resume \S+)$'
    (resume,) = re.findall(message, capsys.readouterr().err, re.M)
    assert main(resume.split()) == 0
    assert same(outputs(), expected) and len(expected) == 4


@pytest.mark.parametrize('at', [2, 5, 8])
def test_no_flow_is_computed_twice(command, at_evaluation, numbered, computed, at):
    flags = f'-content_image {numbered(4)} -output_image out_%d.png {SHORT}'
    flags += ' -flow_relative_indices 1,2'
    at_evaluation(at, send(signal.SIGINT))
    assert command(flags) == 130
    has_begun = 'out_%d.frames' in files()
    computed[:] = computed if has_begun else []  # a run that ends in its first frame leaves nothing
    assert command(flags) == 0
    assert len(computed) == len(set(computed)) == 2 * (3 + 2)


def test_drawn_seed_is_that_of_all_frames(command, at_evaluation, numbered):
    flags = f'-content_image {numbered(2)} -output_image out_%d.png {SHORT} -noise_scale 50'
    at_evaluation(4, send(signal.SIGINT))
    command(f'{flags} -seed -1 -init random,random')
    with open('out_%d.frames/state.json') as file:
        seed = json.load(file)['settings']['generator_seed']
    assert main(['-resume', 'out_%d.frames']) == 0
    resumed = outputs()
    assert command(f'{flags} -seed {seed} -init random,random') == 0
    assert same(outputs(), resumed)


def test_same_command_goes_on_and_another_is_refused(command, capsys, at_evaluation, clip):
    flags = f'-content_image {clip} -output_image out.mp4 {SHORT}'
    at_evaluation(6, send(signal.SIGTERM))
    assert command(flags) == 128 + signal.SIGTERM
    assert command(f'{flags} -style_weight 7') == 1
    assert 'out.frames has frames of a run with other flags' in capsys.readouterr().err
    assert command(flags) == 0
    captured = capsys.readouterr().out
    assert '4 frames, 2 of them finished' in captured and 'Frame 4 of 4' in captured
    assert files() == ['clip.mp4', 'out.mp4'] and len(read('out.mp4')) == 4


def test_interrupt_in_the_first_frame_leaves_nothing(command, capsys, at_evaluation, clip):
    at_evaluation(2, send(signal.SIGINT))
    assert command(f'-content_image {clip} {SHORT}') == 130
    assert 'in the first frame; nothing to save' in capsys.readouterr().err
    assert files() == ['clip.mp4']


def test_killed_while_a_frame_was_noted_goes_on(command, at_evaluation, clip):
    flags = f'-content_image {clip} {SHORT}'
    at_evaluation(6, send(signal.SIGINT))
    command(flags)
    with open('out.frames/frames.jsonl', 'a') as file:
        file.write('[3, "1/')
    assert command(flags) == 0
    assert len(read('out.mp4')) == 4


def test_full_disk_keeps_the_finished_frames(command, capsys, clip, monkeypatch):
    real, saved = work_folder.image.save, []

    def save(path, *options):
        saved.append(path)
        if len(saved) == 3:
            fail(OSError(errno.ENOSPC, 'No space left on device'))()
        real(path, *options)

    monkeypatch.setattr(work_folder.image, 'save', save)
    assert command(f'-content_image {clip} {SHORT}') == 1
    assert 'after frame 2 of 4; continue with' in capsys.readouterr().err
    assert main('-resume out.frames'.split()) == 0
    assert len(read('out.mp4')) == 4


def test_other_flags_are_refused_with_resume(command, capsys, at_evaluation, clip):
    at_evaluation(6, send(signal.SIGINT))
    command(f'-content_image {clip} {SHORT}')
    capsys.readouterr()
    assert main('-resume out.frames -style_weight 3'.split()) == 1
    assert 'the run started with -style_weight 100' in capsys.readouterr().err
    assert main('-resume out.frames -video_crf 30'.split()) == 0


@pytest.mark.parametrize(
    'state',
    [
        '[' * 100_000,
        '[]',
        '{"format": 1, "settings": {}, "sums": {}}',
        '{"format": 1, "settings": {"generator_seed": "x"}, "sums": {}}',
        '{"format": 1, "settings": {"generator_seed": 1, "num_passes": []}, "sums": {}}',
    ],
    ids=lambda state: state[:60],
)
def test_folder_of_something_else_is_refused(command, capsys, state):
    os.mkdir('a.frames')
    with open('a.frames/state.json', 'w') as file:
        file.write(state)
    assert command('-resume a.frames') == 1
    message = '-resume a.frames: these are not the frames of an interrupted run'
    assert message in capsys.readouterr().err
    assert files() == ['a.frames']


def test_frame_in_memory_is_the_one_in_its_file(tmp_path):
    folder = work_folder.WorkFolder(str(tmp_path / 'frames'))
    picture = torch.rand(3, 17, 19, dtype=torch.float64) * 1.2 - 0.1
    os.mkdir(folder.path)
    folder.save(work_folder.FrameRecord(1, Fraction(0), begins_scene=True), picture, None)
    assert torch.equal(folder.painted(1), work_folder.quantised(picture))


def test_disk_that_fills_while_encoding_loses_nothing(command, capsys, clip, monkeypatch):
    def refuse(path, frames, *options, **others):
        next(iter(frames))
        fail(OSError(errno.ENOSPC, 'No space left on device', path))()

    with monkeypatch.context() as patch:
        patch.setattr(video_output, 'encode_video', refuse)
        assert command(f'-content_image {clip} {SHORT}') == 1
    error = capsys.readouterr().err
    assert 'out.mp4: cannot write the video: No space left' in error and 'after frame 4' in error
    assert command(f'-content_image {clip} {SHORT}') == 0
    assert 'Iteration' not in capsys.readouterr().out
    assert len(read('out.mp4')) == 4 and files() == ['clip.mp4', 'out.mp4']


def test_frame_that_could_not_be_written_is_painted_by_the_next_run(command, capsys, numbered):
    flags = f'-content_image {numbered(3)} -output_image out_%d.png {SHORT}'
    assert command(flags) == 0
    expected = outputs()
    os.remove('out_2.png')
    os.mkdir('out_2.png')
    assert command(flags) == 1
    assert 'out_2.png: cannot write' in capsys.readouterr().err
    os.rmdir('out_2.png')
    assert main(['-resume', 'out_%d.frames']) == 0
    assert same(outputs(), expected) and len(outputs()) == 3
