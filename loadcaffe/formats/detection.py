"""Which format a file with weights is in, whatever its name, and reading it.

Caffe's .caffemodel and .caffemodel.h5, MatConvNet's .mat, PyTorch's .pth, .safetensors, and ONNX.
"""

from pathlib import Path

from loadcaffe.formats import hdf5, matlab, tensors
from loadcaffe.formats.caffemodel import read_caffemodel
from loadcaffe.formats.matconvnet import read_matconvnet
from loadcaffe.formats.netparameter import NetParameter, Weights, is_text, open_file
from loadcaffe.formats.onnx_network import read_onnx
from loadcaffe.formats.other_kinds import is_onnx
from loadcaffe.formats.prototxt import read_prototxt


def read(path: str | Path) -> NetParameter:
    """Read a network: text where the file is text and is not named .caffemodel, else binary.

    Raises FileNotFoundError, CaffeFormatError.
    """
    path = Path(path)
    with open_file(path) as file:
        text = path.suffix != '.caffemodel' and is_text(file.read(4096))
    return read_prototxt(path) if text else read_caffemodel(path)


def read_model(path: str | Path) -> NetParameter | Weights:
    """Read a network's weights, and its layers where the file has them.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        head = file.read(4096)
    if head.startswith(hdf5.MAGIC):
        return hdf5.read_hdf5(path)
    if head.startswith(matlab.MAGIC):
        return read_matconvnet(path)
    # torch.save's archive begins with NAME/data.pkl; another archive is refused as such below.
    if head.startswith(tensors.LEGACY) or (head.startswith(b'PK\3\4') and b'data.pkl' in head):
        return tensors.read_torch(path)
    if head[8:9] == b'{' and int.from_bytes(head[:8], 'little') < 1 << 28:
        return tensors.read_safetensors(path)
    return read_onnx(path) if is_onnx(head) else read_caffemodel(path)
