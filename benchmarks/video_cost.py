"""What a frame of a video costs beside its painting, and how soon later frames are as good.

    python -m benchmarks.video_cost [--model CAFFEMODEL] [--size 256] [--evaluations 40] \\
        [--temporal_weight 1000] [--preset none]

A camera pan is painted with swirls, the first frame from the content image with the steps of
-preset quick, or from noise, as without a preset. The table has the seconds of the process's CPU
time that each step takes for a frame, and their share of the time of the first frame: decoding of
H.264, scaling, flow by DIS in both directions and what of it can be trusted, warping, saving as
PNG, encoding, and an evaluation. The last row is that of a frame which starts from the first one,
until it has the loss, the temporal one left out, with which the first ended.
"""

import functools
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from benchmarks.arguments import add_painting, layers, new_parser
from benchmarks.charts import new_row, new_table
from benchmarks.video import STYLE
from neural_style import Iterate, load, save, scale, stylize
from neural_style.torch7.image import to_bytes
from neural_style.transfer.session import Session
from neural_style.video.clip import ClipFormat, Selection
from neural_style.video.continuity import TemporalTerm, add_temporal_losses
from neural_style.video.decoding import decode_video
from neural_style.video.encoding import encode_video
from neural_style.video.flow import Motion, find_motion, view
from neural_style.video.warping import warp_picture
from tools.drawing.sequences import sequence
from tools.judge_network import load as load_network

FRAMES = 8  # that are decoded and encoded
SETTINGS: dict[str, dict[str, Any]] = {
    'quick': {
        'init': 'image',
        'padding': 'replicate',
        'fourier_decay': 0.35,
        'lbfgs_max_step': 5,
    },
    'none': {'init': 'random'},
}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__, chart=False)
    add_painting(parser, size=256, evaluations=40)
    parser.add_argument('--temporal_weight', type=float, default=1e3)
    parser.add_argument('--preset', choices=SETTINGS, default='quick')
    args = parser.parse_args(argv)
    picture = sequence('pan', args.size * 3 // 4, args.size)
    contents = [picture.frame(number) for number in range(FRAMES)]
    views = [view(number, content) for number, content in enumerate(contents[:2])]
    motion = find_motion(views[1], views[0])
    paint = functools.partial(
        painted,
        load_network(args.model),
        scale(load(STYLE), args.size),
        {**SETTINGS[args.preset], **layers(args), 'seed': 1},
    )
    first, first_losses, seconds = paint(contents[0], args.evaluations)
    term = TemporalTerm(warp_picture(first, motion.backward), motion.reliability)
    later = paint(contents[1], args.evaluations // 2, term, args.temporal_weight)[1]
    reached = [number for number, loss in enumerate(later, start=1) if loss <= first_losses[-1]]
    count = reached[0] if reached else len(later)
    costs = steps(contents, first, motion)
    costs['an evaluation'] = seconds / args.evaluations
    costs[f'first frame, {args.evaluations} evaluations'] = seconds
    label = 'as good as that' if reached else 'not as good'
    costs[f'second frame, {count} evaluations, {label}'] = count * costs['an evaluation']
    new_table('step', 'CPU seconds', 'share of the first frame')
    for step, cost in costs.items():
        new_row(step, f'{cost:.4f}', f'{cost / seconds:.2%}')
    return 0


def painted(
    cnn: nn.Sequential,
    style: Tensor,
    options: dict[str, Any],
    content: Tensor,
    evaluations: int,
    term: TemporalTerm | None = None,
    weight: float = 0,
) -> tuple[Tensor, list[float], float]:
    """Paint a frame, from an earlier one if there is a term of the temporal loss.

    Returns it, its content and style loss at each evaluation, and the seconds of CPU time.
    """
    losses: list[float] = []

    def note(iterate: Iterate) -> None:
        losses.append(sum(iterate.content_losses) + sum(iterate.style_losses))

    if term is not None:
        compare = functools.partial(add_temporal_losses, terms=[term], weight=weight)
        options = options | {
            'init': 'image',
            'init_image': term.warped,
            'session': Session(on_network=compare),
        }
    start = time.process_time()
    result = stylize(cnn, content, [style], num_iterations=evaluations, callback=note, **options)
    return result, losses, time.process_time() - start


def steps(contents: list[Tensor], first: Tensor, motion: Motion) -> dict[str, float]:
    """Return the CPU seconds per frame of what is not painting."""
    frames = [(Fraction(number, 10), to_bytes(content)) for number, content in enumerate(contents)]
    views = [view(number, content) for number, content in enumerate(contents[:2])]
    with tempfile.TemporaryDirectory() as folder:
        clip, png = f'{folder}/clip.mp4', Path(folder, 'frame.png')
        encoding = (
            cpu_seconds(lambda: encode_video(clip, frames, ClipFormat(Fraction(10)))) / FRAMES
        )
        decoding = cpu_seconds(lambda: list(decode_video(clip, Selection()))) / FRAMES
        decoded = next(decode_video(clip, Selection()))
        return {
            'decoding': decoding,
            'scaling': cpu_seconds(lambda: scale(decoded.image(), contents[0].shape[2])),
            'flow': cpu_seconds(lambda: find_motion(views[1], views[0])),
            'warping': cpu_seconds(lambda: warp_picture(first, motion.backward)),
            'saving': cpu_seconds(lambda: save(png, first)),
            'encoding': encoding,
        }


def cpu_seconds(action: Callable[[], Any]) -> float:
    """Return the CPU seconds of the process, the least of three calls."""
    durations = []
    for _ in range(3):
        start = time.process_time()
        action()
        durations.append(time.process_time() - start)
    return min(durations)


if __name__ == '__main__':
    sys.exit(main())
