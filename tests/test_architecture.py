"""The architecture: imports go down only, libraries are silent, files are short."""

import ast
import re
import subprocess
import sys
from dataclasses import fields
from functools import cache

import pytest
from samples import ROOT

from neural_style import Settings
from neural_style.command.flags import command_line

# Imports go down only: each line may import from the lines below it, and from its own package.
FLOORS = [
    ['neural_style.__main__'],
    ['neural_style.figures', 'neural_style.web', 'neural_style.notebook', 'neural_style.train'],
    ['neural_style.command'],
    ['neural_style.video', 'neural_style.fast'],
    ['neural_style.transfer'],
    ['neural_style.planning'],
    ['neural_style.network'],
    ['neural_style.tiling'],
    ['neural_style.losses'],
    ['neural_style.kernels', 'neural_style.torch7'],
    [
        *('neural_style.memory', 'neural_style.distributed', 'neural_style.files'),
        *('neural_style.modes', 'loadcaffe'),
    ],
    ['neural_style.errors', 'neural_style.logs'],
]
FLOOR = {package: height for height, line in enumerate(reversed(FLOORS)) for package in line}
# What loadcaffe may need besides the standard library.
FORMAT_LIBRARIES = {'torch', 'numpy', 'google', 'safetensors', 'h5py', 'onnx'}  # onnx: an extra

MODULES = sorted(
    path
    for package in ('neural_style', 'loadcaffe')
    for path in (ROOT / package).rglob('*.py')
    if path != ROOT / 'neural_style' / '__init__.py'  # loads what is asked for, on any floor
)


@cache
def nodes(path):
    """Return all nodes of the syntax tree of a module."""
    return list(ast.walk(ast.parse(path.read_text())))


def module_name(path):
    return '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


def package_of(module):
    """Return the package of FLOORS that a module is in; None for modules of others."""
    return next((p for p in FLOOR if module == p or module.startswith(f'{p}.')), None)


def imports(path):
    """Yield full names of everything that a module imports, anywhere in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path.name}: relative import'
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_imports_go_down_only(path):
    own = package_of(module_name(path))
    assert own is not None, 'a package without a floor'
    for name in imports(path):
        other = package_of(name)
        if other is None:
            assert not name.startswith('neural_style'), f'{name} has no floor'
        elif other != own:
            assert FLOOR[other] < FLOOR[own], f'it imports {name}'


def test_loadcaffe_stands_on_format_libraries_alone():
    names = {
        name.split('.')[0] for path in (ROOT / 'loadcaffe').rglob('*.py') for name in imports(path)
    }
    assert names - set(sys.stdlib_module_names) - {'loadcaffe'} <= FORMAT_LIBRARIES


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_private_operators_of_pytorch_are_called_in_two_modules_only(path):
    if module_name(path) not in ('neural_style.kernels.onednn', 'neural_style.torch7.blas'):
        private = r'torch\.ops\.mkldnn|torch\.ops(?:\.\w+)*\._|torch\._C'
        assert not re.search(private, path.read_text())


@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_only_the_command_prints(path):
    calls = {
        node.func.id
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    # python -m PACKAGE is a command as well.
    assert path.name == '__main__.py' or 'print' not in calls


def test_importing_has_no_effect():
    code = (
        'import io, logging, sys\n'
        'out = sys.stdout = io.StringIO(); before = logging.root.handlers[:]\n'
        'import neural_style.command.process, loadcaffe, neural_style.torch7.nn\n'
        'import neural_style.figures.__main__\n'
        'assert logging.root.handlers == before and out.getvalue() == ""'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


def test_settings_are_flags_with_their_defaults():
    defaults = command_line().defaults()
    settings = {field.name: field.default for field in fields(Settings)}
    assert {name: defaults[name] for name in settings} == settings


PYTHON_FILES = sorted(
    path
    for folder in ('neural_style', 'loadcaffe', 'integrations', 'tools', 'benchmarks', 'tests')
    for path in (ROOT / folder).rglob('*.py')
)
FILE_LINES, FUNCTION_LINES, STYLIZE_LINES = 300, 60, 80
# They read straight down: a table, the algorithm in the order of its source, the one driver.
RECIPES = {'command_line', 'describe_extensions', 'lbfgs', 'stylize'}


def functions(path):
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize('path', PYTHON_FILES, ids=relative)
def test_files_and_functions_are_short(path):
    long = {name: lines for name, lines in functions(path) if lines > FUNCTION_LINES}
    assert len(path.read_text().splitlines()) <= FILE_LINES
    assert long.keys() <= RECIPES
    assert long.get('stylize', 0) < STYLIZE_LINES


def is_private(name):
    return name.startswith('_') and not name.endswith('_')


def private_names(path):
    """Yield private names that a module defines."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
        else:
            continue
        if is_private(name):
            yield name


@cache
def private_names_of_packages():
    paths = [path for path in PYTHON_FILES if 'tests' not in path.parts]
    return {name for path in paths for name in private_names(path)}


def names_reached(path):
    """Yield names that a module imports, reads from objects, or gives to setattr or patch."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ('self', 'cls'):
            yield node.attr
        elif isinstance(node, ast.Call) and re.search(
            r'attr$|patch|object$', ast.unparse(node.func)
        ):
            for word in node.args:
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    yield word.value.rpartition('.')[2]


@pytest.mark.parametrize('path', [p for p in PYTHON_FILES if 'tests' in p.parts], ids=relative)
def test_tests_use_public_names_only(path):
    reached = private_names_of_packages() & set(names_reached(path)) - set(private_names(path))
    assert not reached
