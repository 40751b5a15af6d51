"""The ways to start the program: script, module, console script; checkout, wheel, editable."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from samples import ROOT, without_location
from small_runs import script
from written import files

from neural_style.command.presets import preset_files

# Processes that may import the checkout from any folder, and no other copy first.
CHECKOUT = os.environ | {'PYTHONPATH': str(ROOT)}


def run(arguments, folder, environment=CHECKOUT):
    return subprocess.run(
        list(map(str, arguments)), cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_script_runs_from_any_folder(data, tmp_path):
    done = run(script(data), tmp_path)
    assert (done.returncode, without_location(done.stderr)) == (0, '')
    assert files(tmp_path) == ['out.png']


def test_module_runs_from_any_folder(data, tmp_path):
    python, _, *flags = script(data)
    done = run([python, '-m', 'neural_style', *flags], tmp_path)
    assert (done.returncode, without_location(done.stderr)) == (0, '')
    assert files(tmp_path) == ['out.png']


@pytest.mark.slow
def test_processes_of_a_run_import_the_copy_that_started_them(data, tmp_path):
    for package in ('neural_style', 'loadcaffe'):
        shutil.copytree(ROOT / package, tmp_path / 'copy' / package)
    shutil.copy(ROOT / 'neural_style.py', tmp_path / 'copy')
    main = tmp_path / 'copy' / 'neural_style' / '__main__.py'
    main.write_text('import sys\n\nsys.stderr.write("the copy\\n")\n' + main.read_text())
    (tmp_path / 'here').mkdir()
    python, _, *flags = script(data)
    arguments = [python, tmp_path / 'copy' / 'neural_style.py', *flags]
    done = run([*arguments, '-parallel', 'tiles', '-gpu', '-1,-1'], tmp_path / 'here')
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('the copy\n') == 3  # the starter and its two processes
    assert files(tmp_path / 'here') == ['out.png']


@pytest.mark.skipif(os.name == 'nt', reason='needs POSIX signals')
@pytest.mark.parametrize(
    'start',
    [
        "runpy.run_path(sys.argv[0], run_name='__main__')",
        'from neural_style.__main__ import main; main()',
    ],
    ids=['script', 'installed'],
)
def test_interrupt_while_modules_load_leaves_no_traceback(data, tmp_path, start):
    code = f"""
import builtins, os, runpy, signal, sys
real = builtins.__import__
def load(name, *rest, **more):
    if name == 'torch':
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest, **more)
builtins.__import__ = load
sys.argv[:] = {[str(word) for word in script(data)[1:]]!r}
sys.path.insert(0, {str(ROOT)!r})
{start}
"""
    done = run([sys.executable, '-c', code], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, '', '')


def test_package_data_is_in_the_wheel(wheel):
    for name in preset_files():
        assert f'neural_style/presets/{name}.txt' in wheel
    for name in ('page.html', 'section.html', 'curve.svg'):
        assert f'neural_style/figures/templates/{name}' in wheel
    for suffix in ('prototxt', 'caffemodel'):
        assert f'neural_style/models/small_vgg16.{suffix}' in wheel


@pytest.fixture
def environment(tmp_path):
    """Make an environment that has the libraries of this one, but not the project."""
    folder = tmp_path / 'environment'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', folder], check=True)
    (packages,) = folder.glob('lib/python*/site-packages')
    # A path in a .pth file leaves out the .pth files there, an editable install among them.
    (packages / 'libraries.pth').write_text(sysconfig.get_path('purelib') + '\n')
    return folder


def install(environment, *what):
    python = environment / 'bin' / 'python'
    pip = [sys.executable, '-m', 'pip', '--python', python, 'install', '-q', '--no-deps']
    # Another copy may be installed beside the libraries.
    options = ['--no-build-isolation', '--ignore-installed']
    done = run([*pip, *options, *what], environment.parent, os.environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name == 'nt', reason='needs the folders of POSIX environments')
@pytest.mark.parametrize('form', ['wheel', 'editable'])
def test_installed_program_runs_from_any_folder(data, tmp_path, environment, form):
    if form == 'wheel':
        pip = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation']
        done = run([*pip, '-w', tmp_path, ROOT], tmp_path, os.environ)
        assert done.returncode == 0, done.stderr
        (wheel,) = tmp_path.glob('*.whl')
        names = {Path(name).parts[0] for name in zipfile.ZipFile(wheel).namelist()}
        assert {name for name in names if not name.endswith('.dist-info')} == {
            'neural_style',
            'loadcaffe',
        }
        install(environment, wheel)
    else:
        install(environment, '-e', ROOT)
    folder = tmp_path / 'here'
    folder.mkdir()
    clean = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    binaries = environment / 'bin'
    _, door, *flags = script(data)

    for start in (
        [binaries / 'neural_style'],
        [binaries / 'python', '-m', 'neural_style'],
        [binaries / 'python', door],
    ):
        done = run([*start, *flags], folder, clean)
        assert (done.returncode, without_location(done.stderr)) == (0, ''), start
        assert files(folder) == ['out.png'], start
        os.remove(folder / 'out.png')
    inputs = ROOT / 'examples' / 'inputs'
    images = ['-content_image', inputs / 'harbour.jpg', '-style_image', inputs / 'swirls.jpg']
    quick = ['-preset', 'quick', '-image_size', '32', '-num_iterations', '1', '-gpu', '-1']
    done = run([binaries / 'neural_style', *images, *quick], folder, clean)
    assert done.returncode == 0, done.stderr
    assert re.search('using the small embedded network', done.stderr)
    done = run([binaries / 'neural_style-figures', 'list'], folder, clean)
    assert (done.returncode, done.stderr) == (0, '') and 'style_scale' in done.stdout


@pytest.mark.parametrize('arguments', [['-help'], ['-bogus'], ['-preset', 'list']])
def test_what_asks_for_no_run_is_answered_without_pytorch(arguments):
    code = (
        'import sys; from neural_style.__main__ import main; sys.argv[1:] = sys.argv[2:];'
        ' main(); sys.exit("torch" in sys.modules or "numpy" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code, '', *arguments], capture_output=True)
    assert (done.returncode, done.stdout != b'') == (0, True), done.stderr


# 200: not calculated as the small pictures are
@pytest.mark.parametrize('size', [64, pytest.param(200, marks=pytest.mark.slow)])
def test_run_does_not_import_sympy(data, tmp_path, size):
    python, _, *flags = script(data)
    code = (
        'import sys; from neural_style.__main__ import main; sys.argv[1:] = sys.argv[2:];'
        ' main(); sys.exit("sympy" in sys.modules)'
    )
    flags += ['-image_size', str(size)]
    done = run([python, '-c', code, '', *flags], tmp_path)
    assert (done.returncode, files(tmp_path)) == (0, ['out.png']), done.stderr
