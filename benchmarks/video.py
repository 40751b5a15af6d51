"""How steady painted videos are, at which distance to style and content.

    python -m benchmarks.video [--model CAFFEMODEL] [--judge CAFFEMODEL] [--size 96] [--frames 6] \\
        [--evaluations 75] [--later 10 20 40] [--temporal_weight 1000 ...] [--flags '...'] \\
        [--sequences pan zoom parallax occluder CLIP.mp4] [--methods single start short long] \\
        [--clip FILE.webp] [--plot FILE.png]

Each sequence is drawn by tools/drawing/sequences.py, so that its flow is known, or a video, whose
flow is that of DIS.  It is painted with swirls by the command:

    single   every frame from the same start, as a picture is
    start    every frame from the last one, moved along the flow found, and no temporal loss
    short    the temporal loss with the last frame as well
    long     with the frames 1, 2 and 4 before
    passes   in four passes, forward and backward, the last two with the temporal loss

--evaluations are those of the first frame, --later those of the others, or of every frame with
single, or of every frame of a pass.  The warping error is the mean of (frame − earlier frame moved
along the known flow)² over what is seen in both, in grey levels²; 1 compares with the frame before,
4 with the fourth before.  Style and content are the losses of the painted frames, or with --judge
relative distances of Gram matrices and of relu4_2 by that network (tools/judge_network.py); the
means over all frames but the first.  Seconds are those of a frame after the first.  --flags are
further ones of the command.  --clip writes the source and the painted frames side by side, of the
last sequence.  --plot draws the error to the frame before against style.
"""

import contextlib
import io
import re
import shlex
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.arguments import add_painting, layers, new_parser
from benchmarks.charts import Points, new_row, new_table, save_chart
from benchmarks.painting import evaluated
from neural_style import load, save, scale
from neural_style.command.process import main as neural_style
from neural_style.torch7.image import to_bytes
from neural_style.video.animations import write_animation
from neural_style.video.clip import Selection
from neural_style.video.decoding import decode_video
from neural_style.video.flow import find_motion, view
from neural_style.video.warping import warp
from tools.drawing.sequences import NAMES, MovingPicture, sequence
from tools.judge_network import Judge, prototxt_of
from tools.judge_network import load as load_network

STYLE = Path(__file__).resolve().parents[1] / 'examples' / 'inputs' / 'swirls.jpg'
PASSES = 4
SPLINES = 5  # their order: what merely moves has an error of next to nothing
RATE = 8  # frames per second of a clip
METHODS = {
    'single': ['-temporal_weight', '0'],
    'start': ['-temporal_weight', '0'],
    'short': [],
    'long': ['-flow_relative_indices', '1,2,4'],
    'passes': ['-num_passes', str(PASSES), '-use_temporalLoss_after', '3'],
}
LABELS = {
    'single': 'each frame by itself',
    'start': 'start from the last frame',
    'short': 'temporal loss, 1',
    'long': 'temporal loss, 1,2,4',
    'passes': 'four passes',
}


@dataclass(frozen=True)
class Recording:
    """A video whose flow is that of DIS.  frames: (3, H, W), RGB."""

    frames: Sequence[Tensor]

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.frames[0].shape[1:]
        return height, width

    def frame(self, time: int) -> Tensor:
        return self.frames[time]

    def flow(self, time: int, other: int) -> tuple[Tensor, Tensor]:
        """Return the flow from one time to another, and where it can be trusted."""
        views = [view(number, self.frames[number]) for number in (time, other)]
        motion = find_motion(*views)
        return motion.backward.double(), motion.reliability[0] > 0


Source = MovingPicture | Recording
# Returns the distance of the frame at a time to style and content.
Distances = Callable[[int, Tensor], tuple[float, float]]


