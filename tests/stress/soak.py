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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from neural_style.command import process  # noqa: E402
from neural_style.command.flags import command_line  # noqa: E402
from neural_style.command.presets import preset_files  # noqa: E402

SECONDS = 60  # that a run may take
FORMATS = {'.png': 'PNG', '.jpg': 'JPEG', '.jpeg': 'JPEG', '.ppm': 'PPM'}
NO_PICTURE = 'is not written, as in the original'
# One that names a flag.
MESSAGE = re.compile(
    r'neural_style: (?!there is no models).*-[a-z]|'
    r'invalid argument: |invalid type for option -|missing argument for option -'
)

ODD_NUMBERS = ['nan', 'inf', '-inf', '-1', '0', '1e30', '-1e30', '0.5', '1e-30', '0x10', '', 'abc']
ODD_WORDS = ['', 'nosuch', ',', '0', '-1', 'nan', 'a,b', 'ü', '%s', 'x' * 300, '\\,', '..']
LAYERS = [
    'relu1_1',
    'conv1_2',
    'pool1',
    'relu2_1',
    'relu3_1',
    'conv3_2',
    'relu4_2',
    'relu5_1',
    'fc6',
]


def folder_of_pictures(folder: Path) -> dict[str, str]:
    """Write small pictures of every kind, and files that are no pictures: names and paths."""
    rng = np.random.default_rng(0)
    folder.mkdir()

    def noise(*shape):
        return Image.fromarray(rng.integers(0, 256, shape, np.uint8))

    rgb, rgba, grey = noise(24, 32, 3), noise(24, 32, 4), noise(24, 32)
    made = {
        'rgb.png': rgb,
        'rgb.jpg': rgb,
        'rgb.webp': rgb,
        'rgb.bmp': rgb,
        'rgb.gif': rgb,
        'rgb.tif': rgb,
        'rgb.tga': rgb,
        'rgb.ppm': rgb,
        'with space.jpg': rgb,
        'comma,name.png': rgb,
        'tübingen.png': rgb,
        'ends_with_dot.': rgb,
        'x' * 200 + '.png': rgb,
        'alpha.png': rgba,
        'alpha.webp': rgba,
        'grey.png': grey,
        'grey_alpha.png': noise(24, 32, 2),
        'bits16.png': Image.fromarray(rng.integers(0, 65536, (24, 32), np.uint16)),
        'float.tif': Image.fromarray(rng.random((24, 32), np.float32)),
        'bit.png': grey.convert('1'),
        'palette.png': rgb.quantize(16),
        'cmyk.jpg': rgb.convert('CMYK'),
        'pixel.png': noise(1, 1, 3),
        'line.png': noise(1, 300, 3),
        'white.png': Image.new('RGB', (32, 24), 'white'),
        'black.png': Image.new('L', (20, 30)),
    }
    for name, picture in made.items():
        picture.save(folder / name, 'PNG' if name == 'ends_with_dot.' else None)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / 'turned.jpg', exif=exif)
    content = (folder / 'rgb.png').read_bytes()
    (folder / 'half.png').write_bytes(content[: len(content) // 2])
    (folder / 'empty.jpg').touch()
    (folder / 'text.jpg').write_text('no picture')
    (folder / 'folder.png').mkdir()
    return {path.name: str(path) for path in sorted(folder.iterdir())}


class Draw:
    """Draw command lines at random.

    pictures: what folder_of_pictures returns; earlier: the path of one with a recipe.
    """

    def __init__(self, rng: random.Random, pictures: dict[str, str], earlier: str):
        self.rng = rng
        self.pictures = pictures
        self.earlier = earlier
        choose = rng.choice
        number: dict[str, Callable[[], object]] = {
            'image_size': lambda: rng.randint(1, 80),
            'num_iterations': lambda: choose((0, 1, 2, 3, 5, 8, -1, 2.5)),
            'content_weight': lambda: choose((0, 1, 5, -1, 1e10)),
            'style_weight': lambda: choose((0, 1, 100, -1, 1e10)),
            'tv_weight': lambda: choose((0, 1e-3, 1, -1, 1e6)),
            'learning_rate': lambda: choose((0, 1, 10, -1, 1e6)),
            'lbfgs_num_correction': lambda: rng.randint(-1, 5),
            'print_iter': lambda: rng.randint(-1, 4),
            'save_iter': lambda: rng.randint(-1, 4),
            'style_scale': lambda: choose((0, 0.1, 0.5, 1, 1.7, 3, -1)),
            'seed': lambda: choose((-1, 0, 1, 2**33, 1.5)),
            'noise_scale': lambda: choose((0, 1e-3, 0.3, 20, -1)),
            'lbfgs_max_step': lambda: choose((0, 5, 0.1)),
            'fourier_decay': lambda: choose((0, 0.5, 1, 2)),
            'checkpoint_iter': lambda: rng.randint(0, 3),
            'adam_beta1': rng.random,
            'adam_beta2': rng.random,
            'adam_epsilon': lambda: choose((1e-8, 1)),
            'recolor_content': rng.random,
            'jpeg_quality': lambda: rng.randint(1, 100),
        }
        words: dict[str, Callable[[], str]] = {
            'content_image': self.picture,
            'init_image': self.picture,
            'style_image': lambda: ','.join(self.picture() for _ in range(choose((1, 1, 2, 3)))),
            'paper_mask': lambda: choose(('auto', self.picture())),
            'paper_range': lambda: choose(('0.7,0.9', '0,1', '0.2,0.3')),
            'style_blend_weights': lambda: choose(('nil', '1', '1,2', '0,0', '3,4,5', '-1,1')),
            'gpu': lambda: '-1',
            'multigpu_strategy': lambda: choose(('', '3', '3,6')),
            'init': lambda: choose(('random', 'image')),
            'optimizer': lambda: choose(('lbfgs', 'adam')),
            'pooling': lambda: choose(('max', 'avg')),
            'backend': lambda: choose(('nn', 'cudnn')),
            'content_layers': self.layers,
            'style_layers': self.layers,
            'losses': lambda: choose(('neural_style', 'paper')),
            'missing_layers': lambda: choose(('warn', 'error')),
            'multiscale': lambda: choose(('', '1', '2', '3', '16', '20,30')),
            'precision': lambda: choose(('fp32', 'bf16', 'fp16', 'auto')),
            'style_size_by': lambda: choose(('side', 'width')),
            'memory': lambda: choose(('', '8G', '600M', '200M')),
            'parallel': lambda: 'layers',
            'checkpoint': lambda: 'state.checkpoint',
            'preset': lambda: choose((*preset_files(), 'list')),
            'rerun': lambda: choose((earlier, self.picture())),
            'output_image': lambda: choose(
                ('out.png', 'out.jpg', 'o.u.t.jpeg', 'out.ppm', 'OUT.PNG', 'ö ü.png', 'out.gif')
            ),
        }
        self.known = number | words

    def picture(self) -> str:
        return self.pictures[self.rng.choice(list(self.pictures))]

    def layers(self) -> str:
        names = self.rng.sample(LAYERS, self.rng.randint(0, 4))
        if self.rng.random() < 0.8:
            names.sort(key=LAYERS.index)
        weighted = self.rng.random() < 0.2
        return ','.join(f'{name}:{self.rng.random():.2f}' if weighted else name for name in names)

    def value(self, name: str, default: str | float | bool) -> str:
        """Draw a value, mostly a sensible one; for flags unknown here, one of the right type."""
        odd = ODD_WORDS if isinstance(default, str) else ODD_NUMBERS
        # A run for ever is what was asked for.
        odd = [value for value in odd if not (name == 'num_iterations' and value == '1e30')]
        if self.rng.random() < 0.06:
            return self.rng.choice(odd)
        if name in self.known:
            return str(self.known[name]())
        if isinstance(default, str):
            return self.rng.choice([default, *odd])
        return str(self.rng.choice([default, 0, 1]))

    def command(self) -> list[str]:
        """Draw the words of a command line that ends soon."""
        defaults = command_line().defaults()
        usual = {'-gpu': '-1', '-image_size': '40', '-num_iterations': '3'}
        usual['-content_image'] = self.pictures['rgb.jpg']
        usual['-style_image'] = self.pictures['rgb.png']
        words = [word for pair in usual.items() for word in pair]
        rare = {'preset': 0.3, 'rerun': 0.15}
        names = self.rng.sample(list(defaults), self.rng.randint(0, 12))
        for name in names:
            if self.rng.random() > rare.get(name, 1):
                continue
            dashes = '--' if self.rng.random() < 0.1 else '-'
            words.append(dashes + name)
            if not isinstance(defaults[name], bool):
                words.append(self.value(name, defaults[name]))
        if '-preset' in words or '-rerun' in words:  # their own numbers would take long
            words += ['-num_iterations', '2', '-image_size', '40']
        if self.rng.random() < 0.03:
            words.append(self.rng.choice(['-help', '-nosuch', 'positional', '-image_size']))
        return words


@dataclass
class Ending:
    """How a run ended: its status, if main returned one, what it printed, and what is wrong."""

    status: int | None
    stdout: str
    stderr: str
    seconds: float
    fault: str = ''


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError after that time, where there are alarms."""

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
    """What is wrong with an ending; '' for nothing."""
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
    """What is wrong with a file as a picture of its name's format; '' for nothing."""
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
