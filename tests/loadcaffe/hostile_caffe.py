"""Files of Caffe's formats that were made to cost time or memory."""

import numpy as np
from caffe_networks import blob_of, field, layer, step, v2_net

from loadcaffe.formats import schema

MILLION = 1 << 20


def message(layers):
    return v2_net(*layers).SerializeToString()


def chain(layer_type, count, blobs=0, **param):
    """Return a chain of layers, each with blobs of one number."""
    layer_blobs = [blob_of(np.ones((1, 1, 1, 1)))] * blobs
    return message(
        step(layer_type, f'b{i}', f'b{i + 1}', layer_blobs, **param) for i in range(count)
    )


# Each function from here on returns the content of a file.


def unterminated_quotes():
    return b'\\"' * 32_000


def unterminated_quotes_in_lines():
    return b'\n'.join([b'\\"' * 32_000] * 15)


def unknown_fields():
    return b'a: 1\n' * 199_000


def empty_layers():
    return b'layer{}' * 142_000


def numbers_in_text():
    return b'input_dim: [' + b'1,\n' * 330_000 + b'1]'


def long_name_in_text():
    return b'layer { name: "' + b'x' * 60_000 + b'" type: "Convolution" bottom: "a" top: "b" }'


def bottoms_in_text():
    return b'layer { name: "a" type: "Concat" top: "b"\n' + b'bottom: "c"\n' * 45_000 + b'}'


def layers_without_weights():
    layers = (
        f'layer{{type:"Scale" name:"{i}" bottom:"{i}" top:"{i + 1}"}}\n' for i in range(9_900)
    )
    return ''.join(layers).encode()


def shared_names():
    layers = (
        f'layer{{type:"PReLU" param{{name:"w"}} bottom:"{i}" top:"{i + 1}"}}\n'
        for i in range(9_900)
    )
    return ''.join(layers).encode()


def shared_convolutions():
    shared = 'type:"Convolution" param{name:"w"} param{name:"b"} convolution_param{kernel_size:1}'
    named = 'layer{name:"conv1" ' + shared + 'bottom:"a" top:"a"}\n'
    return (named + named.replace('name:"conv1" ', '') * 6_000).encode()


def bilinear_deconvolutions():
    filler = 'kernel_size:1024 bias_term:false weight_filler{type:"bilinear"}'
    layer_ = 'layer{type:"Deconvolution" bottom:"a" top:"a" convolution_param{num_output:1 %s}}\n'
    return (layer_ % filler * 4_000).encode()


def blank_lines():
    return b' \n' * 490_000


def batch_norms():
    return chain('BatchNorm', 10_000, 3)


def convolutions():
    return chain('Convolution', 10_000, 2, convolution_param={'kernel_size': [1]})


def convolutions_within_the_limit():
    return chain('Convolution', 3_000, 2, convolution_param={'kernel_size': [1]})


def convolutions_without_bias():
    param = {'kernel_size': [1], 'bias_term': False}
    return chain('Convolution', 6_000, 1, convolution_param=param)


def batch_norms_within_the_limit():
    return chain('BatchNorm', 2_000, 3)


def scales_within_the_limit():
    return chain('Scale', 6_000, 1)


def layers_within_the_limit():
    return chain('AbsVal', 10_000)


def inner_products():
    return chain('InnerProduct', 3_000, 2)


def layers_of_one_name():
    return message(layer('ReLU', name='a', bottom=['a'], top=['a']) for _ in range(10_000))


def v1_layers():
    layers = [schema.V1LayerParameter(name='a', type=18, bottom=['a'], top=['a'])] * 10_000
    return schema.NetParameter(layers=layers).SerializeToString()


def v0_paddings():
    paddings = [
        schema.V1LayerParameter(
            layer={'type': 'padding', 'pad': 1}, bottom=[f'{i}'], top=[f'{i + 1}']
        )
        for i in range(10_000)
    ]
    return schema.NetParameter(layers=paddings).SerializeToString()


def many_bottoms():
    return message([step('Eltwise', ' '.join(['a'] * 150_000), 'b')])


def many_tops():
    return message([step('Slice', 'a', ' '.join(f'b{i}' for i in range(150_000)))])


def shape_of_the_input():
    return field(8, field(1, b'\1' * 8 * MILLION)) + message([step('AbsVal', 'a', 'b')])


def many_pads():
    conv = step('Convolution', 'a', 'b', [blob_of(np.ones((1, 1, 1, 1)))]).SerializeToString()
    pads = field(106, field(3, b'\1' * MILLION))
    return b''.join(field(100, conv + pads) for _ in range(16))


def many_slice_points():
    points = field(126, field(2, b'\1' * 3 * MILLION))
    return field(100, step('Slice', 'a', 'b c').SerializeToString() + points)


def shapes_of_a_blob():
    return field(100, field(1, b'a') + field(7, field(7, field(1, b'\1' * 8 * MILLION))))


def numbers_of_a_parameter_as_fields():
    conv = field(2, b'Convolution') + field(106, b'\x18\1' * 3 * MILLION)
    return field(100, conv)


def many_fields():
    return field(100, field(2, b'ReLU') + b'\x50\1' * 199_000)


def too_many_fields():
    return b'\x98\x06\1' * 3 * MILLION


def many_blobs():
    return field(100, field(1, b'a') + field(7, b'') * 199_000)


def unpacked_floats():
    return field(100, field(2, b'PReLU') + field(7, b'\x2d\0\0\0\0' * 2 * MILLION))


def chunks_of_floats():
    return field(100, field(2, b'PReLU') + field(7, field(5, b'\0\0\0\0') * 190_000))


def differences_beside_an_unpacked_float():
    return field(
        100, field(2, b'PReLU') + field(7, b'\x2d\0\0\0\0' + field(6, bytes(32 * MILLION)))
    )


def long_names():
    layers = [step('Convolution', 'a', 'a', name='x' * 50_000)] * 60
    return message(layers)


def string_of_a_python_layer():
    param = {'module': 'x' * 3 * MILLION}
    return message([step('Python', 'a', 'b', python_param=param)])


def groups():
    return field(100, b'\x0b' * 100_000)


MAKERS = {
    'prototxt': [
        unterminated_quotes, unterminated_quotes_in_lines, unknown_fields, empty_layers,
        numbers_in_text, long_name_in_text, bottoms_in_text, layers_without_weights, shared_names,
        shared_convolutions, bilinear_deconvolutions, blank_lines,
    ],
    'caffemodel': [
        batch_norms, convolutions, convolutions_within_the_limit, convolutions_without_bias,
        batch_norms_within_the_limit,
        scales_within_the_limit, layers_within_the_limit, inner_products, layers_of_one_name,
        v1_layers, v0_paddings, many_bottoms, many_tops, shape_of_the_input, many_pads,
        many_slice_points, shapes_of_a_blob, numbers_of_a_parameter_as_fields, many_fields,
        too_many_fields, many_blobs, unpacked_floats, chunks_of_floats,
        differences_beside_an_unpacked_float, long_names, string_of_a_python_layer, groups,
    ],
}  # fmt: skip
