"""The commands of README and docs: where they stand, and how a test runs them.

Commands run as they stand but for the time they take: with small images, few evaluations, and
small networks under the names of large ones.  Nothing is fetched from elsewhere.
"""

import argparse
import importlib
import re
import runpy
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from forked import Forked
from samples import ROOT

from loadcaffe.__main__ import main as show_network
from neural_style.command.process import main as neural_style
from neural_style.fast.trained import is_trained_style
from neural_style.figures.__main__ import main as paint_figure
from neural_style.train.__main__ import main as train
from neural_style.web.__main__ import main as serve_page

PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def fenced_blocks(page):
    """Return the fenced blocks of a page in order: (language, text)."""
    return re.findall(r'^```(\w*)\n(.*?)^```$', page.read_text(), re.M | re.S)


def commands(text):
    """Split a fenced block into the words of its commands."""
    lines = re.sub(r'(&&|\\)\n', lambda match: match[1].strip('\\') + ' ', text).splitlines()
    parts = [part.strip() for line in lines for part in line.split('&&')]
    return [shlex.split(part) for part in parts]


@dataclass(frozen=True)
class Runner:
    """How a test runs a kind of command: by its words, in the current folder."""

    run: Callable[[list[str]], None]
    slow: bool = False


def find_runner(words):
    """Return the runner of a command.  Raises LookupError."""
    if '-parallel' in words or any(word.endswith('.mp4') or '%' in word for word in words):
        return Runner(run_neural_style, slow=True)  # it starts processes, or paints many frames
    for beginning, runner in RUNNERS.items():
        if shlex.join(words).startswith(beginning):
            return runner
    raise LookupError(f'no test runs {shlex.join(words)}')


def run_neural_style(words):
    assert neural_style(shrunk(words[1:])) == 0


def shrunk(words):
    """Shorten a run: small images, two evaluations, on the CPU."""
    several = '-parallel' in words
    short = ['-gpu', '-1,-1' if several else '-1', '-num_iterations', '2', '-print_iter', '0']
    if '-resume' in words:
        short = ['-gpu', '-1', '-num_iterations', '3']
    elif '-rerun' in words:
        short = ['-gpu', '-1']
    elif '-fast' in words or any(map(is_trained_style, words)) or 'swirls' in words:
        short = ['-gpu', '-1', '-image_size', '64']
    else:
        short += ['-image_size', '64']
    if '-preview' in words:
        short += ['-preview', str(free_port())]
    return [*words, *short]


def free_port():
    """Return a port of this machine that nothing uses."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def run_web(words):
    """Ask for the help only: the page is served until Ctrl-C."""
    assert serve_page([*words[1:], '-help']) == 0


def run_docker(words):
    """Run what a container would run; building one needs a daemon and a network."""
    if words[1] == 'build':
        assert words[-1] == '.' and (ROOT / 'Dockerfile').exists()
        return
    program = words[words.index('--entrypoint') + 1] if '--entrypoint' in words else 'neural_style'
    image = next(i for i, word in enumerate(words) if re.fullmatch('neural_style(:cuda)?', word))
    inside = [program, *words[image + 1 :]]
    if inside != ['neural_style-download']:
        find_runner(inside).run(inside)


def run_train(words):
    if words[-1].endswith('.onnx'):
        pytest.importorskip('onnx', reason='needs the extra [onnx]')
        pytest.importorskip('onnxruntime', reason='runs the model further down the page')
        assert train(words[1:]) == 0
        return
    assert train([*words[1:], *TRAINED_SHORTLY]) == 0


def run_figure(words):
    quick = '-image_size 24 -num_iterations 1 -multiscale 1 -gpu -1'.split()
    assert paint_figure([*words[1:], *([] if 'list' in words else quick)]) == 0


def run_loadcaffe(words):
    assert show_network(words[3:]) == 0


def check_installation(words):
    """Check the installation's words only; .ci/run installs packages."""
    assert shlex.join(words) in (
        'python3 -m venv .venv',
        '.venv/bin/pip install -q torch==2.13.0 .',
        ".venv/bin/pip install -q torch==2.13.0 -e '.[test]'",
    )


def check_tests(words):
    """Check the words only; .ci/run runs the tests."""
    assert words == '.venv/bin/python -m pytest -q -n 2'.split()


def run_download(words):
    """Download one small file from this machine instead of all models."""
    flags = ['--table', 'table', '--mirror', address()]
    subprocess.run([*words[:2], *flags, *words[2:]], check=True, capture_output=True)


def address():
    """Return the address of the local server, which the sandbox wrote to a file."""
    with open('address') as file:
        return file.read()


def run_python(words):
    """Do in a forked process what Python does with these words; returns its standard output."""
    with tempfile.TemporaryDirectory() as folder:
        process = Forked([run_main, words], streams=Path(folder))
        out, err = process.communicate(600)
    assert process.returncode == 0, err
    assert err == '' or words[0] not in SILENT, err
    return out


def run_main(words):
    """Run -m MODULE or a FILE as the main program, with the flags behind it."""
    if words[0] == '-m':
        sys.argv[:] = words[1:]
        runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    else:
        sys.argv[:] = words
        runpy.run_path(words[0], run_name='__main__')


