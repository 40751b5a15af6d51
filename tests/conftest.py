"""Fixtures of the whole suite."""

import os
import shlex
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from samples import DATA, ROOT, SHARED

from neural_style import distributed
from neural_style.command import places, process

# The networks of the tests are small: a second thread gains nothing, and on a busy machine the
# threads wait for each other most of the time.
torch.set_num_threads(1)
os.environ['OMP_NUM_THREADS'] = '1'  # and in the processes that tests start

# A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP ignored, and
# children inherit that.  Tests that interrupt a run need both as a terminal leaves them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, 'SIGHUP') and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope='session')
def checkout_without_models(tmp_path_factory):
    """A folder that has the example pictures only."""
    folder = tmp_path_factory.mktemp('checkout')
    (folder / 'examples').symlink_to(ROOT / 'examples')
    return folder


@pytest.fixture(autouse=True)
def no_downloaded_models(monkeypatch, checkout_without_models):
    """Keep models that the checkout or the user's data folder has out of the tests."""
    monkeypatch.setattr(places, 'folders', lambda: ['', str(checkout_without_models)])


@pytest.fixture(scope='session')
def data():
    """The recordings that travel with the project: models/, inputs/, runs/."""
    return DATA


@pytest.fixture(scope='session')
def golden():
    """The full recordings, beside the checkout; tests that need them skip elsewhere."""
    folder = SHARED / 'golden'
    if not folder.is_dir():
        pytest.skip(f'needs the recordings in {folder.parent.name}/golden beside the checkout')
    return folder


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    """Build a wheel, and list its files."""
    folder = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation']
    done = subprocess.run(
        [*command, '-w', folder, ROOT], capture_output=True, text=True, timeout=120
    )
    if 'setuptools' in done.stderr and done.returncode:
        pytest.skip('needs setuptools to build a wheel')
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob('*.whl')
    return subprocess.run(
        [sys.executable, '-m', 'zipfile', '-l', wheel], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def command(data, tmp_path, monkeypatch):
    """Run `neural_style FLAGS` in an empty folder, on the small network and pictures."""
    monkeypatch.chdir(tmp_path)
    models, inputs = data / 'models', data / 'inputs'
    defaults = {
        '-gpu': '-1',
        '-image_size': '48',
        '-content_image': f'{inputs}/scene.jpg',
        '-style_image': f'{inputs}/strokes.jpg',
        '-proto_file': f'{models}/mini_vgg19_conv.prototxt',
        '-model_file': f'{models}/mini_vgg19_conv.caffemodel',
        '-num_iterations': '2',
        '-seed': '1',
    }

    def run_command(flags=''):
        words = shlex.split(flags)
        argv = [word for pair in defaults.items() if pair[0] not in words for word in pair]
        return process.main(argv + words)

    return run_command


@pytest.fixture
def fork_process():
    """Return the class Forked of the module forked."""
    if not hasattr(os, 'fork'):
        pytest.skip('needs forked processes')
    from forked import Forked

    return Forked


@pytest.fixture
def forked(tmp_path_factory, fork_process):
    """Start the command, or a function, in forked processes."""
    started = []

    def start(command, **options):
        streams = tmp_path_factory.mktemp('streams')
        started.append(fork_process(command, streams=streams, **options))
        return started[-1]

    yield start
    for forked_process in started:
        forked_process.terminate()
        forked_process.wait(60)


@pytest.fixture
def forked_processes(monkeypatch, fork_process):
    """Fork the processes that the command starts."""
    monkeypatch.setattr(distributed, 'subprocess', SimpleNamespace(Popen=fork_process))
