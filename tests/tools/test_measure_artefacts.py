"""Rim, grid and burnt pixels of pictures that are known."""

import sys

import numpy as np
from PIL import Image

from tools import measure_artefacts
from tools.measure_artefacts import burnt, grid, rim


def noise(size=(96, 128)):
    return np.random.default_rng(0).normal(128, 20, size)


def test_rim_is_the_roughness_of_the_last_row_and_column():
    luma = noise()
    assert np.allclose(rim(luma), 1, atol=0.25)
    luma[-1] *= 3
    row, column = rim(luma)
    assert row > 2.5 and column < 2


def test_grid_is_seen_at_its_period():
    luma = noise((192, 256))
    assert max(grid(luma, luma).values()) < 2
    luma += 20 * np.cos(np.arange(256) * 2 * np.pi / 4)  # vertical lines
    powers = grid(luma, luma)
    assert powers.pop(4) > 20
    assert max(powers.values()) < 2


def test_slanted_lines_are_no_grid():
    rows, columns = np.mgrid[:96, :128]
    luma = noise() + 20 * np.cos((rows + columns) * 2 * np.pi / 5.66)
    assert grid(luma, luma)[4] < 1


def test_burnt_counts_channels():
    assert burnt(np.array([[[0, 255, 128], [1, 254, 7]]])) == 2 / 6


def test_command_prints_a_row_for_each_picture(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'out.png'
    Image.fromarray(noise().clip(0, 255).astype(np.uint8)).save(path)
    monkeypatch.setattr(sys, 'argv', ['', '--content', str(path), str(path)])
    measure_artefacts.main()
    assert capsys.readouterr().out.splitlines()[-1].startswith('| out.png | ')
