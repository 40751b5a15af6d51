"""Which picture stands where: the paper's, the project's own in its place, or the user's."""

import importlib.resources
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

FOLDER = os.path.join('examples', 'inputs')


@dataclass(frozen=True)
class Role:
    """A picture that a figure needs.

    title: what the paper shows.  file: its name in examples/inputs, once it has been fetched.
    stand_ins: the project's own pictures, the first that exists is taken.
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
class Picture:
    """An input of a figure.

    flag: the flag that names it.  role: what it stands for, None where the user named it.
    """

    path: str
    flag: str
    role: Role | None = None

    @property
    def name(self) -> str:
        """What labels call it."""
        return os.path.basename(self.path)

    @property
    def stands_in(self) -> bool:
        return self.role is not None and self.name != self.role.file


def folders() -> list[str]:
    """Where example pictures may be: here, or in the checkout that the program runs from."""
    checkout = os.path.dirname(str(importlib.resources.files('neural_style')))
    return [FOLDER, os.path.join(checkout, FOLDER)]


def choose(
    flag: str, roles: Sequence[Role], given: Sequence[str], least: int, most: float
) -> list[Picture]:
    """The pictures of a flag: those given, or else one for each of the roles.

    given: paths from the command line, from least to most of them.  Raises ValueError, naming the
    flag, for another number, or where there is no picture for a role.
    """
    if not given:
        return [_find(flag, role) for role in roles]
    if not least <= len(given) <= most:
        want = f'{least}' if least == most else f'{least} or more'
        want = want if most in (least, math.inf) else f'{least} to {most}'
        raise ValueError(
            f'{flag} {",".join(given)}: {len(given)} picture(s) named, and this figure takes {want}'
        )
    return [Picture(path, flag) for path in given]


def _find(flag: str, role: Role) -> Picture:
    for name in (role.file, *role.stand_ins):
        for folder in folders():
            path = os.path.join(folder, name)
            if os.path.exists(path):
                return Picture(path, flag, role)
    raise ValueError(
        f'{flag}: there is neither {role.file} nor a picture to stand for it in {FOLDER}, which'
        ' comes with the source of the program and not with its installation: pass -content_image'
        ' and -style_image'
    )
