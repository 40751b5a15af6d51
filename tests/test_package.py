"""The package: what it exports, and that it loads nothing before it is used."""

import subprocess
import sys

import pytest
from samples import ROOT

import neural_style


def test_importing_the_package_does_not_import_torch():
    code = 'import sys, neural_style; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize('name', neural_style.__all__)
def test_exported_name_is_that_of_its_module(name):
    exported = getattr(neural_style, name)
    assert exported.__name__ == name
    assert name in dir(neural_style)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="'neural_style' has no attribute 'nosuch'"):
        neural_style.nosuch  # noqa: B018
