"""The pictures of a batch: those of a folder, or the lines of a list, and what is left out."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from neural_style.command import recipe as recipes
from neural_style.command.paths import intended_path
from neural_style.command.terminal import one_line
from neural_style.files.image_formats import has_image_extension, is_image

SYSTEM_FILES = {'thumbs.db', 'desktop.ini', 'icon\r'}  # that no person has put there
# Pictures that Pillow cannot read, or of which it reads a thumbnail only.
UNREADABLE = {
    **dict.fromkeys(
        '.3fr .arw .cr2 .cr3 .crw .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw'
        ' .rw2 .rwl .sr2 .srf .srw .x3f'.split(),
        'raw data of a camera',
    ),
    **dict.fromkeys('.svg .svgz .eps .ps .ai .pdf .wmf .emf .cdr'.split(), 'vector graphics'),
    **dict.fromkeys('.jxl .jxr .exr .hdr .xcf .kra .ora .djvu'.split(), 'a format not read'),
}
MAX_NAMES = 10  # of results, and of files that are no pictures


@dataclass
class Pictures:
    """Paths of the pictures to paint, in their order, and why others are left out, by name."""

    paths: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)  # names of pictures made by earlier runs
    others: list[str] = field(default_factory=list)  # names of files that are no pictures

    def remark(self) -> str:
        """Say what is left out; '' for nothing."""
        parts = [f'{name} ({reason})' for name, reason in self.left_out.items()]
        parts += _counted(self.results, 'results of earlier runs')
        parts += _counted(self.others, 'no pictures')
        return one_line(f'left out: {", ".join(parts)}') if parts else ''


def _counted(names: Sequence[str], reason: str) -> list[str]:
    """Name a few files, and count the others."""
    if not names:
        return []
    number = len(names) - MAX_NAMES
    more = f' and {number} more' if number > 0 else ''
    return [f'{", ".join(names[:MAX_NAMES])}{more} ({reason})']


def batch_pictures(path: str, output_image: str) -> Pictures:
    """Return the pictures of a folder by name, or the lines of a list.

    Results of earlier runs are no pictures of a folder.  Raises ValueError.
    """
    return _of_folder(path, output_image) if os.path.isdir(path) else _of_list(path)


def _of_folder(folder: str, output_image: str) -> Pictures:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ValueError(f'-content_image {folder}: {error.strerror}') from error
    pictures = Pictures()
    output_folder = os.path.realpath(_folder_of(output_image))
    for name in names:
        path = os.path.join(folder, name)
        reason = _reason_to_leave_out(path)
        if reason is None:
            pictures.paths.append(path)
        elif reason == 'no picture':
            pictures.others.append(name)
        elif reason and os.path.realpath(path) != output_folder:
            pictures.left_out[name] = reason
    for path in _results(pictures.paths, output_image):
        pictures.paths.remove(path)
        pictures.results.append(os.path.basename(path))
    return pictures


def _reason_to_leave_out(path: str) -> str | None:
    """Return why an entry of a folder is not painted: None if it is, '' if nobody would ask."""
    name = os.path.basename(path)
    extension = os.path.splitext(name)[1].lower()
    try:
        mode = os.stat(path).st_mode
    except OSError:  # a broken link, named when its turn comes
        mode = stat.S_IFREG
    if name.startswith('.'):
        is_hidden_picture = has_image_extension(name) and stat.S_ISREG(mode) and is_image(path)
        return 'hidden' if is_hidden_picture else ''
    if stat.S_ISDIR(mode):
        return 'a folder'
    if name.lower() in SYSTEM_FILES:
        return ''
    if not stat.S_ISREG(mode):
        return 'not a regular file'
    if extension in UNREADABLE:
        return UNREADABLE[extension]
    return None if has_image_extension(name) or is_image(path) else 'no picture'


def _results(paths: Sequence[str], output_image: str) -> list[str]:
    """Return those of the pictures of a folder that were painted from others of them."""
    names = {os.path.basename(path) for path in paths}
    stem, extension = os.path.splitext(os.path.basename(output_image))
    # A .ppm holds no recipe.
    outputs = {
        f'{stem}_{os.path.splitext(name)[0]}{extension}'
        for name in names
        if extension.lower() == '.ppm'
    }

    def is_result(path: str) -> bool:
        name = os.path.basename(path)
        if name in outputs:
            return True
        try:
            inputs = recipes.read(path).inputs
        except (OSError, ValueError):
            return False
        contents = {file.name for file in inputs if file.flag == 'content_image'}
        return not contents.isdisjoint(names - {name})

    return [path for path in paths if is_result(path)]


def _of_list(path: str) -> Pictures:
    pictures = Pictures()
    for line in _listed(_lines(path), os.path.dirname(path)):
        if line in pictures.paths:
            pictures.left_out[line] = 'listed twice'
        else:
            pictures.paths.append(line)
    return pictures


def _listed(lines: Sequence[str], folder: str) -> Iterator[str]:
    """Yield the paths that are meant: without quotes, in the current folder or that of the list.

    A line that begins with # and names no file is a comment.
    """
    for line in lines:
        bare = line[1:-1] if len(line) > 1 and line[0] == line[-1] in ('"', "'") else line
        paths = [intended_path(line), intended_path(bare), os.path.join(folder, bare)]
        path = next(filter(os.path.lexists, paths), paths[0])
        if os.path.lexists(path) or not line.startswith('#'):
            yield path


def _lines(path: str) -> list[str]:
    if not os.path.exists(path):
        raise ValueError(f'-content_image {path}: not a list of pictures: there is no such file')
    if is_image(path):
        raise ValueError(f'-content_image {path}: a picture, and no list; rename it')
    try:
        with open(path, 'rb') as file:
            content = file.read()
        # as Windows writes it, or its PowerShell
        wide = content.startswith((b'\xff\xfe', b'\xfe\xff'))
        text = content.decode('utf-16' if wide else 'utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'-content_image {path}: not a list of pictures: text in neither UTF-8 nor UTF-16'
        ) from error
    except OSError as error:
        raise ValueError(f'-content_image {path}: {error.strerror}') from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _folder_of(path: str) -> str:
    return path if os.path.isdir(path) else os.path.dirname(path) or '.'
