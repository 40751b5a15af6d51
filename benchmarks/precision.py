"""Compare the float32 loss that runs in low precision end at with that of float32 runs.

    python benchmarks/precision.py [--model CAFFEMODEL] [--precision bf16] [--seeds 5] \\
        [--size 192] [--evaluations 300] [--content_layers relu3_2] [--style_layers ...]

Each pair of the project's pictures is painted from the same noise in both; the picture that comes
out is then judged by the whole loss in float32.  Prints a table, and the worst ratio.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import loadcaffe  # noqa: E402
from neural_style import stylize  # noqa: E402
from neural_style.command.networks import embedded_network  # noqa: E402
from neural_style.memory.heap import configure_malloc  # noqa: E402
from neural_style.torch7 import image  # noqa: E402

INPUTS = Path(__file__).resolve().parents[1] / 'examples' / 'inputs'
PAIRS = [('harbour', 'swirls'), ('horse', 'ink_horse'), ('harbour', 'waves')]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--model', type=Path, default=Path(embedded_network()[1]))
    parser.add_argument('--precision', default='bf16')
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--size', type=int, default=192)
    parser.add_argument('--evaluations', type=int, default=300)
    parser.add_argument('--content_layers', default='relu4_2')
    parser.add_argument('--style_layers', default='relu1_1,relu2_1,relu3_1,relu4_1,relu5_1')
    args = parser.parse_args(argv)
    layers = {'content_layers': args.content_layers, 'style_layers': args.style_layers}
    configure_malloc()
    print(
        '| pair | seed | fp32 loss | '
        + args.precision
        + ' loss | ratio | seconds |\n|---|---|---|---|---|---|'
    )
    worst = 0.0
    for names in PAIRS:
        content, style = (image.scale(image.load(INPUTS / f'{n}.jpg'), args.size) for n in names)
        for seed in range(1, args.seeds + 1):
            losses, times = [], []
            for precision in ('fp32', args.precision):
                start = time.monotonic()
                picture = stylize(
                    network(args.model),
                    content,
                    [style],
                    num_iterations=args.evaluations,
                    seed=seed,
                    precision=precision,
                    **layers,
                )
                times.append(time.monotonic() - start)
                losses.append(judge(network(args.model), content, style, picture, layers))
            ratio = losses[1] / losses[0]
            worst = max(worst, ratio)
            print(
                f'| {names[0]}, {names[1]} | {seed} | {losses[0]:.0f} | {losses[1]:.0f}'
                f' | {ratio:.3f} | {times[0]:.0f}, {times[1]:.0f} |',
                flush=True,
            )
    print(f'worst ratio {worst:.3f}')
    return 0


def network(model: Path) -> torch.nn.Sequential:
    return loadcaffe.load(str(model.with_suffix('.prototxt')), str(model))


def judge(cnn, content, style, picture, layers) -> float:
    """The float32 loss of a picture, TV left out."""
    found: list[float] = []
    stylize(
        cnn,
        content,
        [style],
        init='image',
        init_image=picture,
        num_iterations=1,
        callback=lambda iterate: found.append(float(iterate.loss)),
        **layers,
    )
    return found[0]


if __name__ == '__main__':
    sys.exit(main())
