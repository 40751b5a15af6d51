"""Which format a file with weights is in, whatever its name, and reading it.

Caffe's own: .caffemodel and .caffemodel.h5.
"""

from pathlib import Path

from loadcaffe.netparameter import NetParameter, open_file, read_caffemodel


def read_model(path: str | Path) -> NetParameter:
    """Read a network's weights, and its layers where the file has them.

    Raises FileNotFoundError, CaffeFormatError.
    """
    with open_file(path) as file:
        head = file.read(512)
    return read_caffemodel(path)
