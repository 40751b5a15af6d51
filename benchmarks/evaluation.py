"""Time an evaluation of the network, ours and that of the PyTorch tutorial.

    python -m benchmarks.evaluation [--sizes 256 512] [--threads 2] [--device cuda] [--tf32] \\
        [--rounds 7] [--precisions fp32 bf16] [--neural-style-pt CHECKOUT] [--plot FILE.png]

The network is a VGG-19 to relu5_1 of full width with random weights, content relu4_2, style
relu1_1 to relu5_1, pictures 4:3.  Every candidate has a process of its own; they take turns, one
evaluation each, so a machine that slows down slows all of them.  On a GPU three evaluations warm it
up, and CUDA events take the time.

  tutorial         float32, contiguous, losses by autograd, torch.optim.LBFGS
  ours PRECISION   LossNetwork and torch7.optim, as the command uses them
  neural-style-pt  the checkout's own program over 3 and 13 iterations, a tenth of the difference

Columns: median of an evaluation, with the shortest; how many times the tutorial's speed; what the
losses take of it (the difference to an evaluation with a single loss, on relu5_1); a step of L-BFGS
with 100 pairs in its history; saving a PNG; peak memory, of the process or of the tensors on the
GPU; and how the convolutions' operations per second, over the whole evaluation, compare with those
of a single large convolution of that precision.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.arguments import add_work, new_parser
from benchmarks.candidates import Ours, Tutorial, neural_style_pt
from benchmarks.charts import new_row, new_table, save_chart
from benchmarks.measuring import Worker, convolution_speed, peak_bytes, seconds
from benchmarks.vgg19 import flops, images
from neural_style.memory.heap import configure_malloc
from neural_style.torch7 import image

WARM_UP = 3


def work(name: str, size: int, threads: int, device: str, tf32: bool) -> None:
    """Run a candidate: answer the questions on stdin."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    target = torch.device(device)
    who, _, precision = name.partition(' ')
    if who == 'ours':
        configure_malloc()
    candidate = Ours(size, precision, target) if who == 'ours' else Tutorial(size, target)
    for _ in range(WARM_UP if target.type == 'cuda' else 1):
        candidate.evaluation()
    print(json.dumps('ready'), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip(), candidate, size, precision or 'fp32')), flush=True)


def answer(question: str, candidate: Ours | Tutorial, size: int, precision: str) -> float:
    if question == 'speed':
        return convolution_speed(precision, candidate.device)
    if question == 'memory':
        return peak_bytes(candidate.device) / 2**30  # GiB
    if question == 'step':
        return candidate.step()
    if question == 'save':
        pixels = images(size)[0].double() / 256 + 0.5
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: image.save(f'{folder}/out.png', pixels), torch.device('cpu'))
    if question == 'bare':
        candidate.bare()  # what is made when it is first asked for does not count
    return seconds(getattr(candidate, question), candidate.device)


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__)
    parser.add_argument('--sizes', type=int, nargs='+', default=[256, 512])
    parser.add_argument('--threads', type=int, nargs='+', default=[torch.get_num_threads()])
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    parser.add_argument('--tf32', action='store_true', help='allow TF32 in float32 (CUDA)')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--precisions', nargs='+', default=['fp32'])
    parser.add_argument('--neural-style-pt', type=Path, help='a checkout of neural-style-pt')
    add_work(parser)
    args = parser.parse_args(argv)
    if args.work:
        work(**json.loads(args.work))
        return 0
    new_table(
        *('size', 'threads', 'candidate', 'evaluation (shortest)', 'speed', 'losses'),
        *('L-BFGS step', 'saving', 'memory', 'of a convolution'),
    )
    lines: dict[str, list[tuple[float, float]]] = {}
    for size in args.sizes:
        for threads in args.threads:
            for name, time in compare(args, size, threads):
                lines.setdefault(f'{name}, threads: {threads}', []).append((size, time))
    if args.plot:
        save_chart(args.plot, ('longer side, pixels', 'seconds per evaluation', lines))
    return 0


def compare(args: argparse.Namespace, size: int, threads: int) -> list[tuple[str, float]]:
    """Measure all candidates at one size, print their rows, and return their medians."""
    names = ['tutorial', *(f'ours {precision}' for precision in args.precisions)]
    settings = {'size': size, 'threads': threads, 'device': args.device, 'tf32': args.tf32}
    workers = {name: Worker('evaluation', name=name, **settings) for name in names}
    times = measure(workers, args.rounds)
    medians = []
    for name in names:
        time = median(times[name]['evaluation'])
        medians.append((name, time))
        print_row(size, threads, name, times[name], medians[0][1])
    if args.neural_style_pt:
        time = neural_style_pt(args.neural_style_pt, size, threads, torch.device(args.device))
        medians.append(('neural-style-pt', time))
        speed = f'{medians[0][1] / time:.2f}x'
        new_row(size, threads, 'neural-style-pt', f'{1000 * time:.1f} ms', speed, *[''] * 5)
    return medians


def measure(workers: dict[str, Worker], rounds: int) -> dict[str, dict[str, Any]]:
    """Ask all workers in turns: lists of seconds by question, the peak memory, an L-BFGS step."""
    times: dict[str, dict[str, Any]] = {name: {} for name in workers}
    for worker in workers.values():
        worker.answer()  # it is ready
    for name, worker in workers.items():
        times[name]['memory'] = worker.ask('memory')
    for _ in range(rounds):
        for name, worker in workers.items():
            for question in ('evaluation', 'bare', 'save', 'speed'):
                times[name].setdefault(question, []).append(worker.ask(question))
    for name, worker in workers.items():
        times[name]['step'] = worker.ask('step')
        worker.close()
    return times


def print_row(size: int, threads: int, name: str, times: dict[str, Any], reference: float) -> None:
    time = median(times['evaluation'])
    new_row(
        size,
        threads,
        name,
        f'{1000 * time:.1f} ms ({1000 * min(times["evaluation"]):.1f})',
        f'{reference / time:.2f}x',
        f'{1000 * (time - median(times["bare"])):.1f} ms',
        f'{1000 * times["step"]:.1f} ms',
        f'{1000 * median(times["save"]):.0f} ms',
        f'{times["memory"]:.2f} GiB',
        f'{100 * flops(size) / time / max(times["speed"]):.0f} %',
    )


if __name__ == '__main__':
    sys.exit(main())