def main(argv: list[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    style = scale(load(STYLE), args.size)
    new_table('sequence', 'method', 'error 1', 'error 4', 'style', 'content', 'seconds')
    panels = []
    for name in args.sequences:
        picture = source(name, args.size, args.frames)
        columns = [[picture.frame(time) for time in range(args.frames)]]
        distances = judging(args, picture, style)
        lines: dict[str, Points] = {}
        for method, label, flags in runs(args):
            frames, seconds = painted(picture, args.frames, args.model, flags)
            columns.append(frames)
            pairs = [distances(time, frames[time]) for time in range(1, args.frames)]
            means = [sum(values) / len(values) for values in zip(*pairs, strict=True)]
            errors = [warping_error(picture, frames, step) for step in (1, 4)]
            cells = [f'{error:.1f}' for error in errors] + [f'{mean:.3g}' for mean in means]
            new_row(Path(name).stem, f'{method} {label}', *cells, seconds)
            line = f'{LABELS[method]} {label.partition(" ")[2]}'.strip()
            lines[line] = [*lines.get(line, []), (means[0], errors[0])]
        panels.append((f'{Path(name).stem}: distance to the style', 'warping error', lines))
    if args.clip:
        rows = [torch.cat(row, 2) for row in zip(*columns, strict=True)]
        pictures = [(Fraction(time, RATE), to_bytes(row)) for time, row in enumerate(rows)]
        write_animation(str(args.clip), pictures, Fraction(RATE), quality=80)
    if args.plot:
        save_chart(args.plot, *panels, x_scale='linear')
    return 0


def arguments() -> ArgumentParser:
    parser = new_parser(__doc__)
    add_painting(parser, size=96, evaluations=75)
    parser.add_argument('--judge', type=Path, help='caffemodel of VGG-16')
    parser.add_argument('--frames', type=int, default=6)
    parser.add_argument('--later', type=int, nargs='+', help='half of --evaluations by default')
    parser.add_argument('--sequences', nargs='+', default=['pan', 'zoom', 'parallax', 'occluder'])
    parser.add_argument('--methods', nargs='+', default=list(METHODS), choices=METHODS)
    parser.add_argument('--flags', default='-preset quick', type=shlex.split)
    parser.add_argument('--clip', type=Path)
    parser.add_argument('--temporal_weight', type=float, nargs='+', default=[1e4])
    return parser


def source(name: str, size: int, count: int) -> Source:
    """Return a sequence that is drawn, or the beginning of a video."""
    if name in NAMES:
        return sequence(name, size * 3 // 4, size)
    frames = islice(decode_video(name, Selection()), count)
    return Recording([scale(frame.image(), size) for frame in frames])


def runs(args: Namespace) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the method of each run, a label of its numbers, and the flags of the command."""
    for method in args.methods:
        is_temporal = method in ('short', 'long', 'passes')
        for weight in args.temporal_weight if is_temporal else [0]:
            for later in args.later or [max(args.evaluations // 2, 1)]:
                first = later if method in ('single', 'passes') else args.evaluations
                number = str(first) if method == 'passes' else f'{max(first, later)},{later}'
                flags = [*args.flags, '-num_iterations', number, *METHODS[method]]
                if method == 'single':
                    start = 'image' if '-preset' in flags else 'random'
                    flags += ['-init', f'{start},{start}']
                flags += ['-temporal_weight', str(weight)] if is_temporal else []
                for layer_flag, value in layers(args).items():
                    flags += [f'-{layer_flag}', value]
                yield method, f'{later}' + f' weight {weight:g}' * is_temporal, flags


def judging(args: Namespace, picture: Source, style: Tensor) -> Distances:
    """Return what measures the distances: the judge, or the losses of the network."""
    if args.judge is None:
        cnn = load_network(args.model)
        return lambda time, frame: losses(cnn, picture.frame(time), style, frame, layers(args))
    network = load_network(args.judge)
    judges = [Judge(network, picture.frame(time), style) for time in range(args.frames)]

    def judged(time: int, frame: Tensor) -> tuple[float, float]:
        content, distance = judges[time].distances(frame)
        return distance, content

    return judged


def painted(
    picture: Source, count: int, model: Path, flags: Sequence[str]
) -> tuple[list[Tensor], str]:
    """Paint a sequence; returns its frames, and the mean seconds of those after the first."""
    with tempfile.TemporaryDirectory() as folder:
        for time in range(count):
            save(f'{folder}/f{time}.png', picture.frame(time))
        output = io.StringIO()
        with (
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(io.StringIO()) as errors,
        ):
            status = neural_style(
                [
                    *('-content_image', f'{folder}/f%d.png', '-style_image', str(STYLE)),
                    *('-output_image', f'{folder}/out%d.png', '-gpu', '-1', '-seed', '1'),
                    *(
                        '-proto_file',
                        str(prototxt_of(model)),
                        '-model_file',
                        str(model),
                    ),
                    *('-image_size', str(max(picture.size)), '-print_iter', '0', *flags),
                ]
            )
        if status:
            raise RuntimeError(errors.getvalue())
        frames = [load(f'{folder}/out{time}.png') for time in range(count)]
    times = [float(time) for time in re.findall(r'^Frame .*: ([\d.]+) s', output.getvalue(), re.M)]
    later = times[1:] if len(times) == count else times  # of all passes
    return frames, f'{sum(later) / (len(frames) - (later is not times)):.1f}'


def warping_error(picture: Source, frames: Sequence[Tensor], step: int) -> float:
    """Return the mean squared change of what is seen in frames so far apart, in grey levels²."""
    errors = []
    for time in range(step, len(frames)):
        flow, visible = picture.flow(time, time - step)
        change = (frames[time] - warp(frames[time - step], flow, SPLINES)) * 255
        errors.append(change.square().mean(0)[visible])
    return float(torch.cat(errors).mean()) if errors else float('nan')


def losses(
    cnn: torch.nn.Sequential, content: Tensor, style: Tensor, frame: Tensor, names: dict[str, str]
) -> tuple[float, float]:
    """Return the style and the content loss of a frame, weighted."""
    iterate = evaluated(cnn, content, style, frame, names)
    return sum(iterate.style_losses), sum(iterate.content_losses)


if __name__ == '__main__':
    sys.exit(main())
