"""ONNX files that were made to cost time or memory."""

import struct

from caffe_networks import field, varint
from hostile_caffe import MILLION


def number(field_number, value):
    return varint(field_number << 3) + varint(value)


def node(operator, inputs, outputs, *attributes):
    """onnx.proto: NodeProto: input 1, output 2, op_type 4, attribute 5."""
    names = b''.join(field(1, name.encode()) for name in inputs.split())
    names += b''.join(field(2, name.encode()) for name in outputs.split())
    return field(1, names + field(4, operator) + b''.join(field(5, a) for a in attributes))


def tensor(name, shape, data_type=1, raw=b''):
    """onnx.proto: TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
    dims = b''.join(number(1, size) for size in shape)
    return field(5, dims + number(2, data_type) + field(8, name.encode()) + field(9, raw))


def model(*graph, head=b''):
    """onnx.proto: ModelProto: ir_version 1, graph 7, opset_import 8; GraphProto: input 11."""
    content = b''.join(graph) + field(11, field(1, b'data'))
    return number(1, 8) + head + field(7, content) + field(8, number(2, 13))


def chain(operator, count, weights='', *attributes):
    return b''.join(
        node(operator, f'{f"b{i}" if i else "data"} {weights}', f'b{i + 1}', *attributes)
        for i in range(count)
    )


ONE = struct.pack('<f', 1)
WINDOW = [
    field(1, name) + b''.join(number(8, size) for size in sizes)
    for name, sizes in (
        (b'kernel_shape', (1, 1)),
        (b'strides', (1, 1)),
        (b'dilations', (1, 1)),
        (b'pads', (0, 0, 0, 0)),
    )
]


# Each function from here on returns the content of a file.


def nodes_of_onnx():
    return model(chain(b'Relu', 10_000))


def too_many_nodes_of_onnx():
    return model(chain(b'Relu', 60_000))


def convolutions_of_onnx():
    return model(chain(b'Conv', 6_000, 'w', *WINDOW), tensor('w', (1, 1, 1, 1), 1, ONE))


def batch_norms_of_onnx():
    return model(chain(b'BatchNormalization', 10_000, 'w w w w'), tensor('w', (1,), 1, ONE))


def large_half_floats_of_onnx():
    weight = tensor('w', (2048, 2048, 1, 1), 10, bytes(8 * MILLION))
    return model(chain(b'Conv', 1_000, 'w'), weight)


def tensors_of_onnx():
    return model(chain(b'Relu', 1), *(tensor(f'w{i}', (1,), 1, ONE) for i in range(6_000)))


def too_many_tensors_of_onnx():
    return model(chain(b'Relu', 1), *(tensor(f'w{i}', (1,), 1, ONE) for i in range(50_000)))


def shape_of_a_tensor_of_onnx():
    return model(chain(b'Conv', 1, 'w'), tensor('w', (1 << 20, 1 << 20, 1 << 20), 1, ONE))


def axes_of_a_tensor_of_onnx():
    return model(chain(b'Conv', 1, 'w'), field(5, field(8, b'w') + number(1, 1) * 190_000))


def integers_of_onnx():
    pads = field(1, b'pads') + field(8, b'\1' * 3 * MILLION)
    return model(chain(b'Conv', 1, 'w', pads), tensor('w', (1, 1, 1, 1), 1, ONE))


def unpacked_integers_of_onnx():
    pads = field(1, b'pads') + number(8, 1) * 190_000
    return model(chain(b'Conv', 1, 'w', pads), tensor('w', (1, 1, 1, 1), 1, ONE))


def long_shape_of_onnx():
    shape = tensor('w', (8 * MILLION,), 7, bytes(64 * MILLION))
    return model(chain(b'Reshape', 1, 'w'), shape)


def inputs_of_onnx():
    return model(node(b'Concat', 'data ' * 150_000, 'b1'))


def inputs_of_the_graph_of_onnx():
    return model(b''.join(field(11, field(1, b'%d' % i)) for i in range(150_000)))


def outputs_of_onnx():
    return model(node(b'Split', 'data', ' '.join(f'b{i}' for i in range(150_000))))


def graphs_in_graphs_of_onnx():
    graph = b''
    for _ in range(3_000):
        graph = field(1, field(5, field(6, graph)))
    return model(graph)


def many_graphs_of_onnx():
    return number(1, 8) + field(7, b'') * 150_000


def nodes_of_one_name_of_onnx():
    relu = field(1, b'data') + field(2, b'b') + field(3, b'a') + field(4, b'Relu')
    return model(field(1, relu) * 10_000)


def long_names_of_onnx():
    return model(node(b'Relu', 'data', 'x' * 3 * MILLION))


def documents_of_onnx():
    return model(chain(b'Relu', 1), head=field(6, b'x' * 64 * MILLION))


MAKERS = {
    'onnx': [
        nodes_of_onnx, too_many_nodes_of_onnx, convolutions_of_onnx, batch_norms_of_onnx,
        large_half_floats_of_onnx, tensors_of_onnx, too_many_tensors_of_onnx,
        shape_of_a_tensor_of_onnx, axes_of_a_tensor_of_onnx, integers_of_onnx,
        unpacked_integers_of_onnx, long_shape_of_onnx, inputs_of_onnx, inputs_of_the_graph_of_onnx,
        outputs_of_onnx, graphs_in_graphs_of_onnx, many_graphs_of_onnx, nodes_of_one_name_of_onnx,
        long_names_of_onnx, documents_of_onnx,
    ],
}  # fmt: skip
