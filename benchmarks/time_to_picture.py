"""Seconds to a good picture: the original's way, and other ways by turns.

    python -m benchmarks.time_to_picture --output FOLDER [--model CAFFEMODEL] [--size 512] \\
        [--pairs CONTENT,STYLE ...] [--goals 200 500 1000] [--threads 2] \\
        [--runs '-preset quick' '-multiscale 3 -num_iterations 25'] [--plot FILE.png]

The original's way is L-BFGS from noise in float32; its losses after as many evaluations as --goals
says are the goals.  A run is flags of neural_style.  Only evaluations at the full size are
compared.  Losses of a run are multiplied by what its picture has in float32, without padding,
divided by the last one that the run has printed, since both change with precision and padding.
Beside them stand the distances of the pictures to style and content, if --judge is named.
What is in the folder has been measured and is not repeated; every picture is there as a .png.
Seconds count from the loading of the network.  With one thread they are those of the processor;
with more they are comparable on a quiet machine only.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.arguments import layers, new_parser
from benchmarks.charts import new_row, new_table, save_chart
from benchmarks.measuring import ROOT
from benchmarks.painting import final_loss
from neural_style import Iterate, load, scale
from neural_style.command.arguments import Arguments
from neural_style.command.networks import embedded_network
from neural_style.command.parsing import parse_arguments
from neural_style.command.run import (
    choose_run_devices,
    run_images,
    seed_generator,
    stylize_settings,
)
from neural_style.distributed import World
from neural_style.files.atomic import write_whole
from neural_style.memory.heap import configure_malloc
from neural_style.torch7 import image
from neural_style.transfer.multiscale import stylize_multiscale
from neural_style.transfer.session import Session
from tools.judge_network import Judge, prototxt_of
from tools.judge_network import load as load_network

INPUTS = ROOT / 'examples' / 'inputs'
PAIRS = ['harbour,swirls', 'horse,ink_horse', 'harbour,waves']
Curve = list[tuple[float, float]]  # seconds, loss
Panel = tuple[str, str, dict[str, Curve]]
SHOWN = 30  # times the lowest loss, on the chart
Record = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    configure_malloc()
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    runs = [f'-num_iterations {max(args.goals)}', *args.runs]
    panels = [compare(args, pair, runs) for pair in args.pairs]
    if args.plot:
        save_chart(args.plot, *panels)
    return 0


def compare(args: argparse.Namespace, pair: str, runs: Sequence[str]) -> Panel:
    """Print the table of a pair; return its panel of the chart."""
    print(f'\n{pair}\n')
    judged = ['style', 'content'] if args.judge else []
    new_table('run', 'seconds', 'loss', *(f'to the loss of {n}' for n in args.goals), *judged)
    curves: dict[str, Curve] = {}
    for run in runs:
        record = measured(args, pair, run)
        curves[run] = [(time, loss * record['correction']) for time, loss in record['curve']]
        goals = [min(loss for _, loss in curves[runs[0]][:number]) for number in args.goals]
        distances = [f'{distance:.3f}' for distance in record['distances']]
        seconds, loss = curves[run][-1]
        cells = [reached(curves[run], goal) for goal in goals]
        new_row(run, f'{seconds:.1f}', f'{loss:.0f}', *cells, *distances)
    shown = SHOWN * min(loss for curve in curves.values() for _, loss in curve)
    lines = {run: [point for point in curve if point[1] < shown] for run, curve in curves.items()}
    return 'seconds', f'loss, {pair.replace(",", " as ")}', lines


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = new_parser(__doc__)
    parser.add_argument('--model', type=Path, default=Path(embedded_network()[1]))
    parser.add_argument('--judge', type=Path, help='caffemodel of the genuine VGG-16')
    parser.add_argument('--content_layers', default='relu4_2')
    parser.add_argument('--style_layers', default='relu1_1,relu2_1,relu3_1,relu4_1,relu5_1')
    parser.add_argument('--size', type=int, default=512)
    parser.add_argument('--pairs', nargs='+', default=PAIRS, help='CONTENT,STYLE of the examples')
    parser.add_argument('--goals', type=int, nargs='+', default=[200, 500, 1000])
    parser.add_argument('--runs', nargs='+', default=['-preset quick'], help='flags, quoted')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--output', type=Path, required=True)
    return parser.parse_args(argv)


def reached(curve: Curve, goal: float) -> str:
    """Return the seconds until a curve is at a goal."""
    return next((f'{seconds:.1f}' for seconds, loss in curve if loss <= goal), 'never')


def measured(args: argparse.Namespace, pair: str, run: str) -> Record:
    """Return the record of a run, from its file if there is one."""
    name = '_'.join([pair.replace(',', '_'), args.model.stem, str(args.size), *run.split()])
    stem = args.output / name.replace('/', '_').replace('-', '')
    path = Path(f'{stem}.json')
    if not path.exists():
        record, picture = painted(args, pair, run)
        image.save(f'{stem}.png', picture)
        write_whole(path, json.dumps(record).encode())
    record: Record = json.loads(path.read_text())
    return record


def painted(args: argparse.Namespace, pair: str, run: str) -> tuple[Record, Tensor]:
    """Paint a pair; return the curve of losses, what corrects it, the distances, the picture."""
    files = [INPUTS / f'{name}.jpg' for name in pair.split(',')]
    flags = {
        'content_image': files[0],
        'style_image': files[1],
        'model_file': args.model,
        'proto_file': prototxt_of(args.model),
        'image_size': args.size,
        'seed': 1,
        'gpu': -1,
        **layers(args),
    }
    argv = [str(word) for name, value in flags.items() for word in (f'-{name}', value)]
    curve, picture = timed(parse_arguments([*argv, *shlex.split(run)]), args.size)
    content, style = (scale(load(file), args.size) for file in files)
    loss = final_loss(load_network(args.model), content, style, picture, layers(args))
    distances: list[float] = []
    if args.judge:
        to_content, to_style = Judge(load_network(args.judge), content, style).distances(picture)
        distances = [to_style, to_content]
    record = {'curve': curve, 'correction': loss / curve[-1][1], 'distances': distances}
    return record, picture


def timed(arguments: Arguments, size: int) -> tuple[Curve, Tensor]:
    """Run flags; return the time and loss of every evaluation at full size, and the picture."""
    world = World()
    devices = choose_run_devices(arguments, world)
    images = run_images(arguments, world, devices[0])
    generator, arguments = seed_generator(arguments)
    curve: Curve = []
    clock = time.process_time if torch.get_num_threads() == 1 else time.monotonic
    start = clock()

    def note(iterate: Iterate) -> None:
        if max(iterate.x.shape) == size:
            curve.append((clock() - start, float(iterate.loss)))

    picture = stylize_multiscale(
        lambda: load_network(Path(arguments.model_file)),
        images.content,
        images.styles,
        multiscale=arguments.multiscale,
        callback=note,
        session=Session(generator=generator),
        **stylize_settings(arguments, images, devices),
    )
    return curve, picture


if __name__ == '__main__':
    sys.exit(main())
