"""Turn ONNX's operations into Caffe's layers: OPERATORS, a function for each operation.

Each takes an Operation and returns a layer or two, whose blobs are not copied where they need no
change. It raises Unsupported for what Caffe's layer cannot do. Source: onnx.ai/onnx/operators.
"""

from collections.abc import Callable

import torch

from loadcaffe.formats.netparameter import Layer
from loadcaffe.formats.onnx_graph import DOMAINS, Node, OnnxGraph
from loadcaffe.formats.onnx_operation import Operation, Pair, Unsupported, make_layer
from loadcaffe.formats.schema import CaffeFormatError, shorten

SAME = ('SAME_UPPER', 'SAME_LOWER')


def layers_of(node: Node, graph: OnnxGraph) -> list[Layer]:
    """Return the layers of a node: one of a type that cannot be read, if Caffe has none for it."""
    operator = node.operator if node.domain in DOMAINS else f'{node.domain}.{node.operator}'
    problem = ''
    if operator in OPERATORS:
        operation = Operation(node, graph)
        try:
            layers = OPERATORS[operator](operation)
            if not operation.attributes:
                return layers if isinstance(layers, list) else [layers]
            problem = f' with {", ".join(operation.attributes)}'
        except Unsupported as error:
            problem = f' with {error}'
        except CaffeFormatError:
            raise
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            problem = f' with a number out of range: {error}'
    layer_type = shorten(f'ONNX {operator}{problem}', 200)
    inputs = [name for name in node.inputs if name and name not in graph.tensors]
    # Blobs, though empty, say that the layer is no mere output of the network.
    blobs = [torch.empty(0)] if 'Conv' in operator else []
    return [make_layer(node.name, layer_type, inputs, node.outputs, blobs)]


