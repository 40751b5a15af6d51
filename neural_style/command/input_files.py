"""The files that go into a picture: flags that name them, the paths that they give, their sums."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

from neural_style.command import image_files as picture
from neural_style.files.atomic import sha256

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


class InputChecksums:
    """SHA-256 of the files that go in, as they are now; summed beside the work that follows.

    files: flag, without dash, and path of each.
    """

    def __init__(self, params: SimpleNamespace):
        pool = ThreadPoolExecutor(1)
        self.files = input_files(params)
        self._found: list[Future] = [pool.submit(_sum, path) for _, path in self.files]
        pool.shutdown(wait=False)

    def all(self) -> list[str | None]:
        """The sum of each file; None for one that is not there, or cannot be read."""
        return [found.result() for found in self._found]

    def by_flag(self) -> dict[str, list[str | None]]:
        """The same for every flag of INPUTS."""
        sums = list(zip(self.files, self.all(), strict=True))
        return {name: [found for (flag, _), found in sums if flag == name] for name in INPUTS}


def _sum(path: str) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None
