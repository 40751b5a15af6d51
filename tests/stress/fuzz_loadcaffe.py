"""Damage network files in many ways, and check that loadcaffe refuses them quickly.

    python tests/stress/fuzz_loadcaffe.py [--mutants N] [--seed S] [--first CASE] [FILE ...]

Every file of the tests' models, one of each other format made from them, and the files named, are
cut at every 1/64 of their length; then N mutants of them, chosen in turn, are damaged at random.
Each must load, or raise CaffeFormatError with the file's name, within 2 s and 500 MB. A mutant
whose damage lies in the weights alone is only another network. Exit status 0 if all goes well.
"""

import argparse
import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import loadcaffe  # noqa: E402

SECONDS, MEGABYTES = 2.0, 500
MODELS = Path(__file__).resolve().parents[1] / 'data' / 'models'
SMALL = ('lenet_v1', 'lenet_v2', 'lenet_v2_legacyblobs')


def seeds(folder):
    """Write a small file of each format; return paths, each with its prototxt."""
    files = [(MODELS / f'{name}.caffemodel', MODELS / 'none.prototxt') for name in SMALL]
    files += [(MODELS / f'{name}.prototxt', None) for name in SMALL]
    network = loadcaffe.load(MODELS / 'lenet_v2.prototxt', MODELS / 'lenet_v2.caffemodel')
    deploy = folder / 'deploy.prototxt'
    deploy.write_text('input: "data" ' + (MODELS / 'lenet_v2.prototxt').read_text())
    weights = {
        module.name: [module.weight, module.bias] for module in network if hasattr(module, 'weight')
    }
    tensors = {
        f'{name}.{blob_name}': blob.detach().clone()
        for name, blobs in weights.items()
        for blob_name, blob in zip(('weight', 'bias'), blobs, strict=True)
    }
    torch.save(tensors, folder / 'new.pth')
    torch.save(tensors, folder / 'old.pth', _use_new_zipfile_serialization=False)
    write_hdf5(folder / 'net.caffemodel.h5', weights)
    write_mat(folder / 'net.mat', weights)
    from safetensors.torch import save_file

    save_file(tensors, folder / 'net.safetensors')
    names = ['new.pth', 'old.pth', 'net.safetensors', 'net.caffemodel.h5', 'net.mat', 'packed.mat']
    return files + [(folder / name, deploy) for name in names]


def write_hdf5(path, weights):
    import h5py

    with h5py.File(path, 'w') as file:
        for name, blobs in weights.items():
            for i, blob in enumerate(blobs):
                file.create_dataset(f'data/{name}/{i}', data=blob.numpy())


def write_mat(path, weights):
    """Write a MatConvNet network of one convolution and its ReLU, plain and compressed."""
    from scipy.io import savemat

    pair = np.empty((1, 2), object)
    pair[0, 0], pair[0, 1] = weights['conv1'][0].numpy().transpose(2, 3, 1, 0), np.zeros((6, 1))
    layers = np.empty((1, 2), object)
    layers[0, 0] = {'name': 'conv1', 'type': 'conv', 'weights': pair, 'pad': 0.0, 'stride': 1.0}
    layers[0, 1] = {'name': 'relu1', 'type': 'relu'}
    savemat(path, {'layers': layers})
    savemat(path.with_name('packed.mat'), {'layers': layers}, do_compression=True)


def damage(content, random):
    """Change, delete or repeat some bytes, or set them to a wrong length."""
    content = bytearray(content)
    # Most of a file is weights; the first 600 bytes, and the last, are description in every format.
    for _ in range(random.integers(1, 5)):
        size = len(content)
        if not size:
            break
        where = random.integers(4)
        at = random.integers(size) if where == 0 else random.integers(min(600, size))
        if where == 3:
            at = size - 1 - at
        choice = random.integers(6)
        if choice <= 2:
            content[at] = random.integers(256) if choice else content[at] ^ 1 << random.integers(8)
        elif choice == 3:
            content[at : at + 4] = random.choice([b'\xff' * 4, b'\0' * 4, b'\xff\xff\xff\x7f'])
        elif choice == 4:
            del content[at : at + random.integers(1, 40)]
        else:
            content[at:at] = content[at : at + random.integers(1, 40)]
    return bytes(content)