SILENT = {'tests/stress/kill_checkpoint.py'}  # what says nothing on stderr unless it fails
TRAINED_SHORTLY = '-num_iterations 1 -image_size 32 -width 8 -save_iter 0 -gpu -1'.split()
# What makes the modules and programs end soon.
SHORTER = {
    'benchmarks.evaluation': '--sizes 64 --rounds 1 --threads 1 --device cpu --precisions fp32',
    'benchmarks.sizes': '--sizes 64 --evaluations 1 --memory 900M',
    'benchmarks.precision': '--size 32 --evaluations 2 --seeds 1 --precision fp32',
    'benchmarks.time_to_picture': '--size 48 --goals 1 --runs "-init image -num_iterations 1"',
    'benchmarks.load': '--runs 1 --width 8',
    'benchmarks.preview_cost': '--size 32 --evaluations 8 --turn 2 --port {port}',
    'benchmarks.video': (
        '--size 32 --evaluations 3 --later 1 --frames 2 --sequences pan --methods long'
    ),
    'benchmarks.video_cost': '--size 32 --evaluations 4',
    'tools.small_vgg16': '--crops 4 --side 48 --positions 300 --threads 1',
    'tools.fast_painter': '--steps 1 --side 32 --drawings 2 --basis-pairs 1 --threads 1',
    'tools.judge_network': '--size 48 --evaluations 1 --weights 20',
    'tools.judge_fast': '--size 48 --threads 1',
    'tools.judge_statistics': '--size 48 --seconds 0.1',
    'tools.judge_presets': '--size 48 --evaluations 2',
    'tools.measure_artefacts': '',
    'tests/stress/conformance.py': 'iters1_adam',
    'tests/stress/kill_checkpoint.py': '--times 2',
    'tests/stress/fuzz_loadcaffe.py': '--mutants 1',
    'tests/stress/hostile_files.py': 'nested_lists',
}
# What is not here: another's program, matplotlib, a GPU.
LEFT_OUT = {
    '--neural-style-pt': 2,
    '--other': 2,
    '--plot': 2,
    '--judge': 2,
    '--gpu': 2,
    '--tf32': 1,
}


def run_program(words):
    """Run `python -m MODULE …` or `python FILE …`, shorter."""
    kept = words[1:]
    name = kept[1] if kept[0] == '-m' else kept[0]
    for flag, count in LEFT_OUT.items():
        if flag in kept:
            start = kept.index(flag)
            del kept[start : start + count]
    words = (*kept, *shlex.split(SHORTER[name].format(port=free_port())))
    if name.startswith('benchmarks.'):
        check_tables(benchmark_output(name, words))
    else:
        run_python(words)


# A page may have one command for this machine, and one for a GPU, which are the same when shorter.
OUTPUTS: dict[tuple[str, str], str] = {}


def benchmark_output(module, words):
    arguments = module, read_flags(module, words[2:])
    if arguments not in OUTPUTS:
        OUTPUTS[arguments] = run_python(words)
    return OUTPUTS[arguments]


class FlagsRead(Exception):
    """Ends a benchmark when its flags have been read."""


def read_flags(module, flags):
    """Return the arguments that a benchmark reads from flags, in order, as text."""
    read = argparse.ArgumentParser.parse_args

    def parse_args(*arguments):
        raise FlagsRead(sorted(vars(read(*arguments)).items()))

    with mock.patch.object(argparse.ArgumentParser, 'parse_args', parse_args):
        with pytest.raises(FlagsRead) as arguments:
            importlib.import_module(module).main(list(flags))
    return repr(arguments.value)


def check_tables(text):
    """Check that there is a table, or several, with numbers in every row."""
    rows = [line for line in text.splitlines() if line.startswith('|')]
    heads = [i for i, row in enumerate(rows) if re.fullmatch(r'[|-]+', row)]
    assert heads and len(rows) > 2 * len(heads), text
    for number, row in enumerate(rows):
        is_head = number in heads or number + 1 in heads
        assert is_head or any(digit in row for digit in '123456789'), row
        if number and number + 1 not in heads:
            assert row.count('|') == rows[number - 1].count('|'), row


def run_torchrun(words):
    module = words.index('-m') + 1
    flags = words[module + 1 :]
    short = shrunk(flags) if words[module] == 'neural_style' else [*flags, *TRAINED_SHORTLY]
    workers = ['--standalone', '--nproc_per_node', '2', '-m', words[module]]
    run_python(['-m', 'torch.distributed.run', *workers, *short])


RUNNERS = {
    'docker ': Runner(run_docker),
    'neural_style-web': Runner(run_web),
    'neural_style-train ': Runner(run_train),
    'neural_style-figures ': Runner(run_figure, slow=True),
    'neural_style ': Runner(run_neural_style),
    '.venv/bin/neural_style ': Runner(run_neural_style),
    'python -m loadcaffe ': Runner(run_loadcaffe),
    'python -m benchmarks.': Runner(run_program, slow=True),
    'python -m tools.': Runner(run_program, slow=True),
    'python tests/stress/': Runner(run_program, slow=True),
    'torchrun ': Runner(run_torchrun, slow=True),
    'sh models/download_models.sh': Runner(run_download),
    'python3 -m venv ': Runner(check_installation),
    '.venv/bin/pip ': Runner(check_installation),
    '.venv/bin/python -m pytest': Runner(check_tests),
}
