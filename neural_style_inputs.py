"""The files that go into a picture: flags that name them, and the paths that they give."""

from types import SimpleNamespace

from torch7 import picture

INPUTS = ('content_image', 'style_image', 'init_image', 'paper_mask', 'proto_file', 'model_file')


def input_files(params: SimpleNamespace) -> list[tuple[str, str]]:
    """Flag, without dash, and path of every file that goes in, as it is stored."""
    return [(flag, path) for flag in INPUTS for path in paths_of(params, flag)]


def paths_of(params: SimpleNamespace, flag: str) -> list[str]:
    """The paths that a flag of INPUTS gives."""
    value = getattr(params, flag)
    if value == '' or (flag, value) == ('paper_mask', 'auto'):
        return []
    paths = picture.split_paths(value) if flag == 'style_image' else [value]
    return [picture.as_stored(path) for path in paths]
