"""Recordings of the original are replayed; and the judge is shown false ones."""

import json
import shutil

import conformance
import judging
import numpy as np
import pytest
import replaying
from PIL import Image
from samples import DATA

from neural_style.command import process

RUNS = sorted(path.name for path in (DATA / 'runs').iterdir())


@pytest.mark.parametrize('name', RUNS)
def test_run_conforms_to_its_recording(name):
    verdict = conformance.judge(DATA, name)
    assert not verdict.faults, verdict.row()
    if replaying.is_determined(DATA / 'runs' / name) and conformance.sums_as_recorded():
        assert not verdict.differs, f'not equal to the last bit: {verdict.row()}'


@pytest.fixture
def recordings(tmp_path):
    """A copy of one recording that may be falsified."""
    for folder in ('models', 'inputs'):
        (tmp_path / folder).symlink_to(DATA / folder)
    shutil.copytree(DATA / 'runs' / 'tv_only_adam', tmp_path / 'runs' / 'tv_only_adam')
    return tmp_path


def falsify(recordings, file, change):
    path = recordings / 'runs' / 'tv_only_adam' / file
    path.write_text(change(path.read_text()))


def faults(recordings):
    return ' '.join(conformance.judge(recordings, 'tv_only_adam').faults)


def test_the_judge_accepts_a_true_recording(recordings):
    assert faults(recordings) == ''


def test_the_judge_tells_equal_runs_from_passing_ones(recordings):
    folder = recordings / 'runs' / 'tv_only_adam'
    falsify(recordings, 'stdout.txt', lambda text: text.replace('0.000000', '0.000001', 1))
    trace = dict(np.load(folder / 'trace.npz'))
    trace['g_0001'] = np.nextafter(trace['g_0001'], np.float32(0))
    np.savez(folder / 'trace.npz', **trace)
    pixels = judging.read_picture(folder / 'out.png').astype(np.uint8)
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(folder / 'out.png')
    verdict = conformance.judge(recordings, 'tv_only_adam')
    assert verdict.faults == []
    assert verdict.differs == ['text', 'picture', 'gradient']


@pytest.mark.parametrize(
    ('file', 'change', 'fault'),
    [
        ('exit.txt', lambda text: '1\n', 'exit status 0, recorded 1'),
        ('stdout.txt', lambda text: text.replace('nn.TVLoss', 'nn.TV'), 'stdout line'),
        ('stdout.txt', lambda text: text.replace('Style 1 loss: 0.', 'Style 1 loss: 1.'), 'losses'),
        ('stdout.txt', lambda text: text + 'more\t\n', "'more\\t'"),
        ('cmd.txt', lambda text: text.replace('-save_iter 0', '-save_iter 10'), 'files'),
        ('cmd.txt', lambda text: text.replace('-tv_weight 1 ', '-tv_weight 2 '), 'gradient'),
        ('cmd.txt', lambda text: text.replace('-image_size 96', '-image_size 64'), 'out.png is'),
    ],
)
def test_the_judge_notices(recordings, file, change, fault):
    falsify(recordings, file, change)
    assert fault in faults(recordings)


def test_the_judge_holds_the_picture_to_the_noise_floor(recordings):
    (recordings / 'noise').mkdir()
    noise = recordings / 'noise' / 'tv_only_adam.json'
    noise.write_text(json.dumps({'variants': {'Haswell': {'img_mean': 0.0}}}))
    assert faults(recordings) == ''
    picture = recordings / 'runs' / 'tv_only_adam' / 'out.png'
    pixels = judging.read_picture(picture).astype(np.uint8)
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(picture)
    assert 'picture is off by 0.000, floor 0.000' in faults(recordings)


def test_the_judge_notices_a_traceback(recordings, monkeypatch):
    def fail(*args):
        raise KeyError('no such thing')

    monkeypatch.setattr(process, 'run', fail)
    assert "traceback: KeyError: 'no such thing'" in faults(recordings)


@pytest.mark.slow
def test_recordings_over_genuine_weights_conform(golden):
    """Their weights and pictures are not part of the project."""
    for name in ('real_adam', 'real_lbfgs', 'iters1_init_image_same_size'):
        verdict = conformance.judge(golden, name)
        assert not verdict.faults, verdict.row()
