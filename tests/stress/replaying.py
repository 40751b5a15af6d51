"""Recorded runs of the original: what was recorded, and the same command run by the port."""

import contextlib
import io
import os
import re
import shlex
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from neural_style import LossNetwork, stylize
from neural_style.command import process, run
from neural_style.command.flags import command_line

LOSS_LINE = re.compile(r'^(  (?:Content \d+|Style \d+|Total) loss: )(\S+)(\t?)$')


@dataclass
class Replay:
    """The outcome of a recorded command, run by our program."""

    status: int
    stdout: str
    stderr: str
    crashed: bool
    folder: Path
    network: LossNetwork | None = None


def replay(recordings: Path, name: str, work: Path, gpu: str | None = None) -> Replay:
    """Run the recorded command of a run in a scratch folder, perhaps on another device."""
    recorded_command = shlex.split(
        (recordings / 'runs' / name / 'cmd.txt').read_text(), comments=True
    )
    argv = recorded_command[2:]  # after `th neural_style.lua`
    if gpu is not None and '-1' in argv:
        argv[argv.index('-1')] = gpu
    for folder in ('models', 'inputs'):
        if not (work / folder).exists():
            (work / folder).symlink_to((recordings / folder).resolve())
    output = work / 'runs' / name
    output.mkdir(parents=True)
    result = Replay(-1, '', '', False, output)

    def watched(*args, session, **keywords):
        def watch(network):
            result.network = network

        return stylize(*args, session=replace(session, on_network=watch), **keywords)

    stdout, stderr = io.StringIO(), io.StringIO()
    here = Path.cwd()
    with (
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        mock.patch.object(run, 'stylize', watched),
    ):
        os.chdir(work)
        try:
            result.status = process.main(argv)
        except Exception:
            result.crashed = True
            traceback.print_exc(file=stderr)
        finally:
            os.chdir(here)
    result.stdout, result.stderr = stdout.getvalue(), stderr.getvalue()
    return result


def is_determined(recorded: Path) -> bool:
    """Return whether a run depends on nothing unknown, such as its seed or dropout masks."""
    text = read_text(recorded / 'stdout.txt')
    ran = 'Running optimization' in text
    return ran and reproducible(recorded) and not losses_after_dropout(text.split('\n'))


def read_status(recorded: Path) -> int:
    return int((recorded / 'exit.txt').read_text())


def read_stderr(recorded: Path) -> str:
    return (recorded / 'stderr.txt').read_text(errors='replace')


def read_text(path: Path) -> str:
    return path.read_text(errors='replace')


def comparable(line: str, plain: bool) -> str:
    line = re.sub(r'^Usage: \S+ \[options\]', 'Usage: PROGRAM [options]', line)
    return line.rstrip('\t') if plain else line


def reproducible(recorded: Path) -> bool:
    """Return whether the start of a run does not depend on an unknown seed."""
    recorded_command = shlex.split((recorded / 'cmd.txt').read_text(), comments=True)
    params = command_line().parse(recorded_command[2:])
    return params.init == 'image' or params.seed >= 0


def losses_after_dropout(stdout: list[str]) -> list[str]:
    """List the losses after dropout, whose masks for the targets precede the seed."""
    counts = {'Content': 0, 'Style': 0}
    skipped, dropout = [], False
    for line in stdout:
        if match := re.match(r'\s+\(\d+\): nn\.(Dropout|Content|Style)', line):
            if match[1] == 'Dropout':
                dropout = True
            else:
                counts[match[1]] += 1
                if dropout:
                    skipped.append(f'{match[1]} {counts[match[1]]}')
    return [*skipped, 'Total'] if skipped else []
