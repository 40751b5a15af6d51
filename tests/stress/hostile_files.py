"""Load files that were made to cost time or memory, one or more of every format.

    python tests/stress/hostile_files.py [NAME ...]

Loads each in a process of its own, and prints as a line of JSON how it ended, the seconds of CPU
time and by the clock, the CPU time as a multiple of that in which PyTorch makes 1000 convolution
layers, the peak of the whole process in MB, and the size of the file in MB.
"""

import gc
import json
import logging
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests'), str(ROOT / 'tests' / 'loadcaffe')]

import hostile_caffe  # noqa: E402
import hostile_containers  # noqa: E402
import hostile_onnx  # noqa: E402
import hostile_tensors  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from caffe_networks import blob_of, step, v2_net  # noqa: E402

import loadcaffe  # noqa: E402

# Suffix -> functions that return a file's content.
MODULES = (hostile_caffe, hostile_tensors, hostile_containers, hostile_onnx)
MAKERS = {suffix: makers for module in MODULES for suffix, makers in module.MAKERS.items()}
FILES = {make.__name__: (make, suffix) for suffix, makers in MAKERS.items() for make in makers}
PROTOTXT = """input: "data"
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 4 kernel_size: 1 } }
"""


def outcome(path):
    """Load a file, and return 'loaded: ...', 'refused: ...', or another exception's text."""
    folder = path.parent
    files, net = (folder / 'conv.prototxt', path), 'auto'
    if path.suffix == '.prototxt':
        files, net = (path, folder / 'conv.caffemodel'), 'prototxt'
    try:
        network = loadcaffe.load(*files, net=net)
    except loadcaffe.CaffeFormatError as error:
        return f'refused: {error}'
    except Exception as error:
        return f'{type(error).__name__}: {error}'[:300]
    return f'loaded: {len(network)} layers'


def in_a_process(work):
    """Return what a function returns in a forked process, so that peaks are measured apart."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.write(writer, json.dumps(work()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(process, 0)
    died = {'outcome': 'the process died', 'seconds': 0, 'clock': 0, 'ratio': 0, 'peak': 0}
    return json.loads(text) if text else died


def baseline():
    """Return the seconds of CPU time in which PyTorch makes 1000 convolution layers."""
    start = time.process_time()
    for _ in range(1000):
        torch.nn.Conv2d(1, 1, 1)
    return time.process_time() - start


def measure(path):
    unit = baseline()
    cpu, clock = time.process_time(), time.perf_counter()
    result = outcome(path)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    status = dict(line.split(':', 1) for line in open('/proc/self/status'))
    peak = int(status['VmHWM'].split()[0]) / 1024
    return {'outcome': result, 'seconds': cpu, 'clock': clock, 'ratio': cpu / unit, 'peak': peak}


def rows(names):
    """Make and load the files of these names; iterate over what was measured."""
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    gc.freeze()  # else collections copy the pages that forked processes share
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'conv.prototxt').write_text(PROTOTXT)
        blobs = [blob_of(np.ones((4, 3, 1, 1))), blob_of(np.ones(4))]
        conv = step('Convolution', 'data', 'conv1', blobs, convolution_param={'kernel_size': [1]})
        (folder / 'conv.caffemodel').write_bytes(v2_net(conv).SerializeToString())
        for maker_name in names:
            make, suffix = FILES[maker_name]
            path = folder / f'{maker_name}.{suffix}'
            size = in_a_process(lambda path=path, make=make: path.write_bytes(make()))
            row = in_a_process(lambda path=path: measure(path))
            yield {'name': maker_name, 'size': size / 1e6} | row
            path.unlink()


def main(names):
    for row in rows(names or FILES):
        print(json.dumps(row), flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
