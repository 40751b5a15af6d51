"""Saving of pictures and states, elsewhere if the disk refuses."""

import contextlib
import functools
import itertools
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from torch import Tensor

from neural_style.command import checkpoint as checkpoints
from neural_style.command.arguments import Arguments
from neural_style.command.input_files import InputChecksums
from neural_style.command.terminal import one_line, warn
from neural_style.distributed import SINGLE_PROCESS, World
from neural_style.torch7 import image
from neural_style.transfer.checkpoint import Checkpoint
from neural_style.transfer.color import original_colors, style_tint
from neural_style.transfer.preprocessing import deprocess

STDOUT_NAMES = ('-', '/dev/stdout')  # as -output_image


@dataclass(frozen=True)
class OutputImage:
    """The picture of a run, as it is at any evaluation.

    size: (H, W).  colors: image that gives the colours, (3, H, W), or None.  alpha: (1, H, W), or
    None.  recipe: gives the comment in a picture of an iteration, or None.
    """

    arguments: Arguments
    size: tuple[int, int]
    colors: Tensor | None
    alpha: Tensor | None
    recipe: Callable[[int], str] | None

    def from_iterate(self, x: Tensor) -> Tensor:
        """Return the picture (3, H, W) of an x, preprocessed, of this or a coarser scale."""
        disp = deprocess(x.cpu().double())
        if disp.shape[1:] != self.size:
            height, width = self.size
            disp = image.scale_to(disp, width, height)
        return self.recolored(disp)

    def recolored(self, disp: Tensor) -> Tensor:
        """Return a picture (3, H, W), RGB, in the colours that it gets in the end."""
        # Maybe perform postprocessing for color-independent style transfer
        if self.colors is None:
            return disp
        recolor = original_colors if self.arguments.keeps_content_colors else style_tint
        return recolor(self.colors, disp)

    @classmethod
    def frame(cls, arguments: Arguments, colors: Tensor | None, painted: Tensor) -> Tensor | None:
        """Return a frame in the colours that it gets in the end; None for its own."""
        if colors is None:
            return None
        size = (painted.shape[1], painted.shape[2])
        return cls(arguments, size, colors, None, None).recolored(painted)

    def writer(self, iteration: int, x: Tensor) -> Callable[[str], None]:
        """Return a function that writes the picture of an x under a name."""
        return self.picture_writer(iteration, self.from_iterate(x))

    def picture_writer(self, iteration: int, picture: Tensor) -> Callable[[str], None]:
        """Return a function that writes a picture (3, H, W), RGB, under a name."""
        return functools.partial(
            write_picture,
            stream=self.arguments.picture_stream,
            image=picture,
            jpeg_quality=self.arguments.jpeg_quality,
            alpha=self.alpha,
            comment=None if self.recipe is None else self.recipe(iteration),
        )


@dataclass(frozen=True)
class FinalPicture:
    """The picture of a run that is complete.

    replaced: whether there was another under its name.
    """

    path: str
    replaced: bool

    def remark(self) -> str:
        """Say where the picture is, in full, and what it replaced."""
        replaced = '; it replaced an earlier picture' if self.replaced else ''
        return f'the picture is in {one_line(os.path.abspath(self.path))}{replaced}'


