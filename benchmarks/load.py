"""Time and memory of loading a full-width VGG-19, compared with protobuf reading the file.

    python -m benchmarks.load [--runs N] [--width CHANNELS] [--folder DIR] [--keep]

Writes VGG_ILSVRC_19_layers' structure with random weights (V1, 575 MB), then loads it in a process
of its own for every run.  The file has just been written, so it is read from memory where that is
large enough: the figures are those of the loader, not of the disk.
"""

import json
import logging
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import loadcaffe
from benchmarks.arguments import add_work, new_parser
from benchmarks.charts import new_row, new_table
from benchmarks.measuring import Worker
from benchmarks.peak import peak_memory
from loadcaffe.formats import schema

CONVOLUTIONS = [[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4]
INNER_PRODUCTS = [4096, 4096, 1000]  # outputs; the last are classes
METHODS = {
    'loadcaffe.load': 'floats read into the tensors',
    'protobuf': 'NetParameter.FromString of the file, numpy.fromiter of each blob',
}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser(__doc__, chart=False)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--width', type=int, default=64, help='channels of the first block')
    parser.add_argument('--folder', help='where to write the model (a temporary folder)')
    parser.add_argument('--keep', action='store_true', help='keep the model')
    add_work(parser)
    args = parser.parse_args(argv)
    if args.work:
        print(json.dumps(measure(**json.loads(args.work))))
        return 0
    folder = Path(args.folder or tempfile.mkdtemp())
    model = folder / 'benchmark_vgg19.caffemodel'
    try:
        floats = write_vgg19(model, args.width)
        report(model, floats, args.runs)
    finally:
        if not args.keep:
            model.unlink(missing_ok=True)
            if not args.folder:
                folder.rmdir()
    return 0


def report(model: Path, floats: int, runs: int) -> None:
    size = model.stat().st_size
    print(f'{size / 1e6:.0f} MB, {runs} runs, each in a process of its own')
    new_table('method', 'median', 'fastest', 'peak / file', 'before the load / file', 'how')
    for method, how in METHODS.items():
        results = [in_own_process(method, model, floats) for _ in range(runs)]
        seconds = [result['seconds'] for result in results]
        new_row(
            method,
            f'{statistics.median(seconds):.2f} s',
            f'{min(seconds):.2f} s',
            f'{max(result["peak"] for result in results) / size:.2f}',
            f'{max(result["before"] for result in results) / size:.2f}',
            how,
        )


def in_own_process(method: str, model: Path, floats: int) -> dict[str, float]:
    worker = Worker('load', method=method, model=str(model), floats=floats)
    result = worker.answer()
    worker.close()
    return result


def measure(method: str, model: str, floats: int) -> dict[str, float]:
    """Load once: return seconds without imports, and peak memory after and before loading."""
    logging.getLogger('loadcaffe').setLevel(logging.ERROR)  # there is no prototxt, on purpose
    before = peak_memory()
    start = time.perf_counter()
    if method == 'loadcaffe.load':
        tensors = list(loadcaffe.load('no.prototxt', model).parameters())
    else:
        net = schema.NetParameter.FromString(Path(model).read_bytes())
        tensors = [
            torch.from_numpy(np.fromiter(blob.data, np.float32, len(blob.data)))
            for layer in net.layers
            for blob in layer.blobs
        ]
    seconds = time.perf_counter() - start
    assert sum(tensor.numel() for tensor in tensors) == floats, 'not all of VGG-19 was loaded'
    return {'seconds': seconds, 'peak': peak_memory(), 'before': before}


def write_vgg19(path: Path, width: int = 64) -> int:
    """Write VGG-19 layer by layer, so that this process stays small; return its number of floats.

    width: channels of the first block; those of the others are as many times it as in VGG-19.
    """
    random = np.random.default_rng(0)
    floats = 0
    with open(path, 'wb') as file:
        file.write(schema.NetParameter(name='VGG_ILSVRC_19_layers').SerializeToString())
        inputs = 3
        for block, widths in enumerate(CONVOLUTIONS, 1):
            for number, full_width in enumerate(widths, 1):
                outputs = full_width * width // 64
                conv = {'num_output': outputs, 'pad': [1], 'kernel_size': [3]}
                shape = (outputs, inputs, 3, 3)
                name = f'conv{block}_{number}'
                floats += write_layer(file, random, name, 4, shape, conv=conv)
                write_layer(file, random, f'relu{block}_{number}', 18)
                inputs = outputs
            write_layer(file, random, f'pool{block}', 17, pool={'kernel_size': 2, 'stride': 2})
        inputs *= 7 * 7
        for number, full_width in enumerate(INNER_PRODUCTS, 6):
            outputs = full_width * width // 64 if number < 8 else full_width
            shape = (1, 1, outputs, inputs)
            fc = {'num_output': outputs}
            floats += write_layer(file, random, f'fc{number}', 14, shape, fc=fc)
            inputs = outputs
            if number < 8:
                write_layer(file, random, f'relu{number}', 18)
                write_layer(file, random, f'drop{number}', 6)
        write_layer(file, random, 'prob', 20)
    return floats


def write_layer(file, random, name, layer_type, shape=None, conv=None, pool=None, fc=None):
    """Write a layer; return the number of floats in its blobs."""
    content = schema.V1LayerParameter(
        name=name,
        type=layer_type,
        convolution_param=conv,
        pooling_param=pool,
        inner_product_param=fc,
    ).SerializeToString()
    shapes = []
    if shape:
        outputs = shape[2] if shape[0] == 1 else shape[0]
        shapes = [shape, (1, 1, 1, outputs)]
    blobs = [write_blob(random, shape) for shape in shapes]
    length = len(content) + sum(len(part) for blob in blobs for part in blob)
    file.write(prefix(schema.NetParameter, 'layers', length) + content)
    for blob in blobs:
        for part in blob:
            file.write(part)
    return sum(map(math.prod, shapes))


def write_blob(random, shape):
    num, channels, height, width = shape
    sizes = schema.BlobProto(num=num, channels=channels, height=height, width=width)
    sizes = sizes.SerializeToString()
    count = num * channels * height * width
    data = (random.standard_normal(count, np.float32) * 0.01).data.cast('B')
    head = prefix(schema.BlobProto, 'data', len(data))
    length = len(sizes) + len(head) + len(data)
    return prefix(schema.V1LayerParameter, 'blobs', length), sizes, head, data


def prefix(message, field, length):
    """Return tag and length of a length-delimited field."""
    number = message.DESCRIPTOR.fields_by_name[field].number
    return varint(number << 3 | 2) + varint(length)


def varint(value):
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes(content) + bytes([value])


if __name__ == '__main__':
    sys.exit(main())
