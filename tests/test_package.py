"""The package: what it exports, and that it loads nothing before it is used."""

import ast
import re
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


def test_script_maps_the_blocks_of_neural_style_lua_to_files():
    script = ast.parse((ROOT / 'neural_style.py').read_text())
    rows = re.findall(r'^    (\S.*?)  +(\S*\.py.*)$', ast.get_docstring(script), re.M)
    files = {
        block: ''.join((ROOT / path).read_text() for path in paths.split(', '))
        for blocks, paths in rows
        for block in blocks.split(', ')
    }
    for name in ('build_filename', 'preprocess', 'deprocess', 'original_colors'):
        assert f'def {name}(' in files[name]
    for name in ('ContentLoss', 'StyleLoss', 'TVLoss'):
        assert f'class {name}(' in files[name]
    for name in ('main', 'feval', 'setup_gpu', 'setup_multi_gpu', 'GramMatrix'):
        assert f'neural_style.lua: {name}' in files[name] or f'{name}(' in files[name]
