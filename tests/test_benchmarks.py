"""The benchmarks still run, at tiny sizes."""

import shlex
import subprocess
import sys

import pytest
from samples import ROOT

COMMANDS = {
    'evaluation': '--sizes 64 --rounds 1 --threads 1',
    'sizes': '--sizes 64 --evaluations 1 --memory 900M',
    'precision': '--size 32 --evaluations 2 --seeds 1 --precision fp32',
    'video': '--size 32 --evaluations 3 --frames 2 --sequences pan --methods short passes',
    'video_cost': '--size 32 --evaluations 4',
    'time_to_picture': '--size 48 --goals 1 --pairs harbour,swirls --output {folder}'
    ' --runs "-init image -num_iterations 1"',
}


@pytest.mark.slow
@pytest.mark.parametrize('name', COMMANDS)
def test_benchmark_prints_its_table(name, tmp_path):
    command = [
        sys.executable,
        '-m',
        f'benchmarks.{name}',
        *shlex.split(COMMANDS[name].format(folder=tmp_path)),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    head, line, *rows = [row for row in done.stdout.splitlines() if row.startswith('|')]
    assert rows and {row.count('|') for row in [head, line, *rows]} == {head.count('|')}
    assert all(any(digit in row for digit in '123456789') for row in rows)
