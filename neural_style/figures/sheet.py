"""The labelled sheet: all paintings of a figure, laid out as in the paper."""

import io
import re
from collections.abc import Mapping

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from torch import Tensor

from neural_style.figures.plan import Cell, InputPanel, Painting, Plan

PAPER, INK = (255, 255, 255), (20, 20, 20)
MIN_CELL, MAX_CELL = 280, 512  # width of a cell: labels must fit, the sheet must not be huge
INSET_SHARE = 0.3  # of a cell's sides
EXPONENT_SCALE = 0.65  # of the size of the text


class Sheet:
    """A grid of cells with text around it; all lengths in pixels follow the cell's width."""

    def __init__(self, plan: Plan, width: int, height: int):
        cell = min(max(width, MIN_CELL), MAX_CELL)
        self.cell_size = (cell, round(height * cell / width))
        self.plan = plan
        self.size = max(round(cell / 16), 14)
        self.gap = round(self.size * 0.6)
        self.rows = 1 + max(row for row, _ in self._cells())
        self.columns = 1 + max(column for _, column in self._cells())
        # Where columns have labels, the paintings need none of their own.
        self.label_height = 0 if plan.column_labels else self.line(1)
        row_words = [word for label in plan.row_labels for word in label.split()]
        self.left = self.gap + max(
            (round(self.width(word)) + self.gap for word in row_words), default=0
        )
        self.top = 0

    def _cells(self) -> list[Cell]:
        paintings = [painting.cell for painting in self.plan.paintings]
        return paintings + [panel.cell for panel in self.plan.panels]

    def font(self, scale: float = 1) -> PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont:
        return PIL.ImageFont.load_default(self.size * scale)

    def line(self, scale: float) -> int:
        """Return the height of a line of text."""
        return round(1.4 * scale * self.size)

    def width(self, text: str, scale: float = 1) -> float:
        """Return the width of a text as write sets it, with exponents raised."""
        return sum(
            self.font(scale * (EXPONENT_SCALE if raised else 1)).getlength(part)
            for part, raised in parts(text)
        )

    def draw(
        self,
        title: str,
        caption: str,
        paintings: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
    ) -> bytes:
        """Return the sheet as a PNG file.

        paintings: by name, inputs: by path; (3, H, W), RGB in [0, 1].
        """
        width = self.left + self.columns * (self.cell_size[0] + self.gap)
        title_lines = self.wrap(title, width - 2 * self.gap, 1.25)
        caption_lines = self.wrap(caption, width - 2 * self.gap, 0.85)
        self.top = self.gap + len(title_lines) * self.line(1.25)
        self.top += self.line(1) + self.gap if self.plan.column_labels else 0
        bottom = self.top + self.rows * (self.cell_size[1] + self.label_height + self.gap)
        height = bottom + len(caption_lines) * self.line(0.85) + 2 * self.gap
        self.image = PIL.Image.new('RGB', (width, height), PAPER)
        self.ink = PIL.ImageDraw.Draw(self.image)

        for number, text in enumerate(title_lines):
            self.write(self.gap, self.gap + number * self.line(1.25), text, 1.25)
        self.draw_labels()
        for painting in self.plan.paintings:
            self.draw_painting(painting, paintings[painting.name], inputs)
        for panel in self.plan.panels:
            self.draw_input(panel, inputs[panel.input.path])
        for number, text in enumerate(caption_lines):
            self.write(self.gap, bottom + self.gap / 2 + number * self.line(0.85), text, 0.85)

        encoded = io.BytesIO()
        self.image.save(encoded, format='PNG')
        return encoded.getvalue()

    def draw_labels(self) -> None:
        """Write the labels of columns above them, those of rows to the left, a word a line."""
        for column, label in enumerate(self.plan.column_labels):
            x = self.left + column * (self.cell_size[0] + self.gap) + self.cell_size[0] / 2
            self.write(x - self.width(label) / 2, self.top - self.line(1) - self.gap / 2, label)
        for row, label in enumerate(self.plan.row_labels):
            lines = label.split()
            y = self.corner((row, 0))[1] + (self.cell_size[1] - len(lines) * self.line(1)) / 2
            for number, word in enumerate(lines):
                self.write(self.gap, y + number * self.line(1), word)

    def draw_painting(
        self, painting: Painting, image: Tensor, inputs: Mapping[str, Tensor]
    ) -> None:
        """Draw a painting with its label, and its insets in the lower left corner."""
        x, y = self.corner(painting.cell)
        left, _, _, bottom = self.paste(image, x, y, *self.cell_size)
        if self.label_height:
            self.write(x, y - self.label_height, self.truncate(painting.label, self.cell_size[0]))
        border = max(self.size // 8, 2)
        for inset in painting.insets:
            width, height = (round(INSET_SHARE * side) for side in self.cell_size)
            small = fitted(inputs[inset.path], width, height)
            top = bottom - small.height
            right = left + small.width + border
            self.image.paste(PAPER, (left, top - border, right, bottom))
            self.image.paste(small, (left, top))
            left = right

    def draw_input(self, panel: InputPanel, image: Tensor) -> None:
        """Draw an input with its label, which is below it where paintings have none."""
        x, y = self.corner(panel.cell)
        width, height = self.cell_size
        label = self.truncate(panel.label, width)
        if self.label_height:
            self.write(x, y - self.label_height, label)
            self.paste(image, x, y, width, height)
        else:
            _, _, _, bottom = self.paste(image, x, y, width, height - self.line(1))
            self.write(x + (width - self.width(label)) / 2, bottom + self.gap / 4, label)

    def corner(self, cell: Cell) -> tuple[int, int]:
        """Return the upper left corner of the image in a cell."""
        row, column = cell
        across, down = (
            self.cell_size[0] + self.gap,
            self.cell_size[1] + self.label_height + self.gap,
        )
        return self.left + column * across, self.top + row * down + self.label_height

    def paste(
        self, image: Tensor, x: int, y: int, width: int, height: int
    ) -> tuple[int, int, int, int]:
        """Put an image in the middle of a box; returns the corners of its own box."""
        picture = fitted(image, width, height)
        x, y = x + (width - picture.width) // 2, y + (height - picture.height) // 2
        self.image.paste(picture, (x, y))
        return x, y, x + picture.width, y + picture.height

    def write(self, x: float, y: float, text: str, scale: float = 1) -> None:
        """Write text with its upper left at (x, y); what stands behind a ^ is raised."""
        for part, raised in parts(text):
            font = self.font(scale * (EXPONENT_SCALE if raised else 1))
            lift = 0.15 * scale * self.size if raised else 0
            self.ink.text((x, y - lift), part, INK, font)
            x += font.getlength(part)

    def truncate(self, text: str, width: float) -> str:
        """Shorten a text to a width, its end replaced by dots."""
        if self.width(text) <= width:
            return text
        while text and self.width(text + '...') > width:
            text = text[:-1]
        return text + '...'

    def wrap(self, text: str, width: float, scale: float) -> list[str]:
        """Break a text between words into lines of at most a width."""
        lines: list[str] = []
        for word in text.split():
            if lines and self.width(f'{lines[-1]} {word}', scale) <= width:
                lines[-1] += f' {word}'
            else:
                lines.append(word)
        return lines


def parts(text: str) -> list[tuple[str, bool]]:
    """Split off exponents: 10^-5 is ('10', False), ('-5', True).

    Other characters than ASCII, which the built-in font lacks, become question marks.
    """
    text = text.encode('ascii', 'replace').decode()
    pieces = re.split(r'\^(-?\d+)', text)
    return [(piece, bool(number % 2)) for number, piece in enumerate(pieces) if piece]


def fitted(image: Tensor, width: int, height: int) -> PIL.Image.Image:
    """Scale an image to the largest size that fits in a box."""
    values = image.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    picture = PIL.Image.fromarray(values)
    scale = min(width / picture.width, height / picture.height)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, PIL.Image.Resampling.LANCZOS)
