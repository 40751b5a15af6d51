"""Run the command with random flags, good and bad, and check that every run ends well.

    python tests/stress/soak.py [--seed N] [--runs N] [--only N] [--verbose]

Flags are drawn from all that there are, values from what makes sense and from what does not;
pictures are small ones of every kind, some of them broken; the network is the embedded one.
A run has to end
  with status 0 and its picture, whole, in the right format (or the help, the presets, or a line on
    stderr that says why there is none), or
  with status 1 and a message on stderr that names a flag,
and may never show a traceback, leave a file that is no picture of its own, or take a minute.
Exit status 0 if all do.  --only repeats one run of a seed.
"""

import argparse
import collections
import contextlib
import io
import os
import random
import re
import shlex
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from random_commands import Draw, folder_of_pictures  # noqa: E402

from neural_style.command import process  # noqa: E402

SECONDS = 60  # that a run may take
FORMATS = {'.png': 'PNG', '.jpg': 'JPEG', '.jpeg': 'JPEG', '.ppm': 'PPM'}
NO_PICTURE = 'is not written, as in the original'
# One that names a flag.
MESSAGE = re.compile(
    r'neural_style: (?!there is no models).*-[a-z]|'
    r'invalid argument: |invalid type for option -|missing argument for option -'
)


@dataclass
class Ending:
    """The end of a run: its status if main returned one, its output, and what is wrong."""

    status: int | None
    stdout: str
    stderr: str
    seconds: float
    fault: str = ''


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after that time, if the system has alarms."""

    def late(*_):
        raise TimeoutError(f'still running after {seconds} s')

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def end(argv: list[str], folder: Path) -> Ending:
    """Run a command in an empty folder, and judge how it ends."""
    stdout, stderr = io.StringIO(), io.StringIO()
    here, start, status = os.getcwd(), time.perf_counter(), None
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        os.chdir(folder)
        try:
            with limited(SECONDS):
                status = process.main(argv)
        except BaseException:
            traceback.print_exc(file=stderr)
        finally:
            os.chdir(here)
    ending = Ending(status, stdout.getvalue(), stderr.getvalue(), time.perf_counter() - start)
    ending.fault = fault(argv, folder, ending)
    return ending


def fault(argv: list[str], folder: Path, ending: Ending) -> str:
    """Return what is wrong with an ending; '' for nothing."""
    lines = ending.stderr.strip().splitlines()
    if 'Traceback' in ending.stderr + ending.stdout:
        return f'traceback: {lines[-1]}'
    if 'still running' in ending.stderr:
        return lines[-1]
    left = sorted(path.name for path in folder.iterdir())
    states = [name for name in left if name in argv or name.endswith('.checkpoint')]
    left = [name for name in left if name not in states or Path(name).suffix.lower() in FORMATS]
    for name in left:
        if error := picture_fault(folder / name):
            return f'left {name}: {error}'
    if ending.status == 1:
        told = bool(lines) and MESSAGE.match(lines[-1])
        return '' if told else f'status 1 without a message: {lines[-1:]}'
    if ending.status != 0:
        return f'status {ending.status}'
    if ending.stdout.startswith('Usage: ') or 'list' in argv or NO_PICTURE in ending.stderr:
        return ''
    if 'predicted peak' in ending.stdout:  # -dry_run
        return ', '.join(left)
    return '' if any(not re.search(r'_-?\d+\.\w+$', name) for name in left) else 'no picture'


def picture_fault(path: Path) -> str:
    """Return what is wrong with a picture file; '' for nothing."""
    try:
        with Image.open(path) as picture:
            picture.load()
            actual = picture.format
    except (OSError, ValueError) as error:
        return str(error)
    expected = FORMATS.get(path.suffix.lower())
    return '' if actual == expected else f'{actual}, not {expected}'


def soak(seed: int, numbers: Iterator[int] | range) -> Iterator[tuple[int, list[str], Ending]]:
    """Yield the runs of a seed: number, words, ending."""
    with tempfile.TemporaryDirectory() as scratch:
        pictures = folder_of_pictures(Path(scratch, 'pictures'))
        earlier = Path(scratch, 'earlier')
        earlier.mkdir()
        first = ['-gpu', '-1', '-image_size', '40', '-num_iterations', '2']
        first += ['-content_image', pictures['rgb.jpg'], '-style_image', pictures['grey.png']]
        made = end(first, earlier)
        assert made.fault == '', made.fault
        for name in ('rgb.jpg', 'grey.png'):
            (earlier / name).symlink_to(pictures[name])
        for number in numbers:
            rng = random.Random(f'{seed} {number}')
            argv = Draw(rng, pictures, str(earlier / 'out.png')).command()
            folder = Path(scratch, str(number))
            folder.mkdir()
            yield number, argv, end(argv, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--runs', type=int, default=200)
    parser.add_argument('--only', type=int, help='number of the one run to repeat')
    parser.add_argument('--verbose', action='store_true', help='show runs without faults as well')
    args = parser.parse_args()
    torch.set_num_threads(1)
    numbers = range(args.runs) if args.only is None else range(args.only, args.only + 1)
    counts: collections.Counter[str] = collections.Counter()
    start = time.perf_counter()
    for number, argv, ending in soak(args.seed, numbers):
        outcome = 'fault' if ending.fault else 'error' if ending.status else 'picture'
        counts[outcome] += 1
        if ending.fault or args.verbose or args.only is not None:
            last = ending.fault or (ending.stderr.strip().splitlines() or [''])[-1]
            print(
                f'{number} {outcome} {ending.seconds:.1f} s: {shlex.join(argv)}\n    {last}',
                flush=True,
            )
        if ending.fault and args.only is not None:
            print(ending.stderr)
    print(
        f'seed {args.seed}: {sum(counts.values())} runs in {time.perf_counter() - start:.0f} s:'
        f' {counts["picture"]} pictures, {counts["error"]} errors, {counts["fault"]} faults'
    )
    return 1 if counts['fault'] else 0


if __name__ == '__main__':
    sys.exit(main())