def outcome(path, prototxt):
    """Return 'loaded', 'refused', or what is wrong."""
    try:
        if prototxt is None:
            loadcaffe.read(path)
        else:
            loadcaffe.load(prototxt, path)
    except loadcaffe.CaffeFormatError as error:
        return 'refused' if path.name in str(error) else f'no name of the file: {error}'
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'loaded'


def work(cases, folder, seed, progress):
    """Load case after case, and put each outcome into the queue."""
    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    files = [(path, path.read_bytes(), prototxt) for path, prototxt in seeds(folder)]
    files += [(path, path.read_bytes(), proto) for path, proto in EXTRA]
    for case in cases:
        progress.put((case, None, 0, 0))
        path, content, prototxt = files[case % len(files)]
        round_ = case // len(files)
        if round_ < 64:
            content = content[: len(content) * round_ // 64]
        else:
            content = damage(content, np.random.default_rng([seed, case]))
        mutant = folder / f'mutant_{path.name}'
        mutant.write_bytes(content)
        start = time.perf_counter()
        result = outcome(mutant, prototxt)
        progress.put((case, result, time.perf_counter() - start, peak()))


EXTRA: list = []


def peak():
    """Return the peak resident megabytes of this process."""
    fields = dict(line.split(':', 1) for line in open('/proc/self/status'))
    return int(fields['VmHWM'].split()[0]) / 1024


def run(cases, seed):
    """Yield the outcome of every case; a worker that dies or hangs is replaced."""
    cases = list(cases)
    while cases:
        with tempfile.TemporaryDirectory() as folder:
            progress = multiprocessing.Queue()
            worker = multiprocessing.Process(
                target=work, args=(cases, Path(folder), seed, progress), daemon=True
            )
            worker.start()
            current = cases[0]
            while cases:
                try:
                    case, result, seconds, megabytes = progress.get(timeout=30)
                except Exception:
                    state = 'hangs' if worker.is_alive() else f'crash {worker.exitcode}'
                    worker.kill()
                    yield current, state, 30, 0
                    cases = cases[cases.index(current) + 1 :]
                    break
                current = case
                if result is not None:
                    yield case, result, seconds, megabytes
                    cases.pop(0)
            worker.join(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--mutants', type=int, default=100_000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--first', type=int, default=0, help='begin with this case')
    parser.add_argument('files', nargs='*', type=Path, help='more files to damage')
    args = parser.parse_args()
    EXTRA.extend((path, MODELS / 'none.prototxt') for path in args.files)
    with tempfile.TemporaryDirectory() as folder:
        count = len(seeds(Path(folder))) + len(EXTRA)
    total, worst, largest, faults = Counter(), 0.0, 0.0, 0
    for case, result, seconds, megabytes in run(
        range(args.first, 64 * count + args.mutants), args.seed
    ):
        change = 'cut' if case < 64 * count else 'damaged'
        bad = result not in ('loaded', 'refused') or seconds > SECONDS or megabytes > MEGABYTES
        # An empty file is case 0 of each; no cut file may load, but for one cut between two layers.
        total[change, result if result in ('loaded', 'refused') else 'fault'] += 1
        worst, largest = max(worst, seconds), max(largest, megabytes)
        if bad:
            faults += 1
            print(f'case {case}: {result} after {seconds:.1f} s, {megabytes:.0f} MB', flush=True)
    for (change, result), number in sorted(total.items()):
        print(f'{change} and {result}: {number}')
    print(
        f'slowest {worst:.2f} s, most memory {largest:.0f} MB (the whole process), {faults} faults'
    )
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
