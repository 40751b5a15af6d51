"""Kill runs with SIGKILL at random moments, and check the files that they leave.

    python tests/stress/kill_checkpoint.py [--times 200] [--seed 0]

A run that writes its state and its picture after every evaluation is killed, and what it left is
resumed, and that is killed.  Each time the state must be readable and no older than the one
before, every picture must be whole, and there may be one unfinished file.  At the end a run goes on
undisturbed, and its picture must be that of one that was never killed.  Exit status 0 if so.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from neural_style.command import process  # noqa: E402

ITERATIONS = 12
INPUTS = ROOT / 'tests' / 'data'
MODEL = INPUTS / 'models' / 'mini_vgg19_conv'
SETTINGS = f"""
    -gpu -1 -image_size 140 -num_iterations {ITERATIONS} -lbfgs_num_correction 12 -seed 1
    -content_image {INPUTS}/inputs/scene.jpg -style_image {INPUTS}/inputs/strokes.jpg
    -proto_file {MODEL}.prototxt -model_file {MODEL}.caffemodel -print_iter 0 -save_iter 1
    -init image -checkpoint state -checkpoint_iter 1
""".split()


def start(argv: list[str], folder: Path) -> int:
    """Run the command in a child process, and return its id.  A fork saves loading PyTorch."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        status = 99
        try:
            status = process.main(argv)
        finally:
            os._exit(status)
    return child


def finish(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def progress(folder: Path) -> int:
    """Check the files of the folder; return the evaluations done by the state, -1 for none."""
    unfinished = 0
    done = -1
    for path in folder.iterdir():
        if path.suffix == '.tmp':
            unfinished += 1
        elif path.suffix == '.png':
            Image.open(path).load()
        elif path.name == 'state':
            with safe_open(path, framework='pt') as file:
                for name in file.keys():
                    file.get_tensor(name)
                content = json.loads(file.metadata()['neural_style'])
            done = content['state']['iteration']
    assert unfinished <= 1, f'{unfinished} unfinished files'
    return done


def kill(times: int, seed: int) -> dict[str, int]:
    """Return how often a run was killed, was killed while writing, and ended before that."""
    torch.set_num_threads(1)  # a fork takes no threads along
    rng = random.Random(seed)
    counts = {'killed': 0, 'while writing': 0, 'ended': 0}
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed, folder = Path(scratch, 'undisturbed'), Path(scratch, 'killed')
        undisturbed.mkdir()
        began = time.monotonic()
        assert finish(start(SETTINGS, undisturbed)) == 0, (undisturbed / 'log').read_text()
        seconds = time.monotonic() - began
        while counts['killed'] < times:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            before, ended = -1, False
            while not ended and counts['killed'] < times:
                argv = ['-resume', 'state'] if before >= 0 else SETTINGS
                child = start(argv, folder)
                time.sleep(rng.uniform(0, seconds / 2))
                os.kill(child, signal.SIGKILL)
                status = finish(child)
                assert status in (0, -signal.SIGKILL), (folder / 'log').read_text()
                ended = status == 0
                done = progress(folder)
                assert done >= before, f'the state went back from {before} to {done}'
                before = done
                counts['ended' if ended else 'killed'] += 1
                counts['while writing'] += any(path.suffix == '.tmp' for path in folder.iterdir())
        if before >= 0:
            assert finish(start(['-resume', 'state'], folder)) == 0, (folder / 'log').read_text()
            left = sorted(path.name for path in folder.iterdir())
            assert left == sorted(path.name for path in undisturbed.iterdir()), left
            equal = (folder / 'out.png').read_bytes() == (undisturbed / 'out.png').read_bytes()
            assert equal, 'the picture is another one'
    return counts


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--times', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    print(', '.join(f'{name}: {n}' for name, n in kill(args.times, args.seed).items()))
