"""The house: imports go down only, the libraries are silent, flags and keywords agree."""

import ast
import inspect
import re
import subprocess
import sys

import pytest
from conftest import ROOT

import neural_style
from style_transfer import stylize

STOREYS = {
    'neural_style_figures': 9,
    'neural_style_start': 9,
    'neural_style': 8,
    'neural_style_report': 7,
    'neural_style_pictures': 6,
    'neural_style_checks': 5,
    'neural_style_emergency': 5,
    'neural_style_checkpoint': 4,
    'neural_style_recipe': 4,
    'neural_style_inputs': 3,
    'neural_style_shipped': 3,
    'neural_style_terminal': 3,
    'style_transfer': 2,
    'torch7': 1,
    'loadcaffe': 1,
}
# What loadcaffe may need besides the standard library.
FORMAT_LIBRARIES = {'torch', 'numpy', 'google', 'h5py', 'safetensors'}

MODULES = sorted(
    [
        *ROOT.glob('neural_style*.py'),
        *(path for room in STOREYS for path in (ROOT / room).rglob('*.py')),
    ]
)


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix('.py')


def imports(path):
    """Top names of everything that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path.name}: relative import'
            yield node.module.split('.')[0]


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    own = room(path)
    for name in imports(path):
        if name in STOREYS and name != own:
            assert STOREYS[name] < STOREYS[own], f'{path.name} imports {name}'


def test_loadcaffe_stands_on_format_libraries_alone():
    found = {name for path in (ROOT / 'loadcaffe').rglob('*.py') for name in imports(path)}
    assert found - set(sys.stdlib_module_names) - {'loadcaffe'} <= FORMAT_LIBRARIES


@pytest.mark.parametrize('path', MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_prints(path):
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    # python -m PACKAGE is a command as well.
    assert path.name in ('neural_style.py', '__main__.py') or 'print' not in calls


def test_importing_has_no_effect():
    code = (
        'import io, logging, sys\n'
        'out = sys.stdout = io.StringIO(); before = logging.root.handlers[:]\n'
        'import neural_style, loadcaffe, torch7.nn, style_transfer.devices\n'
        'import neural_style_figures.__main__\n'
        'assert logging.root.handlers == before and out.getvalue() == ""'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


def test_keywords_of_stylize_are_the_flags_with_their_defaults():
    defaults = vars(neural_style.command_line().parse([]))
    # These are the caller's, or stand for what has no flag.
    own = {'devices', 'ranks', 'generator', 'callback', 'before', 'state', 'init_image'}
    own |= {'planned', 'exact', 'style_blend_weights'}
    keywords = {
        name: parameter.default
        for name, parameter in inspect.signature(stylize).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in own
    }
    assert len(keywords) > 12
    assert {name: defaults[name] for name in keywords} == keywords


def test_every_flag_is_in_the_readme_with_its_default():
    readme = (ROOT / 'README.md').read_text()
    for name, default in vars(neural_style.command_line().parse([])).items():
        (line,) = re.findall(rf'^\* `-{name}`.*(?:\n  .*)*', readme, re.M) or [None]
        assert line, f'-{name} is not described'
        if default is False:
            shown = 'off'
        elif isinstance(default, str):
            shown = {'': 'empty', 'nil': 'equal'}.get(default, default)
        else:
            shown = f'{default:g}'
        assert shown in line, f'-{name}: default {shown} is not shown in {line!r}'
