"""Names of the pictures of a batch: out.png and a/harbour.jpg give out_harbour.png."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Container, Sequence


def with_suffix(path: str, suffix: str) -> str:
    """Put a suffix behind the stem of a path: out.png → out_harbour.png.  '' stays.

    In a folder the suffix is the name of a .png.
    """
    if path != '' and os.path.isdir(path):
        return os.path.join(path, f'{suffix}.png')
    root, extension = os.path.splitext(path)
    return root and f'{root}_{suffix}{extension}'


def suffixes(
    contents: Sequence[str], output_image: str, is_saved: Callable[[int], bool]
) -> list[str]:
    """Return for each content picture the suffix of its output, all different.

    It is the stem of the picture's name.  Those that several have get the extension as well, then
    the folder, and at last a number.  No output is one of the contents, or has a name that an
    intermediate picture of another may have.
    is_saved: whether there is an intermediate picture of an iteration.
    """
    inputs = {os.path.realpath(path) for path in contents}
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    pending = list(range(len(contents)))

    def is_free(suffix: str, others: Container[str]) -> bool:
        output = os.path.realpath(with_suffix(output_image, suffix))
        stem, _, number = suffix.rpartition('_')
        is_intermediate = (stem in others or stem in taken) and _is_saved(number, is_saved)
        return suffix not in taken and output not in inputs and not is_intermediate

    def choose(number: int, suffix: str) -> None:
        chosen[number] = suffix
        taken.add(suffix)

    for naming in (_stem, _stem_and_extension, _folder_stem_and_extension):
        names = {number: naming(contents[number]) for number in pending}
        counts = Counter(names.values())
        for number, name in names.items():
            if counts[name] == 1 and is_free(name, counts):
                choose(number, name)
        pending = [number for number in pending if number not in chosen]
    for number in pending:
        name = _folder_stem_and_extension(contents[number])
        numbered = (f'{name}-{count}' for count in itertools.count(2))
        choose(number, next(suffix for suffix in numbered if is_free(suffix, ())))
    return [chosen[number] for number in range(len(contents))]


def _is_saved(number: str, is_saved: Callable[[int], bool]) -> bool:
    return number.isdecimal() and number[0] != '0' and is_saved(int(number))


def plain_name(content: str, output_image: str) -> str:
    """Return the output of a picture that shares its stem with no other."""
    return with_suffix(output_image, _stem(content))


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _stem_and_extension(path: str) -> str:
    stem, extension = os.path.splitext(os.path.basename(path))
    return f'{stem}_{extension[1:]}' if extension else f'{stem}_'


def _folder_stem_and_extension(path: str) -> str:
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return f'{folder}_{_stem_and_extension(path)}'
