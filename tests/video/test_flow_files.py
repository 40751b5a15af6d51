"""Flows of other programs are read as they are, and hostile files refused."""

import struct

import pytest
import torch

from neural_style.errors import SettingError
from neural_style.video.flow import View, view
from neural_style.video.flow_files import flow_file, motion_of_files, read_flow, write_flow


def test_flow_comes_back_from_its_file(tmp_path):
    flow = torch.randn(2, 5, 7)
    write_flow(tmp_path / 'a.flo', flow)
    assert torch.equal(read_flow(tmp_path / 'a.flo'), flow)


def test_flow_file_has_the_bytes_of_middlebury(tmp_path):
    write_flow(tmp_path / 'a.flo', torch.tensor([[[1.0, 3.0]], [[2.0, 4.0]]]))
    expected = struct.pack('<fii4f', 202021.25, 2, 1, 1, 2, 3, 4)
    assert (tmp_path / 'a.flo').read_bytes() == expected


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'PIEH',
        b'PNG ' + bytes(24),
        struct.pack('<4sii', b'PIEH', 1 << 30, 1 << 30),
        struct.pack('<4sii', b'PIEH', -1, 5),
        struct.pack('<4sii', b'PIEH', 1 << 20, 1 << 20) + bytes(64),
        struct.pack('<4sii', b'PIEH', 1, 1) + bytes(9),
    ],
)
def test_hostile_flow_file_is_refused(content, tmp_path):
    (tmp_path / 'a.flo').write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.flo: (not a \.flo file|damaged)'):
        read_flow(tmp_path / 'a.flo')


def test_pattern_names_the_frame_in_brackets_and_the_one_before_in_braces():
    assert flow_file('b_[%d]_{%02d}.flo', 12, 4) == 'b_12_04.flo'


def frame(number):
    return view(number, torch.rand(3, 4, 6))


def test_weights_of_another_program_are_taken(tmp_path):
    flow = torch.ones(2, 4, 6)
    flow[0, 0, 0] = 1e10  # unknown
    write_flow(tmp_path / 'b_2_1.flo', flow)
    weights = torch.full((1, 4, 6), 0.5)
    paths = []

    def read_weight(path):
        paths.append(path)
        return weights

    find = motion_of_files(
        f'{tmp_path}/b_[%d]_{{%d}}.flo', f'{tmp_path}/r_[%d]_{{%d}}.pgm', read_weight
    )
    motion = find(frame(2), frame(1))
    assert paths == [f'{tmp_path}/r_2_1.pgm']
    assert motion.reliability[0, 0].tolist() == [0] + [0.5] * 5
    assert motion.backward[:, 0, :2].tolist() == [[0, 1], [0, 1]]


def test_flow_of_another_size_is_refused(tmp_path):
    write_flow(tmp_path / 'b_2_1.flo', torch.zeros(2, 5, 6))
    find = motion_of_files(f'{tmp_path}/b_[%d]_{{%d}}.flo', 'r_[%d]_{%d}.pgm', None)
    with pytest.raises(SettingError, match='6 x 5 pixels, and the frames are painted at 6 x 4'):
        find(frame(2), frame(1))


def test_missing_flow_is_named(tmp_path):
    find = motion_of_files(f'{tmp_path}/b_[%d]_{{%d}}.flo', '', None)
    with pytest.raises(SettingError, match=r'`flow_pattern`: .*b_2_1\.flo: no such file'):
        find(frame(2), frame(1))


@pytest.mark.parametrize('pattern', ['a.flo', 'a_[%d].flo', 'a_%d_%d.flo'])
def test_pattern_without_both_frames_is_refused(pattern):
    with pytest.raises(SettingError, match='for the frame'):
        motion_of_files(pattern, '', None)


def test_view_is_grey():
    assert isinstance(frame(1), View) and frame(1).grey.shape == (4, 6)
