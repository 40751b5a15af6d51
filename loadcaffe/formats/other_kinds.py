"""Name the files that people have in the place of a network, by how they begin."""

from collections.abc import Iterator

HDF5 = b'\x89HDF\r\n\x1a\n'
MARKUP = (b'<!doctype', b'<html', b'<?xml', b'<head', b'<body')
PICTURES = (b'\x89PNG', b'\xff\xd8\xff', b'GIF8', b'RIFF', b'BM', b'II*\0', b'MM\0*')
# How a file begins -> what it is.
BINARY = {
    b'\x93NUMPY': 'a NumPy array (.npy)',
    b'\4\0\0\0\1\0\0\0\3\0\0\0V 1': 'a Torch7 file (.t7)',
    b'\3\0\0\0\1\0\0\0': 'a Torch7 file (.t7)',
    b'\x1f\x8b': 'an archive (.gz): unpack it',
    b'BZh': 'an archive (.bz2): unpack it',
    b'\xfd7zXZ': 'an archive (.xz): unpack it',
    b'7z\xbc\xaf': 'an archive (.7z): unpack it',
    b'Rar!': 'an archive (.rar): unpack it',
    b'(\xb5/\xfd': 'an archive (.zst): unpack it',
    HDF5: 'HDF5',
    b'MATLAB 5.0': 'a MATLAB file (.mat)',
    b'MATLAB 7.3': "a MATLAB file of version 7.3: save it with '-v7'",
    b'GGUF': 'a language model (.gguf)',
    b'%PDF': 'a document (.pdf)',
    **{bytes([0x80, protocol]): 'a Python pickle' for protocol in range(2, 6)},
}
TEXT = {
    b'version https://git-lfs': 'a Git LFS pointer to one: run git lfs pull',
    b'4\n1\n3\nV 1\n': 'a Torch7 file (.t7)',
    b'3\n1\n': 'a Torch7 file (.t7)',
    b'7767517': 'a network of ncnn (.param)',
    b'[net]': 'a network of Darknet (.cfg)',
    b'{': 'JSON',
    **dict.fromkeys(MARKUP, 'a web page: download the file again'),
}
PRODUCERS = (b'pytorch', b'onnx', b'tf2onnx', b'skl2onnx', b'keras2onnx', b'caffe2', b'chainer')
ONNX = 'an ONNX model (.onnx)'
VARINT, LENGTH = 0, 2


def other_kind(head: bytes) -> str | None:
    """Say what a file is that begins with `head`, 4096 bytes, if it is known and no network."""
    text = head.lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    for start, description in TEXT.items():
        if text.startswith(start.lower()):
            return description
    for start, description in BINARY.items():
        if head.startswith(start):
            return description
    if head.startswith(PICTURES):
        return 'a picture'
    if head[257:262] == b'ustar':
        return 'an archive (.tar): unpack it'
    if head.startswith(b'PK\3\4'):
        name = head[30 : 30 + int.from_bytes(head[26:28], 'little')]
        return 'NumPy arrays (.npz)' if name.endswith(b'.npy') else 'an archive (.zip): unpack it'
    if head[4:8] == b'TFL3':
        return 'a network of TensorFlow Lite (.tflite)'
    return _other_message(head)


def is_onnx(head: bytes) -> bool:
    """Whether a file that begins with `head` is an ONNX model."""
    return other_kind(head) == ONNX


def _other_message(head: bytes) -> str | None:
    """Say which protobuf message of another type a file holds."""
    fields = {number: (wire_type, value) for number, wire_type, value in _fields(head)}
    types = {number: wire_type for number, (wire_type, _) in fields.items()}
    if types.get(1) == LENGTH and fields[1][1].startswith(b'\n') and b'\x12' in fields[1][1]:
        return 'a graph of TensorFlow (.pb)'
    if types.get(1) != VARINT:
        return None
    if [types.get(number) for number in range(1, 6)] == [VARINT] * 4 + [LENGTH]:
        return 'a mean image (.binaryproto)'
    if types.get(7) == LENGTH or types.get(8) == LENGTH or _text(fields, 2) in PRODUCERS:
        return ONNX
    if _text(fields, 2).endswith((b'.caffemodel', b'.h5')) or types.get(3) == LENGTH:
        return 'a training state (.solverstate): the weights are in the .caffemodel beside it'
    return None


def _text(fields: dict[int, tuple[int, bytes]], number: int) -> bytes:
    return fields.get(number, (0, b''))[1]


def _fields(head: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Iterate over number, wire type and content of the fields that begin in `head`."""
    position = 0
    for _ in range(100):
        tag, position = _varint(head, position)
        if tag is None or tag >> 3 == 0 or tag & 7 not in (VARINT, LENGTH):
            return
        value, position = _varint(head, position)
        if value is None:
            return
        content = b''
        if tag & 7 == LENGTH:
            content, position = head[position : position + value], position + value
        yield tag >> 3, tag & 7, content


def _varint(head: bytes, position: int) -> tuple[int | None, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(head):
            return None, position
        value |= (head[position] & 127) << shift
        position += 1
        if head[position - 1] < 128:
            return value, position
    return None, position
