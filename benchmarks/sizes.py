"""Seconds and peak memory of an evaluation against the size of the picture.

    python benchmarks/sizes.py [--sizes 512 1024 2048 4096] [--memory 4G] \\
        [--precisions fp32 bf16] [--evaluations 2] [--limit 12G] [--no-baseline] [--plot FILE.png]

A full-width VGG-19 to relu5_1 with random weights, pictures 4:3, the style picture 512 pixels wide,
Adam.  Every row is a process of its own.

  ours PRECISION MEMORY  stylize with -precision and -memory (empty: whole, without a limit)
  tutorial               float32, losses by autograd, as the PyTorch tutorial writes it

Columns: seconds of an evaluation, wall and processor time, the shortest of --evaluations, and the
latter for a megapixel; the share of the speed of a single large convolution, measured before and
after, that it reaches, which is fairer where a machine is slower at times; the peak of the
process's memory, measured and as predicted; the plan.  A process that comes to need more than
--limit is ended, and "above" says so.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import evaluation  # noqa: E402
from benchmarks.peak import peak_memory  # noqa: E402
from neural_style import LossNetwork, evaluate  # noqa: E402
from neural_style.memory.heap import configure_malloc  # noqa: E402
from neural_style.memory.limits import parse_memory  # noqa: E402
from neural_style.planning.planner import Plan  # noqa: E402
from neural_style.transfer import stylize as transfer  # noqa: E402

STYLE_SIZE = 512


def clock() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def ours(size: int, precision: str, memory: str, evaluations: int) -> dict[str, Any]:
    configure_malloc()
    torch.manual_seed(0)
    content = torch.rand(3, size * 3 // 4, size, dtype=torch.float64)
    style = torch.rand(3, STYLE_SIZE * 3 // 4, STYLE_SIZE, dtype=torch.float64)
    # as the command does: they are given up when the targets are known
    pictures: Any = ([content].pop, [[style]].pop)
    del content, style
    found: dict[str, Any] = {}
    times: list[list[tuple[float, float]]] = []
    limits: list[float] = []

    def planned(plan: Plan) -> None:
        found.update(predicted=plan.peak, plan=plan.text.rpartition(';')[0])

    def timed(network: LossNetwork, image: torch.Tensor) -> Any:
        before = evaluation.limit(precision)
        start = clock()
        result = evaluate(network, image)
        times.append([start, clock()])
        limits.append((before + evaluation.limit(precision)) / 2)
        return result

    transfer.evaluate = timed
    transfer.stylize(
        evaluation.vgg19(),
        *pictures,
        init='image',
        optimizer='adam',
        num_iterations=evaluations,
        precision=precision,
        memory=memory,
        planned=planned,
    )
    return found | shortest(times) | share(times, limits, size)


def share(
    times: list[list[tuple[float, float]]], limits: list[float], size: int
) -> dict[str, float]:
    walls = [end[0] - start[0] for start, end in times]
    shares = [
        evaluation.flops(size) / wall / limit for wall, limit in zip(walls, limits, strict=True)
    ]
    return {'share': max(shares)}


def tutorial(size: int, evaluations: int) -> dict[str, Any]:
    candidate = evaluation.Tutorial(size)
    optimizer = torch.optim.Adam([candidate.x.requires_grad_()], lr=10)
    times = []
    limits = []
    for _ in range(evaluations):
        before = evaluation.limit('fp32')
        start = clock()
        optimizer.zero_grad()
        candidate.loss(candidate.x).backward()
        optimizer.step()
        times.append([start, clock()])
        limits.append((before + evaluation.limit('fp32')) / 2)
    return shortest(times) | share(times, limits, size)


def shortest(times: list[list[tuple[float, float]]]) -> dict[str, float]:
    return {
        'wall': min(end[0] - start[0] for start, end in times),
        'processor': min(end[1] - start[1] for start, end in times),
    }


def work(name: str, size: int, evaluations: int) -> None:
    kind, *rest = name.split(' ')
    if kind == 'ours':
        precision, memory = rest[0], rest[1] if len(rest) > 1 else '1000G'
        found = ours(size, precision, memory, evaluations)
    else:
        found = tutorial(size, evaluations)
    found['peak'] = peak_memory()
    print(json.dumps(found))


def measure(name: str, size: int, evaluations: int, limit: int) -> dict[str, Any] | None:
    """Run a process; None if it needed more than the limit."""
    words = [sys.executable, __file__, '--work', name, str(size), str(evaluations)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        try:
            pages = int(Path(f'/proc/{process.pid}/statm').read_text().split()[1])
        except (OSError, IndexError):
            break
        if pages * os.sysconf('SC_PAGE_SIZE') > limit:
            process.kill()
            process.wait()
            return None
        time.sleep(0.05)
    output, _ = process.communicate()
    return json.loads(output) if process.returncode == 0 else None


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--sizes', type=int, nargs='+', default=[512, 1024, 2048, 4096])
    parser.add_argument('--precisions', nargs='+', default=['fp32'])
    parser.add_argument('--memory', nargs='+', default=['', '4G'], help='of ours; empty: whole')
    parser.add_argument('--evaluations', type=int, default=2)
    parser.add_argument('--limit', default='12G')
    parser.add_argument('--no-baseline', action='store_true')
    parser.add_argument('--plot', type=Path)
    parser.add_argument('--work', nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.work:
        work(args.work[0], int(args.work[1]), int(args.work[2]))
        return 0
    names = [] if args.no_baseline else ['tutorial']
    names += [
        f'ours {precision} {memory}'.strip()
        for precision in args.precisions
        for memory in args.memory
    ]
    print('| pixels | candidate | wall | processor | for a megapixel | of limit | peak', end='')
    print(' | predicted | plan |\n|---|---|---|---|---|---|---|---|---|', flush=True)
    points: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for name in names:
        for size in args.sizes:
            found = measure(name, size, args.evaluations, parse_memory(args.limit))
            pixels = f'{size} x {size * 3 // 4}'
            if found is None:
                print(f'| {pixels} | {name} | | | | | above {args.limit} | | |', flush=True)
                break
            mega = size * (size * 3 // 4) / 1e6
            gib = found['peak'] / 2**30
            predicted = f'{found["predicted"] / 2**30:.2f} GiB' if 'predicted' in found else ''
            print(
                f'| {pixels} | {name} | {found["wall"]:.2f} s | {found["processor"]:.2f} s |'
                f' {found["processor"] / mega:.2f} s | {100 * found["share"]:.0f} %'
                f' | {gib:.2f} GiB | {predicted} |'
                f' {found.get("plan", "").partition(", ")[2]} |',
                flush=True,
            )
            points[name].append((mega, found['processor'], gib))
    if args.plot:
        plot(points, args.plot)
    return 0


def plot(points: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, (seconds, memory) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    for name, found in points.items():
        if found:
            mega, processor, gib = zip(*found, strict=True)
            seconds.plot(mega, processor, marker='o', label=name)
            memory.plot(mega, gib, marker='o', label=name)
    for axes, label in ((seconds, 'processor seconds an evaluation'), (memory, 'peak, GiB')):
        axes.set(xscale='log', yscale='log', xlabel='megapixels', ylabel=label)
        axes.grid(alpha=0.3, which='both')
        axes.legend()
    figure.savefig(path, dpi=120, bbox_inches='tight')


if __name__ == '__main__':
    sys.exit(main())
