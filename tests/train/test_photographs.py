"""Photographs to train on."""

import numpy as np
import pytest

from neural_style.train.photographs import Photographs, files_in


def test_pictures_of_a_folder_are_listed_in_order(photos):
    (photos / 'notes.txt').write_text('none')
    (photos / 'folder.png').mkdir()
    assert [path.name for path in files_in([photos])] == ['0.png', '1.png', '2.png']
    assert [path.name for path in files_in([photos], ['1'])] == ['0.png', '2.png']


def test_crops_depend_on_the_random_numbers_alone(photos):
    crops = [Photographs(files_in([photos])).crop(np.random.default_rng(3), 32) for _ in range(2)]
    assert crops[0].shape == (3, 32, 32)
    assert (crops[0] == crops[1]).all()
    assert 0 <= crops[0].min() and crops[0].max() <= 1


def test_broken_photographs_are_named_and_passed_over(photos, caplog):
    (photos / '0.png').write_bytes((photos / '0.png').read_bytes()[:200])
    (photos / '1.png').write_text('no picture')
    supply = Photographs(files_in([photos]))
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert supply.crop(rng, 32).isfinite().all()
    assert {path.name for path in supply.unreadable} == {'0.png', '1.png'}
    assert len(caplog.messages) == 2 and '0.png: skipped' in ' '.join(caplog.messages)


def test_folder_of_broken_photographs_is_refused(photos):
    for path in photos.iterdir():
        path.write_text('no picture')
    supply = Photographs(files_in([photos]))
    with pytest.raises(ValueError, match='hardly a photograph in it can be read'):
        supply.crop(np.random.default_rng(0), 32)
    with pytest.raises(ValueError, match='no photograph in it can be read'):
        supply.first()
