"""How much the page of -preview slows a run that one viewer looks at.

    python -m benchmarks.preview_cost [--model CAFFEMODEL] [--size 512] [--evaluations 120] \\
        [--turn 10] [--port 18080]

One run; for a turn of evaluations the page shows it, and a viewer in a process of its own asks as
the page in a browser does; for the next turn the viewer is stopped, and the page is shown nothing.
The table has the seconds of an evaluation, of wall clock and of the process's CPU time (the
server's threads among it), and the median ratio of neighbouring turns.  The first two do not count.
Last comes the share of the preview's own calls in the CPU time of watched turns, which varies less.
"""

import http.client
import itertools
import json
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.arguments import add_painting, add_work, layers, new_parser
from benchmarks.charts import new_row, new_table
from benchmarks.measuring import Worker
from benchmarks.painting import load_pair
from neural_style import Iterate, stylize
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview import Preview
from neural_style.command.preview_server import ADDRESS, PreviewHandler, open_server
from neural_style.command.saving import OutputImage
from neural_style.command.schedule import Schedule
from neural_style.command.signals import Interruption
from tools.judge_network import load as load_network

PORT, POLL = 18080, 0.4  # seconds between two questions of the page
CLOCKS = {'wall clock': time.perf_counter, 'CPU time': time.process_time}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__, chart=False)
    add_painting(parser, size=512, evaluations=120)
    parser.add_argument('--turn', type=int, default=10, help='evaluations of a turn')
    parser.add_argument('--port', type=int, default=PORT)
    add_work(parser)
    args = parser.parse_args(argv)
    if args.work:
        look(**json.loads(args.work))
        return 0
    content, style = load_pair('harbour', 'swirls', args.size)
    height, width = content.shape[1:]
    arguments = parse_arguments(['-num_iterations', str(args.evaluations)])
    preview = Preview()
    output = OutputImage(arguments, (height, width), None, None, None)
    schedule = Schedule([max(height, width)], [args.evaluations])
    preview.begin(arguments, output, content, schedule, Interruption())
    turns = Turns(preview, args.turn, args.port)
    with open_server(args.port, preview) as server:
        server.RequestHandlerClass = CountingHandler
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            stylize(
                load_network(args.model),
                content,
                [style],
                init='image',
                lbfgs_max_step=5,
                num_iterations=args.evaluations,
                callback=turns.note,
                **layers(args),
            )
        finally:
            turns.viewer.process.kill()
            turns.viewer.close()
            server.shutdown()
    report(turns.seconds, args.turn)
    watched = sum(turn[1] for turn in turns.seconds[::2])
    share = CountingHandler.counter.seconds / watched
    print(f'\npictures, answers and losses: {share:.2%} of the CPU time')
    return 0


class Counter:
    """Counts the CPU seconds of what several threads do."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Add the CPU time of this thread."""
        start = time.thread_time()
        yield
        self.seconds += time.thread_time() - start


class CountingHandler(PreviewHandler):
    """Answers requests, and counts what that takes."""

    counter = Counter()

    def handle_one_request(self) -> None:
        with self.counter.counted():
            super().handle_one_request()


class Turns:
    """The turns of a run, with a viewer and without.

    seconds: of each turn that has ended, by each of the clocks; those with a viewer come first.
    """

    def __init__(self, preview: Preview, length: int, port: int):
        self.preview = preview
        self.length = length
        self.viewer = Worker('preview_cost', port=port)
        self.seconds: list[list[float]] = []
        self._begun = self._now()

    def note(self, iterate: Iterate) -> None:
        """Show an evaluation in every other turn; at the end of a turn send the viewer away."""
        if not len(self.seconds) % 2:
            with CountingHandler.counter.counted():
                self.preview.show(iterate)
        if iterate.iteration % self.length == 0:
            now = self._now()
            self.seconds.append([b - a for a, b in zip(self._begun, now, strict=True)])
            is_watched = not len(self.seconds) % 2
            self.viewer.process.send_signal(signal.SIGCONT if is_watched else signal.SIGSTOP)
            self._begun = self._now()

    @staticmethod
    def _now() -> list[float]:
        return [clock() for clock in CLOCKS.values()]


def report(seconds: list[list[float]], length: int) -> None:
    """Print what an evaluation took in turns with a viewer, and in those without."""
    counted = seconds[2:] if len(seconds) > 3 else seconds
    watched, alone = counted[::2], counted[1::2]
    new_table('clock', 'without a viewer', 'with one', 'ratio, median', 'ratios')
    for number, clock in enumerate(CLOCKS):
        with_viewer = [turn[number] for turn in watched]
        without = [turn[number] for turn in alone]
        # each turn with a viewer against the mean of those around it, which drifts less
        around = [statistics.mean(pair) for pair in itertools.pairwise(without)] or without
        later = with_viewer[1:] if len(without) > 1 else with_viewer
        ratios = [a / b for a, b in zip(later, around, strict=False)]
        new_row(
            clock,
            f'{statistics.median(without) / length:.3f} s',
            f'{statistics.median(with_viewer) / length:.3f} s',
            f'{statistics.median(ratios):.4f}',
            f'{min(ratios):.3f} to {max(ratios):.3f}',
        )


def look(port: int) -> None:
    """Ask as the page in a browser does, until the process is killed."""
    known, picture = 0, None
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=60)  # which is kept, as there
    while True:
        with suppress(OSError, http.client.HTTPException):
            state = json.loads(ask(connection, f'/state?since={known}'))
            known += len(state['losses'])
            if state['picture'] not in (None, picture):
                picture = state['picture']
                ask(connection, f'/picture?evaluation={picture}')
        time.sleep(POLL)


def ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    try:
        connection.request('GET', path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request opens it again
        raise


if __name__ == '__main__':
    sys.exit(main())
