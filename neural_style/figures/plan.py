"""A plan: the paintings of a figure, their labels, and their cells on the sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neural_style.figures.inputs import Input

Cell = tuple[int, int]  # row and column, from 0


@dataclass(frozen=True)
class Painting:
    """One painting of a figure.

    name: of its files, without extension.
    settings: keywords of stylize; sizes, seed and devices are those of the whole figure.
    style_paintings: earlier paintings of the figure that are style images after styles.
    content_regions, style_regions: pictures of the regions of the content and of style images.
    insets: inputs shown small in the corner of the painting.
    unit: losses are divided by this before they are shown.
    lowest: keep the evaluation of the lowest loss, not the last one: L-BFGS without line search
        now and then leaps away, and the last step may be such a leap.
    """

    name: str
    label: str
    cell: Cell
    content: Input
    styles: tuple[Input, ...]
    settings: Mapping[str, Any]
    style_scale: float = 1
    original_colors: bool = False
    style_paintings: tuple['Painting', ...] = ()
    content_regions: Input | None = None
    style_regions: tuple[Input, ...] = ()
    insets: tuple[Input, ...] = ()
    unit: float = 1
    lowest: bool = False


@dataclass(frozen=True)
class InputPanel:
    """An input that has a cell of its own on the sheet."""

    input: Input
    label: str
    cell: Cell


@dataclass(frozen=True)
class Plan:
    """All paintings of a figure, and what stands around them."""

    paintings: tuple[Painting, ...]
    panels: tuple[InputPanel, ...] = ()
    row_labels: tuple[str, ...] = ()
    column_labels: tuple[str, ...] = ()

    @property
    def regions(self) -> list[Input]:
        """Return the pictures of regions of all paintings, each once."""
        pictures = [
            picture
            for painting in self.paintings
            for picture in (painting.content_regions, *painting.style_regions)
            if picture is not None
        ]
        return list(dict.fromkeys(pictures))


def lettered_plan(
    content: Input,
    styles: Sequence[Input],
    settings: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    **options: Any,
) -> Plan:
    """Return a plan in two columns: A is the photograph, B and so on have a style each.

    options: of every Painting.
    """
    letters = [chr(ord('B') + n) for n in range(len(styles))]
    paintings = [
        Painting(
            letter,
            f'{letter}  {label}',
            divmod(n, 2),
            content,
            (style,),
            keywords,
            insets=(style,),
            **options,
        )
        for n, (letter, label, style, keywords) in enumerate(
            zip(letters, labels, styles, settings, strict=False), start=1
        )
    ]
    return Plan(tuple(paintings), (InputPanel(content, f'A  {content.name}', (0, 0)),))
