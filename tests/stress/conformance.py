"""Replay recordings of the original program and report how close the port comes.

    python tests/stress/conformance.py [--gpu N] DIR [NAME ...]

DIR holds models/, inputs/ and runs/NAME/ (cmd.txt, stdout.txt, stderr.txt, exit.txt, the
pictures written, for some runs trace.npz), and perhaps noise/NAME.json: how far the original
built with other BLAS kernels drifts from itself.  Nothing is written there.

What a run is held to:
  status   the exit status; where the original died of an error, ours is 1 with a message and
           no traceback.  Where the recording machine lacked a GPU module, or the original could not
           read a picture (grey with alpha), ours may run.
  text     stdout line by line, the numbers of losses aside; where the original died, ours may
           stop earlier (a fault is found before the long work), never say anything else.
  files    the names of the files written, and the sizes of the pictures.
  losses   of evaluation 1, every printed number within 1e-5; on a GPU within 1e-4, since the
           original sums squares one after the other in float32, which is off by up to 7e-5 on
           large layers, and a GPU does not.
  gradient at every recorded x, within 2e-6 of the recorded gradient (L2); on a GPU, or a CPU
           without AVX2, within 0.15, since there other ties in max pooling are broken.
  picture  the last one: no further from the recording than the original from itself under
           other kernels; equal where that floor is 0.  Without a recorded floor, close while
           the losses follow the recorded ones; where they have parted (L-BFGS from noise is
           chaotic), the distance is printed and not judged.
A run whose text, numbers, gradients and last picture are all those of the recording is said to be
the same.  Exit status 0 if every run passes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from judging import (  # noqa: E402
    LOSS_TOLERANCE,
    LOSS_TOLERANCE_ON_GPU,
    Verdict,
    judge_files,
    judge_gradients,
    judge_losses,
    judge_status,
    judge_text,
)
from replaying import read_status, replay  # noqa: E402

from neural_style.torch7.blas import dot  # noqa: E402

HEADER = (
    f'{"run":34} {"loss@1":>8} {"gradient":>8} {"follows":>9} {"picture max/mean/floor":>22}'
    '  verdict'
)


def judge(recordings: Path, name: str, gpu: str | None = None) -> Verdict:
    """Replay one run, and compare its output and files."""
    recorded = recordings / 'runs' / name
    verdict = Verdict(name)
    with tempfile.TemporaryDirectory() as scratch:
        ours = replay(recordings, name, Path(scratch), gpu)
        judge_status(verdict, recorded, ours)
        if verdict.faults or ours.status == 0 != read_status(recorded):
            return verdict
        losses = judge_text(verdict, recorded, ours)
        if read_status(recorded) != 0:
            left = [path.name for path in ours.folder.iterdir()]
            verdict.check(not left, f'left files {left} after an error')
            return verdict
        on_gpu = ours.network is not None and ours.network.devices[0].type != 'cpu'
        tolerance = LOSS_TOLERANCE_ON_GPU if on_gpu else LOSS_TOLERANCE
        judge_losses(verdict, recorded, *losses, tolerance)
        judge_files(verdict, recordings, recorded, ours)
        if not any(' is (' in fault for fault in verdict.faults):
            judge_gradients(verdict, recorded, ours)
    return verdict


def sums_as_recorded() -> bool:
    """Return whether sums are rounded as in the recordings (AVX-512 and OpenBLAS).

    Matrix products do with AVX2 as well.  For the inner products of L-BFGS, the sum of three
    numbers shows which of them share a lane.
    """
    probe = torch.zeros(64)
    probe[[0, 8, 32]] = torch.tensor([2.0**24, -(2.0**24), 1.0])
    dots = dot(probe, torch.ones(64)) == 1
    return dots and torch.backends.cpu.get_cpu_capability().startswith('AVX')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('recordings', type=Path)
    parser.add_argument('--gpu', help='device for all runs, in place of the recorded -gpu -1')
    parser.add_argument('names', nargs='*', help='runs to replay (default: all)')
    args = parser.parse_args()
    names = args.names or sorted(path.name for path in (args.recordings / 'runs').iterdir())
    print(HEADER)
    failed = same = 0
    for name in names:
        verdict = judge(args.recordings.resolve(), name, args.gpu)
        print(verdict.row(), flush=True)
        failed += bool(verdict.faults)
        same += not verdict.faults and not verdict.differs
    print(f'{len(names) - failed} of {len(names)} runs pass, {same} the same to the last bit')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
