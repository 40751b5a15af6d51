"""Which format a file with weights is in, whatever its name, and reading it.

Caffe's .caffemodel and .caffemodel.h5, MatConvNet's .mat, PyTorch's .pth, and .safetensors.
"""

from pathlib import Path

from loadcaffe.formats import hdf5, matlab, tensors
from loadcaffe.formats.matconvnet import read_matconvnet
from loadcaffe.formats.netparameter import NetParameter, open_file, read_caffemodel


def read_model(path: str | Path) -> NetParameter:
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
    return read_caffemodel(path)
