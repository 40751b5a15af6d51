"""Caffe's messages: names, numbers and types, as one table.

Source of the facts: caffe.proto of szagoruyko/loadcaffe and of BVLC/caffe, which agree on every
number. Protobuf gets the table through a descriptor pool of our own, so another package's
caffe.proto cannot collide with it. What is not in the table is an unknown field and is skipped.

To add a layer's parameters: a row in LAYER_PARAMETERS and its message in MESSAGES.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class CaffeFormatError(ValueError):
    """A file is not what Caffe writes, or holds what loadcaffe does not read."""


# Field of a layer, its message, its number in LayerParameter, its number in V1LayerParameter.
LAYER_PARAMETERS = [
    ('convolution_param', 'ConvolutionParameter', 106, 10),
    ('dropout_param', 'DropoutParameter', 108, 12),
    ('inner_product_param', 'InnerProductParameter', 117, 17),
    ('lrn_param', 'LRNParameter', 118, 18),
    ('pooling_param', 'PoolingParameter', 121, 19),
    ('relu_param', 'ReLUParameter', 123, 30),
    ('softmax_param', 'SoftmaxParameter', 125, 39),
]

# Message -> (field, number, type, default). A repeated type begins with '*', a packed one with '+'.
# Sizes are 64 bits wide, as in later Caffes: a lying one arrives whole and can be refused.
MESSAGES: dict[str, list[tuple]] = {
    'BlobShape': [('dim', 1, '+int64')],
    'BlobProto': [
        ('num', 1, 'int64'),
        ('channels', 2, 'int64'),
        ('height', 3, 'int64'),
        ('width', 4, 'int64'),
        ('data', 5, '+float'),
        ('diff', 6, '+float'),
        ('shape', 7, 'BlobShape'),
        ('double_data', 8, '+double'),
        ('double_diff', 9, '+double'),
    ],
    'NetStateRule': [
        ('phase', 1, 'LayerParameter.Phase'),
        ('min_level', 2, 'int32'),
        ('max_level', 3, 'int32'),
        ('stage', 4, '*string'),
        ('not_stage', 5, '*string'),
    ],
    'NetParameter': [
        ('name', 1, 'string'),
        ('layers', 2, '*V1LayerParameter'),
        ('input', 3, '*string'),
        ('input_dim', 4, '*int64'),
        ('input_shape', 8, '*BlobShape'),
        ('layer', 100, '*LayerParameter'),
    ],
    'LayerParameter': [
        ('name', 1, 'string'),
        ('type', 2, 'string'),
        ('bottom', 3, '*string'),
        ('top', 4, '*string'),
        ('blobs', 7, '*BlobProto'),
        ('include', 8, '*NetStateRule'),
        ('exclude', 9, '*NetStateRule'),
        ('phase', 10, 'LayerParameter.Phase'),
        *((field, number, message) for field, message, number, _ in LAYER_PARAMETERS),
    ],
    'V1LayerParameter': [
        ('layer', 1, 'V0LayerParameter'),
        ('bottom', 2, '*string'),
        ('top', 3, '*string'),
        ('name', 4, 'string'),
        ('type', 5, 'V1LayerParameter.LayerType'),
        ('blobs', 6, '*BlobProto'),
        ('include', 32, '*NetStateRule'),
        ('exclude', 33, '*NetStateRule'),
        *((field, v1, message) for field, message, _, v1 in LAYER_PARAMETERS if v1),
    ],
    # Only so much of V0 (2013) as names the layer we refuse.
    'V0LayerParameter': [('name', 1, 'string'), ('type', 2, 'string')],
    'ConvolutionParameter': [
        ('num_output', 1, 'uint64'),
        ('bias_term', 2, 'bool', 'true'),
        ('pad', 3, '*uint64'),
        ('kernel_size', 4, '*uint64'),
        ('group', 5, 'uint64', '1'),
        ('stride', 6, '*uint64'),
        ('pad_h', 9, 'uint64', '0'),
        ('pad_w', 10, 'uint64', '0'),
        ('kernel_h', 11, 'uint64'),
        ('kernel_w', 12, 'uint64'),
        ('stride_h', 13, 'uint64'),
        ('stride_w', 14, 'uint64'),
        ('axis', 16, 'int32', '1'),
        ('dilation', 18, '*uint64'),
    ],
    'DropoutParameter': [('dropout_ratio', 1, 'float', '0.5')],
    'InnerProductParameter': [
        ('num_output', 1, 'uint64'),
        ('bias_term', 2, 'bool', 'true'),
        ('axis', 5, 'int32', '1'),
        ('transpose', 6, 'bool', 'false'),
    ],
    'LRNParameter': [
        ('local_size', 1, 'uint64', '5'),
        ('alpha', 2, 'float', '1'),
        ('beta', 3, 'float', '0.75'),
        ('norm_region', 4, 'LRNParameter.NormRegion', 'ACROSS_CHANNELS'),
        ('k', 5, 'float', '1'),
    ],
    'PoolingParameter': [
        ('pool', 1, 'PoolingParameter.PoolMethod', 'MAX'),
        ('kernel_size', 2, 'uint64'),
        ('stride', 3, 'uint64', '1'),
        ('pad', 4, 'uint64', '0'),
        ('kernel_h', 5, 'uint64'),
        ('kernel_w', 6, 'uint64'),
        ('stride_h', 7, 'uint64'),
        ('stride_w', 8, 'uint64'),
        ('pad_h', 9, 'uint64', '0'),
        ('pad_w', 10, 'uint64', '0'),
        ('global_pooling', 12, 'bool', 'false'),
    ],
    'ReLUParameter': [('negative_slope', 1, 'float', '0')],
    'SoftmaxParameter': [('axis', 2, 'int32', '1')],
}

# V1's number -> its name in a prototxt, and the V2 type it became (caffe: upgrade_proto.cpp).
V1_TYPES = {
    0: ('NONE', ''),
    1: ('ACCURACY', 'Accuracy'),
    2: ('BNLL', 'BNLL'),
    3: ('CONCAT', 'Concat'),
    4: ('CONVOLUTION', 'Convolution'),
    5: ('DATA', 'Data'),
    6: ('DROPOUT', 'Dropout'),
    7: ('EUCLIDEAN_LOSS', 'EuclideanLoss'),
    8: ('FLATTEN', 'Flatten'),
    9: ('HDF5_DATA', 'HDF5Data'),
    10: ('HDF5_OUTPUT', 'HDF5Output'),
    11: ('IM2COL', 'Im2col'),
    12: ('IMAGE_DATA', 'ImageData'),
    13: ('INFOGAIN_LOSS', 'InfogainLoss'),
    14: ('INNER_PRODUCT', 'InnerProduct'),
    15: ('LRN', 'LRN'),
    16: ('MULTINOMIAL_LOGISTIC_LOSS', 'MultinomialLogisticLoss'),
    17: ('POOLING', 'Pooling'),
    18: ('RELU', 'ReLU'),
    19: ('SIGMOID', 'Sigmoid'),
    20: ('SOFTMAX', 'Softmax'),
    21: ('SOFTMAX_LOSS', 'SoftmaxWithLoss'),
    22: ('SPLIT', 'Split'),
    23: ('TANH', 'TanH'),
    24: ('WINDOW_DATA', 'WindowData'),
    25: ('ELTWISE', 'Eltwise'),
    26: ('POWER', 'Power'),
    27: ('SIGMOID_CROSS_ENTROPY_LOSS', 'SigmoidCrossEntropyLoss'),
    28: ('HINGE_LOSS', 'HingeLoss'),
    29: ('MEMORY_DATA', 'MemoryData'),
    30: ('ARGMAX', 'ArgMax'),
    31: ('THRESHOLD', 'Threshold'),
    32: ('DUMMY_DATA', 'DummyData'),
    33: ('SLICE', 'Slice'),
    34: ('MVN', 'MVN'),
    35: ('ABSVAL', 'AbsVal'),
    36: ('SILENCE', 'Silence'),
    37: ('CONTRASTIVE_LOSS', 'ContrastiveLoss'),
    38: ('EXP', 'Exp'),
    39: ('DECONVOLUTION', 'Deconvolution'),
}

# Enumeration -> value -> number. Each lives inside a message: protobuf wants the values' names
# unique within their scope, and Caffe says MAX twice.
ENUMS = {
    'LayerParameter.Phase': {'TRAIN': 0, 'TEST': 1},
    'LRNParameter.NormRegion': {'ACROSS_CHANNELS': 0, 'WITHIN_CHANNEL': 1},
    'PoolingParameter.PoolMethod': {'MAX': 0, 'AVE': 1, 'STOCHASTIC': 2},
    'V1LayerParameter.LayerType': {name: number for number, (name, _) in V1_TYPES.items()},
}


def _describe(field, name: str, number: int, kind: str, default: str | None = None) -> None:
    """Fill one row of MESSAGES into protobuf's description of a field."""
    repeated, kind = kind[0] in '*+', kind.lstrip('*+')
    field.name, field.number = name, number
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in ENUMS:
        field.type, field.type_name = field.TYPE_ENUM, f'.caffe.{kind}'
    elif kind in MESSAGES:
        field.type, field.type_name = field.TYPE_MESSAGE, f'.caffe.{kind}'
    else:
        field.type = getattr(field, f'TYPE_{kind.upper()}')
    if default is not None:
        field.default_value = default


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name='loadcaffe/caffe.proto', package='caffe')
    for message, fields in MESSAGES.items():
        description = file.message_type.add(name=message)
        for row in fields:
            _describe(description.field.add(), *row)
            if row[2][0] == '+':
                description.field[-1].options.packed = True
        for path, values in ENUMS.items():
            scope, name = path.split('.')
            if scope == message:
                enum = description.enum_type.add(name=name)
                for value, number in values.items():
                    enum.value.add(name=value, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message: message_factory.GetMessageClass(pool.FindMessageTypeByName(f'caffe.{message}'))
        for message in MESSAGES
    }


_CLASSES = _message_classes()
NetParameter = _CLASSES['NetParameter']
LayerParameter = _CLASSES['LayerParameter']
V1LayerParameter = _CLASSES['V1LayerParameter']
BlobProto = _CLASSES['BlobProto']
