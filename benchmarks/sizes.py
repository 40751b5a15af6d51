"""Seconds and peak memory of an evaluation against the size of the picture.

    python -m benchmarks.sizes [--sizes 512 1024 2048 4096] [--memory 4G] \\
        [--precisions fp32 bf16] [--evaluations 2] [--limit 12G] [--no-baseline] [--plot FILE.png]

A full-width VGG-19 to relu5_1 with random weights, pictures 4:3, the style picture 512 pixels wide,
Adam.  Every row is a process of its own.

  ours PRECISION MEMORY  stylize with -precision and -memory (empty: whole, without a limit)
  tutorial               float32, losses by autograd, as the PyTorch tutorial writes it

Columns: seconds of an evaluation, wall and processor time, the shortest of --evaluations, and the
latter for a megapixel; how the convolutions' operations per second compare with those of a single
large convolution, measured before and after, which is fairer where a machine is slower at times;
the peak of the process's memory, measured and as predicted; the plan.  A process that comes to need
more than --limit is ended, and "above" says so.
"""

import json
import sys
import time
from typing import Any

import torch
from torch import Tensor

from benchmarks.arguments import add_work, new_parser
from benchmarks.candidates import Tutorial
from benchmarks.charts import new_row, new_table, save_chart
from benchmarks.measuring import Worker, convolution_speed
from benchmarks.peak import peak_memory
from benchmarks.vgg19 import flops, vgg19
from neural_style import LossNetwork, evaluate, stylize
from neural_style.memory.heap import configure_malloc
from neural_style.memory.limits import parse_memory
from neural_style.planning.planner import Plan
from neural_style.transfer import objective
from neural_style.transfer.session import Session

CPU = torch.device('cpu')
STYLE_SIZE = 512


class Record:
    """The times of evaluations, between measurements of a convolution's speed."""

    def __init__(self, size: int, precision: str):
        self.size = size
        self.precision = precision
        self.times: list[tuple[float, float]] = []  # wall, processor
        self.shares: list[float] = []

    def __enter__(self) -> None:
        self.speed = convolution_speed(self.precision, CPU)
        self.start = time.perf_counter(), time.process_time()

    def __exit__(self, *_) -> None:
        wall, processor = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        self.times.append((wall, processor))
        speed = (self.speed + convolution_speed(self.precision, CPU)) / 2
        self.shares.append(flops(self.size) / wall / speed)

    def shortest(self) -> dict[str, float]:
        wall, processor = map(min, zip(*self.times, strict=True))
        return {'wall': wall, 'processor': processor, 'share': max(self.shares)}


def ours(size: int, precision: str, memory: str, evaluations: int) -> dict[str, Any]:
    configure_malloc()
    torch.manual_seed(0)
    content = torch.rand(3, size * 3 // 4, size, dtype=torch.float64)
    style = torch.rand(3, STYLE_SIZE * 3 // 4, STYLE_SIZE, dtype=torch.float64)
    # functions, as in the command: the images are freed once the targets are captured
    pictures: Any = ([content].pop, [[style]].pop)
    del content, style
    results: dict[str, Any] = {}
    record = Record(size, precision)

    def planned(plan: Plan) -> None:
        results.update(predicted=plan.peak, plan=plan.text.rpartition(';')[0])

    def timed(network: LossNetwork, image: Tensor) -> Any:
        with record:
            return evaluate(network, image)

    objective.evaluate = timed
    stylize(
        vgg19(),
        *pictures,
        init='image',
        optimizer='adam',
        num_iterations=evaluations,
        precision=precision,
        memory=memory,
        session=Session(on_plan=planned),
    )
    return results | record.shortest()


def tutorial(size: int, evaluations: int) -> dict[str, Any]:
    candidate = Tutorial(size, CPU)
    optimizer = torch.optim.Adam([candidate.x.requires_grad_()], lr=10)
    record = Record(size, 'fp32')
    for _ in range(evaluations):
        with record:
            optimizer.zero_grad()
            candidate.loss(candidate.x).backward()
            optimizer.step()
    return record.shortest()


def work(name: str, size: int, evaluations: int) -> None:
    """Measure a row, and print it as JSON."""
    who, *settings = name.split(' ')
    if who == 'ours':
        precision, memory = settings[0], settings[1] if len(settings) > 1 else '1000G'
        results = ours(size, precision, memory, evaluations)
    else:
        results = tutorial(size, evaluations)
    print(json.dumps(results | {'peak': peak_memory()}))


def measure(name: str, size: int, evaluations: int, limit: int) -> dict[str, Any] | None:
    """Measure a row in a new process; return None if it needed more bytes than the limit."""
    worker = Worker('sizes', name=name, size=size, evaluations=evaluations)
    if not worker.limit_memory(limit):
        return None
    results = worker.answer()
    worker.close()
    return results


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__)
    parser.add_argument('--sizes', type=int, nargs='+', default=[512, 1024, 2048, 4096])
    parser.add_argument('--precisions', nargs='+', default=['fp32'])
    parser.add_argument('--memory', nargs='+', default=['', '4G'], help='of ours; empty: whole')
    parser.add_argument('--evaluations', type=int, default=2)
    parser.add_argument('--limit', default='12G')
    parser.add_argument('--no-baseline', action='store_true')
    add_work(parser)
    args = parser.parse_args(argv)
    if args.work:
        work(**json.loads(args.work))
        return 0
    names = [] if args.no_baseline else ['tutorial']
    for precision in args.precisions:
        names += [f'ours {precision} {memory}'.strip() for memory in args.memory]
    new_table(
        *('pixels', 'candidate', 'wall', 'processor', 'for a megapixel', 'of a convolution'),
        *('peak', 'predicted', 'plan'),
    )
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    peaks: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for name in names:
        for size in args.sizes:
            results = measure(name, size, args.evaluations, parse_memory(args.limit))
            print_row(name, size, results, args.limit)
            if results is None:
                break
            seconds[name].append((megapixels(size), results['processor']))
            peaks[name].append((megapixels(size), results['peak'] / 2**30))
    if args.plot:
        save_chart(
            args.plot,
            ('megapixels', 'processor seconds per evaluation', seconds),
            ('megapixels', 'peak, GiB', peaks),
        )
    return 0


def megapixels(size: int) -> float:
    return size * (size * 3 // 4) / 1e6


def print_row(name: str, size: int, results: dict[str, Any] | None, limit: str) -> None:
    pixels = f'{size} x {size * 3 // 4}'
    if results is None:
        new_row(pixels, name, '', '', '', '', f'above {limit}', '', '')
        return
    predicted = results.get('predicted')
    new_row(
        pixels,
        name,
        f'{results["wall"]:.2f} s',
        f'{results["processor"]:.2f} s',
        f'{results["processor"] / megapixels(size):.2f} s',
        f'{100 * results["share"]:.0f} %',
        f'{results["peak"] / 2**30:.2f} GiB',
        f'{predicted / 2**30:.2f} GiB' if predicted else '',
        results.get('plan', '').partition(', ')[2],
    )


if __name__ == '__main__':
    sys.exit(main())
