"""How steady painted videos are, at which style and content distance, and how long a frame takes.

    python -m benchmarks.video [--model CAFFEMODEL] [--size 96] [--evaluations 30] [--frames 8] \\
        [--sequences pan zoom parallax occluder] [--methods single start short long] \\
        [--temporal_weight 1000] [--flags '...'] [--clip FILE.webp]

Each sequence is drawn by tools/drawing/sequences.py, so that its flow is known, and painted with
swirls by the command:

    single   every frame from the same noise, as a picture is
    start    every frame from the last one, moved along the flow found, and no temporal loss
    short    the temporal loss with the last frame as well
    long     with the frames 1, 2 and 4 before
    passes   in four passes, forward and backward, the last two with the temporal loss

Frames after the first have half the evaluations, but with single; every frame of a pass has a third
of them.  The warping error is the mean of (frame − earlier frame moved along the known flow)² over
what is seen in both, in grey levels²; 1 compares with the frame before, 4 with the fourth before.
Style and content are the losses of the painted frames, the means over all but the first; seconds
are those of a frame after the first.  --flags are further ones of the command.  --clip writes the
source and the painted frames side by side, of the last sequence.
"""

import contextlib
import io
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.arguments import add_painting, layers, new_parser
from benchmarks.charts import new_row, new_table
from benchmarks.painting import evaluated, load_network
from neural_style import load, save, scale
from neural_style.command.process import main as neural_style
from neural_style.torch7.image import to_bytes
from neural_style.video.animations import write_animation
from neural_style.video.consistency import warp
from tools.drawing.sequences import NAMES, MovingPicture, sequence

STYLE = Path(__file__).resolve().parents[1] / 'examples' / 'inputs' / 'swirls.jpg'
PASSES = 4
RATE = 8  # frames per second of a clip
METHODS = {
    'single': ['-init', 'random,random', '-temporal_weight', '0'],
    'start': ['-temporal_weight', '0'],
    'short': [],
    'long': ['-flow_relative_indices', '1,2,4'],
    'passes': ['-num_passes', str(PASSES), '-use_temporalLoss_after', '3'],
}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__, chart=False)
    add_painting(parser, size=96, evaluations=30)
    parser.add_argument('--frames', type=int, default=8)
    parser.add_argument('--sequences', nargs='+', default=['pan', 'zoom', 'parallax', 'occluder'])
    parser.add_argument('--methods', nargs='+', default=list(METHODS))
    parser.add_argument('--flags', default='', type=shlex.split)
    parser.add_argument('--clip', type=Path)
    parser.add_argument('--temporal_weight', type=float, default=1e3)
    args = parser.parse_args(argv)
    assert {*args.sequences} <= {*NAMES}
    cnn = load_network(args.model)
    style = scale(load(STYLE), args.size)
    new_table('sequence', 'method', 'error 1', 'error 4', 'style', 'content', 'seconds')
    for name in args.sequences:
        picture = sequence(name, args.size * 3 // 4, args.size)
        columns = [[picture.frame(time) for time in range(args.frames)]]
        for method in args.methods:
            shorter = args.evaluations if method == 'single' else max(args.evaluations // 2, 1)
            flags = [
                '-num_iterations',
                f'{args.evaluations},{shorter}',
                *METHODS[method],
                *args.flags,
            ]
            if method == 'passes':
                flags[1] = str(max(args.evaluations // 3, 1))
            if method in ('short', 'long', 'passes'):
                flags += ['-temporal_weight', str(args.temporal_weight)]
            for layer_flag, value in layers(args).items():
                flags += [f'-{layer_flag}', value]
            frames, seconds = painted(picture, args.frames, args.model, flags)
            columns.append(frames)
            losses = [
                distances(cnn, picture.frame(time), style, frames[time], layers(args))
                for time in range(1, args.frames)
            ]
            style_loss, content_loss = (
                sum(values) / len(values) for values in zip(*losses, strict=True)
            )
            errors = [f'{warping_error(picture, frames, step):.1f}' for step in (1, 4)]
            new_row(name, method, *errors, f'{style_loss:.3g}', f'{content_loss:.3g}', seconds)
        if args.clip:
            rows = [torch.cat(row, 2) for row in zip(*columns, strict=True)]
            pairs = [(Fraction(time, RATE), to_bytes(row)) for time, row in enumerate(rows)]
            write_animation(str(args.clip), pairs, Fraction(RATE), quality=80)
    return 0


def painted(
    picture: MovingPicture, count: int, model: Path, flags: Sequence[str]
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
                        str(model.with_suffix('.prototxt')),
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


def warping_error(picture: MovingPicture, frames: Sequence[Tensor], step: int) -> float:
    """Return the mean squared change of what is seen in frames so far apart, in grey levels²."""
    errors = []
    for time in range(step, len(frames)):
        flow, visible = picture.flow(time, time - step)
        change = (frames[time] - warp(frames[time - step], flow)) * 255
        errors.append(change.square().mean(0)[visible])
    return float(torch.cat(errors).mean()) if errors else float('nan')


def distances(
    cnn: torch.nn.Sequential, content: Tensor, style: Tensor, frame: Tensor, names: dict[str, str]
) -> tuple[float, float]:
    """Return the style and the content loss of a frame, weighted."""
    iterate = evaluated(cnn, content, style, frame, names)
    return sum(iterate.style_losses), sum(iterate.content_losses)


if __name__ == '__main__':
    sys.exit(main())
