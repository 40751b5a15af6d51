"""Inputs of a figure: the paper's images, the project's own in their place, or the user's."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from neural_style.command import places

FOLDER = os.path.join('examples', 'inputs')


@dataclass(frozen=True)
class Role:
    """The part that an image has in a figure.

    title: what the paper shows.  file: its name in examples/inputs, once it has been fetched.
    stand_ins: the project's own images; the first that exists takes its place.
    """

    title: str
    file: str
    stand_ins: tuple[str, ...]


TUBINGEN = Role('the Neckarfront in Tuebingen', 'tubingen.jpg', ('harbour.jpg',))
GOLDEN_GATE = Role('the Golden Gate Bridge', 'golden_gate.jpg', ('harbour.jpg',))
SHIPWRECK = Role('The Shipwreck of the Minotaur', 'shipwreck.jpg', ('waves.jpg',))
STARRY_NIGHT = Role('The Starry Night', 'starry_night.jpg', ('swirls.jpg',))
THE_SCREAM = Role('The Scream', 'the_scream.jpg', ('ink_landscape.jpg', 'swirls.jpg'))
SEATED_NUDE = Role('Femme nue assise', 'seated-nude.jpg', ('ink_horse.jpg', 'waves.jpg'))
COMPOSITION_VII = Role('Composition VII', 'composition_vii.jpg', ('qinglu.jpg', 'swirls.jpg'))


@dataclass(frozen=True)
class Input:
    """An image file that goes into a figure.

    flag: the flag that names it.  role: its part in the figure, None where the user named it.
    """

    path: str
    flag: str
    role: Role | None = None

    @property
    def name(self) -> str:
        """Return the name that labels show."""
        return os.path.basename(self.path)

    @property
    def remark(self) -> str:
        """Return what the image stands for; '' if it is the paper's or the user's own."""
        if self.role is None or self.name == self.role.file:
            return ''
        return f'{self.name} stands for {self.role.file} ({self.role.title})'


def regions_of(file: Input) -> Input | None:
    """Return the picture of a file's regions, NAME_regions.png beside it, if there is one."""
    path = os.path.splitext(file.path)[0] + '_regions.png'
    return Input(path, file.flag) if os.path.exists(path) else None


def folders() -> list[str]:
    """Return where example images may be: here, in the checkout, or in the user's data folder."""
    return [os.path.join(folder, FOLDER) for folder in places.folders()]


def choose_inputs(
    flag: str, roles: Sequence[Role], paths: Sequence[str], min_count: int, max_count: float
) -> list[Input]:
    """Return the inputs that a flag names, or else one for each of the roles.

    paths: from the command line.  Raises ValueError, naming the flag, for another number of them,
    or where there is no image for a role.
    """
    if not paths:
        return [_find(flag, role) for role in roles]
    if not min_count <= len(paths) <= max_count:
        expected = f'{min_count} to {max_count}'
        if min_count == max_count:
            expected = f'{min_count}'
        elif max_count == math.inf:
            expected = f'{min_count} or more'
        raise ValueError(
            f'{flag} {",".join(paths)}: {len(paths)} picture(s) named, and this figure takes'
            f' {expected}'
        )
    return [Input(path, flag) for path in paths]


def _find(flag: str, role: Role) -> Input:
    for name in (role.file, *role.stand_ins):
        for folder in folders():
            path = os.path.join(folder, name)
            if os.path.exists(path):
                return Input(path, flag, role)
    raise ValueError(
        f'{flag}: there is neither {role.file} nor a picture to stand for it in {FOLDER}, which'
        ' comes with the source of the program and not with its installation: pass -content_image'
        ' and -style_image'
    )
