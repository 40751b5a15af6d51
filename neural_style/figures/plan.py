"""A plan: the pictures that a figure paints, their labels, and their places on the sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neural_style.figures.pictures import Picture


@dataclass(frozen=True)
class Painting:
    """One picture of a figure.

    name: of its files, without extension.  place: row and column on the sheet, from 0.
    keywords: of stylize; sizes, seed and devices are the same for the whole figure.
    insets: inputs shown small in the corner of the picture.
    unit: what losses are divided by before they are shown.
    lowest: keep the evaluation of the lowest loss, not the last one: L-BFGS without line search
        now and then leaps away, and the last step may be such a leap.
    """

    name: str
    label: str
    place: tuple[int, int]
    content: Picture
    styles: tuple[Picture, ...]
    keywords: Mapping[str, Any]
    style_scale: float = 1
    original_colors: bool = False
    insets: tuple[Picture, ...] = ()
    unit: float = 1
    lowest: bool = False


@dataclass(frozen=True)
class InputPanel:
    """An input that has a place of its own on the sheet."""

    picture: Picture
    label: str
    place: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """All paintings of a figure, and what stands around them."""

    paintings: tuple[Painting, ...]
    inputs: tuple[InputPanel, ...] = ()
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()


def letters(
    content: Picture,
    styles: Sequence[Picture],
    keywords: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    **options: Any,
) -> Plan:
    """A is the photograph, B and so on the styles, in two columns."""
    paintings = [
        Painting(
            chr(ord('A') + n),
            f'{chr(ord("A") + n)}  {labels[n - 1]}',
            divmod(n, 2),
            content,
            (style,),
            keywords[n - 1],
            insets=(style,),
            **options,
        )
        for n, style in enumerate(styles, start=1)
    ]
    return Plan(tuple(paintings), (InputPanel(content, f'A  {content.name}', (0, 0)),))