def _padding(op: Operation, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
    automatic = op.text('auto_pad', 'NOTSET')
    pads = op.integers('pads', [0] * 4)
    if automatic in SAME:
        spans = [(size - 1) * step for size, step in zip(kernel, dilation, strict=True)]
        if stride != (1, 1) or any(span % 2 for span in spans):
            raise Unsupported(f'auto_pad {automatic}')
        return spans[0] // 2, spans[1] // 2
    if automatic == 'VALID':
        return 0, 0
    if len(pads) != 4 or pads[:2] != pads[2:]:
        raise Unsupported(f'pads {pads}')
    return pads[0], pads[1]


def _convolution(op: Operation, layer_type: str = 'Convolution') -> Layer:
    weight = op.blob(1)
    if weight.dim() != 4:
        raise Unsupported(f'weights of {weight.dim()} axes')
    kernel = (weight.shape[2], weight.shape[3])
    if op.pair('kernel_shape', 0) not in (kernel, (0, 0)):
        raise Unsupported('kernel_shape that is not that of its weights')
    stride, dilation = op.pair('strides', 1), op.pair('dilations', 1)
    groups = op.integer('group', 1)
    blobs = [weight] + ([op.blob(2)] if op.has_input(2) else [])
    outputs = weight.shape[0] if layer_type == 'Convolution' else weight.shape[1] * groups
    return op.layer(
        layer_type,
        blobs,
        convolution_param={
            'num_output': outputs,
            'bias_term': len(blobs) == 2,
            'group': groups,
            'kernel_size': kernel,
            'stride': stride,
            'dilation': dilation,
            'pad': _padding(op, kernel, stride, dilation),
        },
    )


def _deconvolution(op: Operation) -> Layer:
    if any(op.integers('output_padding', [])) or 'output_shape' in op.attributes:
        raise Unsupported('output_padding or output_shape')
    return _convolution(op, 'Deconvolution')


def _pooling(op: Operation, method: int) -> Layer:
    kernel, stride = op.pair('kernel_shape', None), op.pair('strides', 1)
    if op.pair('dilations', 1) != (1, 1) or op.integer('storage_order', 0):
        raise Unsupported('dilations or storage_order')
    pad = _padding(op, kernel, stride, (1, 1))
    if method and any(pad) and not op.integer('count_include_pad', 0):
        raise Unsupported('an average that leaves out the padding')
    op.attributes.pop('count_include_pad', None)  # without padding it says nothing
    param = {'kernel': kernel, 'stride': stride, 'pad': pad}
    sizes = {f'{name}_{"hw"[i]}': pair[i] for name, pair in param.items() for i in (0, 1)}
    rounding = {'round_mode': 0 if op.integer('ceil_mode', 0) else 1}
    return op.layer('Pooling', pooling_param={'pool': method, **sizes, **rounding})


def _global_pooling(op: Operation, method: int) -> Layer:
    return op.layer('Pooling', pooling_param={'pool': method, 'global_pooling': True})


def _gemm(op: Operation) -> Layer:
    factors = op.number('alpha', 1.0), op.number('beta', 1.0), op.integer('transA', 0)
    if factors != (1.0, 1.0, 0):
        raise Unsupported('alpha, beta or transA')
    return _inner_product(op, not op.integer('transB', 0))


def _inner_product(op: Operation, transpose: bool = True) -> Layer:
    blobs = [op.blob(1)] + ([op.blob(2)] if op.has_input(2) else [])
    if blobs[0].dim() != 2:
        raise Unsupported(f'weights of {blobs[0].dim()} axes')
    outputs = blobs[0].shape[1 if transpose else 0]
    param = {'num_output': outputs, 'bias_term': len(blobs) == 2, 'transpose': transpose}
    return op.layer('InnerProduct', blobs, inner_product_param=param)


def _lrn(op: Operation) -> Layer:
    param = {
        'local_size': op.integer('size', 0),
        'alpha': op.number('alpha', 1e-4),
        'beta': op.number('beta', 0.75),
        'k': op.number('bias', 1.0),
    }
    return op.layer('LRN', lrn_param=param)


def _batch_normalization(op: Operation) -> list[Layer]:
    """Return Caffe's two layers: one that normalises, one that scales and shifts."""
    op.attributes.pop('momentum', None)  # of training
    if op.integer('training_mode', 0) or not op.integer('spatial', 1):
        raise Unsupported('training_mode or spatial')
    scale, shift, mean, variance = (op.blob(number) for number in (1, 2, 3, 4))
    name, (output, *_) = op.node.name, op.node.outputs
    normalised = f'{output} normalised'
    param = {'eps': op.number('epsilon', 1e-5)}
    blobs = [mean, variance, torch.ones(1)]
    norm = make_layer(name, 'BatchNorm', op.arguments, [normalised], blobs, batch_norm_param=param)
    blobs, scaling = [scale, shift], {'bias_term': True}
    name = f'{name}_scale'
    return [norm, make_layer(name, 'Scale', [normalised], [output], blobs, scale_param=scaling)]


def _along_last_axes(op: Operation, layer_type: str, param: str) -> Layer:
    """Return a Scale or Bias by the constant among two inputs, aligned at the last axis."""
    number = 1 if op.is_constant(1) else 0
    blob = op.blob(number)
    while blob.dim() and blob.shape[0] == 1:
        blob = blob[0]
    axes = {'axis': -blob.dim(), 'num_axes': blob.dim()}
    return op.layer(layer_type, [blob], **{param: axes})


def _elementwise(op: Operation, operation: int) -> Layer:
    """Return the layer of a product (0) or a sum (1), of inputs or with a constant."""
    if len(op.node.inputs) == 2 and len(op.arguments) == 1:
        if operation:
            return _along_last_axes(op, 'Bias', 'bias_param')
        return _along_last_axes(op, 'Scale', 'scale_param')
    return _eltwise(op, operation)


def _eltwise(op: Operation, operation: int) -> Layer:
    if len(op.arguments) < 2 or len(op.arguments) < len(op.node.inputs):
        raise Unsupported(f'{len(op.arguments)} inputs that are no constants')
    return op.layer('Eltwise', eltwise_param={'operation': operation})


def _concat(op: Operation) -> Layer:
    if len(op.arguments) < len(op.node.inputs):
        raise Unsupported('constant inputs')
    return op.layer('Concat', concat_param={'axis': op.integer('axis', 1)})


def _softmax(op: Operation) -> Layer:
    axis = op.integer('axis', -1 if op.opset >= 13 else 1)
    return op.layer('Softmax', softmax_param={'axis': axis})


def _flatten(op: Operation) -> Layer:
    axis = op.integer('axis', 1)
    if axis != 1:
        raise Unsupported(f'axis {axis}')
    return op.layer('Flatten')


def _reshape(op: Operation) -> Layer:
    if not op.is_constant(1) or op.integer('allowzero', 0):
        raise Unsupported('a computed shape')
    shape = op.tensors.integers(op.node.inputs[1])
    return op.layer('Reshape', reshape_param={'shape': {'dim': shape}})


def _transpose(op: Operation) -> Layer:
    return op.layer('Permute', permute_param={'order': op.integers('perm', [])})


def _clip(op: Operation) -> Layer:
    lowest, highest = (
        op.number(name, op.scalar(number, limit))
        for name, number, limit in (('min', 1, -3.4e38), ('max', 2, 3.4e38))
    )
    return op.layer('Clip', clip_param={'min': lowest, 'max': highest})


def _prelu(op: Operation) -> Layer:
    slope = op.blob(1)
    if slope.numel() != 1 and (slope.dim() < 3 or slope.numel() != slope.shape[-3]):
        raise Unsupported(f'slopes of the shape {list(slope.shape)}')
    shared = {'channel_shared': slope.numel() == 1}
    return op.layer('PReLU', [slope.reshape(-1)], prelu_param=shared)


def _leaky_relu(op: Operation) -> Layer:
    return op.layer('ReLU', relu_param={'negative_slope': op.number('alpha', 0.01)})


MAX, AVERAGE = 0, 1  # PoolingParameter.PoolMethod
PRODUCT, SUM, MAXIMUM = 0, 1, 2  # EltwiseParameter.EltwiseOp
OPERATORS: dict[str, Callable[[Operation], Layer | list[Layer]]] = {
    'Abs': lambda op: op.layer('AbsVal'),
    'Add': lambda op: _elementwise(op, SUM),
    'AveragePool': lambda op: _pooling(op, AVERAGE),
    'BatchNormalization': _batch_normalization,
    'Clip': _clip,
    'Concat': _concat,
    'Conv': _convolution,
    'ConvTranspose': _deconvolution,
    'Elu': lambda op: op.layer('ELU', elu_param={'alpha': op.number('alpha', 1.0)}),
    'Exp': lambda op: op.layer('Exp'),
    'Flatten': _flatten,
    'Gemm': _gemm,
    'GlobalAveragePool': lambda op: _global_pooling(op, AVERAGE),
    'GlobalMaxPool': lambda op: _global_pooling(op, MAX),
    'LRN': _lrn,
    'LeakyRelu': _leaky_relu,
    'Log': lambda op: op.layer('Log'),
    'MatMul': _inner_product,
    'Max': lambda op: _eltwise(op, MAXIMUM),
    'MaxPool': lambda op: _pooling(op, MAX),
    'Mul': lambda op: _elementwise(op, PRODUCT),
    'PRelu': _prelu,
    'Relu': lambda op: op.layer('ReLU'),
    'Reshape': _reshape,
    'Sigmoid': lambda op: op.layer('Sigmoid'),
    'Softmax': _softmax,
    'Sum': lambda op: _eltwise(op, SUM),
    'Tanh': lambda op: op.layer('TanH'),
    'Transpose': _transpose,
}
