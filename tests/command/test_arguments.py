"""The frozen arguments of a run."""

import copy
import dataclasses

import pytest

from neural_style.command.arguments import Arguments

ARGUMENTS = Arguments({'image_size': 512, 'seed': 1}, frozenset({'seed'}))


def test_flags_are_attributes():
    assert (ARGUMENTS.image_size, ARGUMENTS.seed) == (512, 1)
    with pytest.raises(AttributeError, match='no_such_flag'):
        _ = ARGUMENTS.no_such_flag


def test_arguments_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ARGUMENTS.seed = 2


def test_with_values_changes_a_copy_and_keeps_what_is_explicit():
    changed = ARGUMENTS.with_values(image_size=256)
    assert (changed.image_size, changed.seed, changed.explicit) == (256, 1, {'seed'})
    assert ARGUMENTS.image_size == 512


def test_arguments_can_be_copied():
    assert copy.deepcopy(ARGUMENTS) == ARGUMENTS
