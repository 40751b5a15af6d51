"""Flows that are kept: each is computed once, and the files stay within their limit."""

import os

import pytest
import torch

from neural_style.video import flow_cache
from neural_style.video.flow import dis_flow, view
from neural_style.video.flow_cache import FlowCache
from tools.drawing.sequences import sequence

pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
BYTES = 2 * 2 * 36 * 48  # of a flow of the frames below


@pytest.fixture
def views():
    picture = sequence('pan', 36, 48)
    return [view(number, picture.frame(number)) for number in range(4)]


@pytest.fixture
def computed(monkeypatch):
    """Count the flows that are computed."""
    calls = []

    def counted(source, target):
        calls.append(1)
        return dis_flow(source, target)

    monkeypatch.setattr(flow_cache, 'dis_flow', counted)
    return calls


def test_kept_flow_is_the_computed_one(views, computed, tmp_path):
    flow = FlowCache(str(tmp_path)).flow(views[1], views[0])
    assert torch.equal(flow, dis_flow(views[1].grey, views[0].grey))
    assert torch.equal(FlowCache(str(tmp_path)).flow(views[1], views[0]), flow)
    assert len(computed) == 1 and flow.dtype == torch.float32


def test_flow_waits_for_the_folder(views, computed, tmp_path):
    folder = str(tmp_path / 'later')
    cache = FlowCache(folder)
    cache.flow(views[1], views[0])
    os.mkdir(folder)
    cache.store()
    FlowCache(folder).flow(views[1], views[0])
    assert len(computed) == 1


def test_files_stay_within_their_limit(views, computed, tmp_path):
    for _ in range(2):
        cache = FlowCache(str(tmp_path), limit=2 * BYTES)
        for number in (1, 2, 3):
            cache.flow(views[number], views[number - 1])
    assert sorted(os.listdir(tmp_path)) == ['flow_1_0.npy', 'flow_2_1.npy']
    assert len(computed) == 3 + 1


def test_flows_of_a_finished_frame_are_removed(views, tmp_path):
    cache = FlowCache(str(tmp_path))
    for source, target in ((1, 0), (0, 1), (2, 1), (3, 1)):
        cache.flow(views[source], views[target])
    cache.forget(1)
    cache.forget(2)
    assert os.listdir(tmp_path) == ['flow_3_1.npy']


@pytest.mark.parametrize('content', [b'', b'no array', b'\x93NUMPY\x01\x00'])
def test_damaged_file_is_computed_again(views, content, tmp_path):
    (tmp_path / 'flow_1_0.npy').write_bytes(content)
    flow = FlowCache(str(tmp_path)).flow(views[1], views[0])
    assert torch.equal(flow, dis_flow(views[1].grey, views[0].grey))


def test_full_disk_costs_no_flow(views, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(flow_cache, 'write_whole', fail)
    assert FlowCache(str(tmp_path)).flow(views[1], views[0]).shape == (2, 36, 48)
    assert os.listdir(tmp_path) == []