@dataclass(frozen=True)
class StateFile:
    """The file for the states of a run."""

    arguments: Arguments
    checksums: InputChecksums
    world: World = SINGLE_PROCESS

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a state as -checkpoint says; warn if the disk refuses."""
        try:
            self._write(self.arguments.checkpoint, checkpoint)
        except OSError as error:
            warn(f'{error}; continuing without it')

    def save_resume_point(self, checkpoint: Checkpoint) -> str:
        """Write the state of a run that ends, elsewhere if need be; returns how to continue it."""
        arguments = self.arguments
        path: str | None
        path = state_path(arguments)
        resumed = arguments.resume
        begun_with = resumed != '' and os.path.realpath(resumed) == os.path.realpath(path)
        if arguments.checkpoint == '' and self.world.size == 1 and not begun_with:
            path = unused_path(path)
        write = functools.partial(self._write, checkpoint=checkpoint)
        try:
            write(path)
        except OSError as error:
            path = save_in_fallback_folder(path, write)
            if path is None:
                return str(error)
        return f'the state is in {path}; continue with: {resume_command(path)}'

    def _write(self, path: str, checkpoint: Checkpoint) -> None:
        checksums = self.checksums.by_flag()
        checkpoints.write(path, self.arguments, checksums, checkpoint, self.world)


def write_picture(path: str, stream: BinaryIO | None, **options: Any) -> None:
    """Save a picture; under a name of stdout write it into the stream, as a PNG."""
    if stream is None or path not in STDOUT_NAMES:
        image.save(path, **options)
        return
    content = image.encode(file_name(path), **options)
    try:
        stream.flush()
        raw = getattr(stream, 'raw', stream)  # what is left in a buffer would fail again at exit
        while content:
            content = content[raw.write(content) or 0 :]
    except OSError as error:
        raise type(error)(f'{path}: cannot write the image: {error.strerror}') from error


def file_name(path: str) -> str:
    """Return the name of the file that stands for stdout where there must be one."""
    return 'out.png' if path in STDOUT_NAMES else path


def state_path(arguments: Arguments) -> str:
    """Return the file in which an interrupted run leaves its state, if that is free."""
    stem = os.path.splitext(file_name(arguments.output_image))[0]
    return arguments.checkpoint or stem + '.checkpoint'


def save_final(path: str, write: Callable[[str], None]) -> None:
    """Save the picture; where the disk refuses, save it in another folder, and raise OSError."""
    try:
        write(path)
    except OSError as error:
        fallback = save_in_fallback_folder(path, write)
        where = (
            'and it cannot be saved elsewhere'
            if fallback is None
            else f'the picture is in {fallback}'
        )
        raise OSError(f'{error}; {where}') from error


def save_or_report(path: str, write: Callable[[str], None]) -> str:
    """Save the picture as save_final does; says where it is, or why it is nowhere."""
    try:
        save_final(path, write)
    except OSError as error:
        return str(error)
    return 'the picture is ' + ('on stdout' if path in STDOUT_NAMES else f'in {path}')


def save_in_fallback_folder(path: str, write: Callable[[str], None]) -> str | None:
    """Write in the current or the temporary directory, over no other file: the path, or None."""
    for folder in (os.getcwd, tempfile.gettempdir):
        with contextlib.suppress(OSError):
            fallback = unused_path(os.path.join(folder(), os.path.basename(file_name(path))))
            write(fallback)
            return fallback
    return None


def unused_path(path: str) -> str:
    """Return a path at which there is no file: this one, or with a number behind its stem."""
    stem, extension = os.path.splitext(path)
    names = (f'{stem}{number or ""}{extension}' for number in itertools.count())
    return next(name for name in names if not os.path.lexists(name))


def build_filename(output_image: str, iteration: int | str) -> str:
    """Name an intermediate picture: out.png → ./out_100.png (neural_style.lua)."""
    directory, name = os.path.split(output_image)
    basename, _, extension = name.rpartition('.')
    return f'{directory or "."}/{basename}_{iteration}.{extension}'


def is_intermediate(output_image: str, path: str) -> bool:
    """Tell whether an intermediate picture may have this path."""
    folder, name = os.path.split(os.path.realpath(path))
    if folder != os.path.realpath(os.path.dirname(output_image) or '.'):
        return False
    number = name.rpartition('.')[0].rpartition('_')[2]
    return number.isdecimal() and name == os.path.basename(build_filename(output_image, number))


def resume_command(path: str) -> str:
    """Return the command that continues from a state, or from the frames of a video."""
    return shlex.join([*program(), '-resume', path])


def program() -> list[str]:
    """Return what a shell calls this program."""
    path, python = sys.argv[0], os.path.basename(sys.executable)
    name = os.path.basename(path)
    if name == 'neural_style.py':
        return [python, path]
    if name.endswith('.py'):  # __main__.py, or a program that calls main
        return [python, '-m', 'neural_style']
    return [name if shutil.which(name) else path]
