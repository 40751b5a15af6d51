"""Files that appear whole or not at all, and tensors in them (torch.save, as safetensors)."""

import contextlib
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

# The name of a file in the making.
PREFIX, SUFFIX = '.neural_style-', '.tmp'

DTYPES = {
    torch.float64: 'F64',
    torch.int64: 'I64',
    torch.float32: 'F32',
    torch.float16: 'F16',
    torch.bfloat16: 'BF16',
    torch.uint8: 'U8',
}

Piece = bytes | memoryview


def write_whole(path: str | Path, content: Piece | Iterable[Piece]) -> None:
    """Write a file whole or not at all: beside the path first, then under the path's name.

    content: the bytes, or pieces of them one after the other.  A file that is there keeps its
    permissions, and stays as it is if it may not be written or an error (OSError) occurs.  What a
    process that was killed has left of its own in the directory is removed.
    """
    path = os.path.realpath(path)  # the file itself, not a link to it
    pieces = [content] if isinstance(content, bytes | memoryview) else content
    mode = _mode(path)
    directory = os.path.dirname(path)
    _sweep(directory)
    with _temporary(directory) as (file, temporary):
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):  # not every file system has permissions
                os.chmod(temporary, mode)
        if fcntl is None:
            file.close()  # Windows renames no open file
        os.replace(temporary, path)


def _mode(path):
    """The permissions of a file that is there; refuses one that is not to be written."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(13, 'the file is read-only', path)
    return mode


@contextlib.contextmanager
def _temporary(directory):
    """A new file, locked as long as it is being written, and gone if that fails."""
    while True:
        name = os.path.join(directory, PREFIX + secrets.token_hex(4) + SUFFIX)
        file = open(name, 'xb')  # noqa: SIM115
        # before it is locked, another process may sweep it away
        if _lock(file.fileno()) is not False and os.path.exists(name):
            break
        file.close()
    try:
        with file:
            yield file, name
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sweep(directory):
    """Remove the unfinished files of processes that were killed: nobody holds their lock."""
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        left = [e.path for e in entries if e.name.startswith(PREFIX) and e.name.endswith(SUFFIX)]
        for path in left:
            with contextlib.suppress(OSError):
                if fcntl is None:
                    os.unlink(path)
                    continue
                with open(path, 'rb') as file:
                    if _lock(file.fileno()):
                        os.unlink(path)


def _lock(descriptor):
    """Whether the lock was to be had, None where there are none; it goes with the open file."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]
) -> None:
    """Write a .safetensors file, whole or not at all, one tensor in host memory at a time.

    The library's own save_file makes a hidden file that stays when the process is killed, and
    copies all tensors of a GPU at once.
    """
    # wide numbers first, so that all are aligned
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    header: dict[str, object] = {'__metadata__': metadata}
    end = 0
    for name in names:
        tensor, begin = tensors[name], end
        end += tensor.numel() * tensor.element_size()
        header[name] = {
            'dtype': DTYPES[tensor.dtype],
            'shape': list(tensor.shape),
            'data_offsets': [begin, end],
        }
    head = json.dumps(header).encode()
    head += b' ' * (-len(head) % 8)

    def pieces() -> Iterator[Piece]:
        yield len(head).to_bytes(8, 'little') + head
        for name in names:
            flat = tensors[name].detach().cpu().contiguous().view(-1)
            if flat.numel():
                yield flat.view(torch.uint8).numpy().data

    write_whole(path, pieces())


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a .safetensors file: the tensors, each in memory of its own, and the metadata.

    Raises OSError if it cannot be opened, ValueError if it is damaged or another kind of file.
    """
    with open(path, 'rb'):
        pass
    try:
        with safe_open(path, framework='pt') as file:
            # of the file's pages, the vectors may begin where sums come out in another order
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f'{path}: damaged, or not a .safetensors file: {error}') from error


def sha256(path: str) -> str:
    """Of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
