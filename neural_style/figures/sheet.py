"""The labelled sheet: all pictures of a figure, laid out as in the paper."""

import io
import re
from collections.abc import Mapping

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from torch import Tensor

from neural_style.figures.plan import InputPanel, Painting, Plan

PAPER, INK = (255, 255, 255), (20, 20, 20)
NARROWEST, WIDEST = 280, 512  # of a cell: labels must fit, and the sheet must stay a picture
INSET = 0.3  # of a cell's sides
RAISED = 0.65  # size of an exponent, of the text's


class Sheet:
    """A grid of cells with text around it; all lengths in pixels follow the cell's width."""

    def __init__(self, plan: Plan, width: int, height: int):
        cell = min(max(width, NARROWEST), WIDEST)
        self.cell = (cell, round(height * cell / width))
        self.plan = plan
        self.size = max(round(cell / 16), 14)
        self.gap = round(self.size * 0.6)
        self.rows = 1 + max(place[0] for place in self._places())
        self.columns = 1 + max(place[1] for place in self._places())
        # Where columns have labels, the pictures need none of their own.
        self.band = 0 if plan.column_labels else self.line(1)
        words = [word for label in plan.row_labels for word in label.split()]
        self.left = self.gap + max(
            (round(self.width(word)) + self.gap for word in words), default=0
        )
        self.top = 0

    def _places(self) -> list[tuple[int, int]]:
        paintings = [painting.place for painting in self.plan.paintings]
        return paintings + [shown.place for shown in self.plan.inputs]

    def font(self, scale: float = 1) -> PIL.ImageFont.ImageFont | PIL.ImageFont.FreeTypeFont:
        return PIL.ImageFont.load_default(self.size * scale)

    def line(self, scale: float) -> int:
        """Height of a line of text."""
        return round(1.4 * scale * self.size)

    def width(self, text: str, scale: float = 1) -> float:
        """Of a text as write sets it, exponents raised."""
        return sum(
            self.font(scale * (RAISED if raised else 1)).getlength(part)
            for part, raised in parts(text)
        )

    def draw(
        self,
        title: str,
        caption: str,
        paintings: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
    ) -> bytes:
        """The sheet as a PNG file.

        paintings: by name, inputs: by path; (3, H, W), RGB in [0, 1].
        """
        across = self.left + self.columns * (self.cell[0] + self.gap)
        heading = self.wrap(title, across - 2 * self.gap, 1.25)
        small = self.wrap(caption, across - 2 * self.gap, 0.85)
        self.top = self.gap + len(heading) * self.line(1.25)
        self.top += self.line(1) + self.gap if self.plan.column_labels else 0
        bottom = self.top + self.rows * (self.cell[1] + self.band + self.gap)
        down = bottom + len(small) * self.line(0.85) + 2 * self.gap
        self.image = PIL.Image.new('RGB', (across, down), PAPER)
        self.ink = PIL.ImageDraw.Draw(self.image)

        for number, text in enumerate(heading):
            self.write(self.gap, self.gap + number * self.line(1.25), text, 1.25)
        for column, label in enumerate(self.plan.column_labels):
            x = self.left + column * (self.cell[0] + self.gap) + self.cell[0] / 2
            self.write(x - self.width(label) / 2, self.top - self.line(1) - self.gap / 2, label)
        for row, label in enumerate(self.plan.row_labels):
            words = label.split()
            y = self.corner((row, 0))[1] + (self.cell[1] - len(words) * self.line(1)) / 2
            for number, word in enumerate(words):
                self.write(self.gap, y + number * self.line(1), word)
        for painting in self.plan.paintings:
            self.painting(painting, paintings[painting.name], inputs)
        for shown in self.plan.inputs:
            self.input(shown, inputs[shown.picture.path])
        for number, text in enumerate(small):
            self.write(self.gap, bottom + self.gap / 2 + number * self.line(0.85), text, 0.85)

        encoded = io.BytesIO()
        self.image.save(encoded, format='PNG')
        return encoded.getvalue()

    def painting(self, painting: Painting, image: Tensor, inputs: Mapping[str, Tensor]) -> None:
        x, y = self.corner(painting.place)
        box = self.paste(image, x, y, *self.cell)
        if self.band:
            self.write(x, y - self.band, self.cut(painting.label, self.cell[0]))
        left, border = box[0], max(self.size // 8, 2)
        for inset in painting.insets:
            width, height = (round(INSET * side) for side in self.cell)
            small = fitted(inputs[inset.path], width, height)
            top = box[3] - small.height
            frame = (left, top - border, left + small.width + border, box[3])
            self.image.paste(PAPER, frame)
            self.image.paste(small, (left, top))
            left = frame[2]

    def input(self, shown: InputPanel, image: Tensor) -> None:
        x, y = self.corner(shown.place)
        label = self.cut(shown.label, self.cell[0])
        if self.band:
            self.write(x, y - self.band, label)
            self.paste(image, x, y, *self.cell)
        else:
            width, height = self.cell
            box = self.paste(image, x, y, width, height - self.line(1))
            self.write(x + (width - self.width(label)) / 2, box[3] + self.gap / 4, label)

    def corner(self, place: tuple[int, int]) -> tuple[int, int]:
        """Upper left of a cell's picture."""
        row, column = place
        across, down = self.cell[0] + self.gap, self.cell[1] + self.band + self.gap
        return self.left + column * across, self.top + row * down + self.band

    def paste(
        self, image: Tensor, x: int, y: int, width: int, height: int
    ) -> tuple[int, int, int, int]:
        """Put a picture in the middle of a box; returns its own box."""
        picture = fitted(image, width, height)
        x, y = x + (width - picture.width) // 2, y + (height - picture.height) // 2
        self.image.paste(picture, (x, y))
        return x, y, x + picture.width, y + picture.height

    def write(self, x: float, y: float, text: str, scale: float = 1) -> None:
        """Text at (x, y), the upper left; what stands behind a ^ is raised."""
        for part, raised in parts(text):
            font = self.font(scale * (RAISED if raised else 1))
            lift = 0.15 * scale * self.size if raised else 0
            self.ink.text((x, y - lift), part, INK, font)
            x += font.getlength(part)

    def cut(self, text: str, width: float) -> str:
        """A text that fits, its end replaced by dots if it must."""
        if self.width(text) <= width:
            return text
        while text and self.width(text + '...') > width:
            text = text[:-1]
        return text + '...'

    def wrap(self, text: str, width: float, scale: float) -> list[str]:
        """Lines of at most a width, cut between words."""
        lines: list[str] = []
        for word in text.split():
            if lines and self.width(f'{lines[-1]} {word}', scale) <= width:
                lines[-1] += f' {word}'
            else:
                lines.append(word)
        return lines


def parts(text: str) -> list[tuple[str, bool]]:
    """10^-5 as ('10', False), ('-5', True).  The built-in font knows ASCII alone."""
    text = text.encode('ascii', 'replace').decode()
    pieces = re.split(r'\^(-?\d+)', text)
    return [(piece, bool(number % 2)) for number, piece in enumerate(pieces) if piece]


def fitted(image: Tensor, width: int, height: int) -> PIL.Image.Image:
    """The largest picture of the same shape in a box."""
    values = image.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    picture = PIL.Image.fromarray(values)
    scale = min(width / picture.width, height / picture.height)
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, PIL.Image.Resampling.LANCZOS)
