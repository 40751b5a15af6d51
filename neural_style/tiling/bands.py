"""Rows of feature maps, and gradients that are accumulated from those of tiles."""

from dataclasses import dataclass

from torch import Tensor

from neural_style.distributed import Rows
from neural_style.losses.features import Area


@dataclass(frozen=True)
class RowBand:
    """The rows of a feature map that one process has: (1, C, H, W).

    first: the number of the first of them in the map.
    buffer: memory that begins some rows before them, which their gradient may take while tiles
        still need some of them; None if it has memory of its own.
    """

    rows: Tensor
    first: int = 0
    buffer: Tensor | None = None

    def without_data(self) -> 'RowBand':
        """Keep size and layout alone."""
        return RowBand(self.rows.detach().to('meta'), self.first)

    def crop(self, area: Area) -> Tensor:
        """View some rows and columns, numbered as in the whole map."""
        rows, columns = area
        return self.rows[..., rows.start - self.first : rows.stop - self.first, columns]

    def in_place(self) -> 'RowBand | None':
        """Return a band for the gradient of the rows that takes their place, if there is room.

        It precedes them in memory by the rows with which the buffer begins.
        """
        if self.buffer is None:
            return None
        return RowBand(self.buffer[:, :, : self.rows.shape[2]], self.first)


class GradientAccumulator:
    """Adds up the gradients of tiles that come row after row, from left to right.

    band: its memory, uninitialised: cleared column by column as tiles are added, since features
    that the next tiles need may be to the right or below.
    """

    def __init__(self, band: RowBand):
        self._band = band
        self._rows: Rows = (0, 0)  # of the last tile
        self._started = 0  # rows that earlier rows of tiles had part of
        self._cleared = 0  # columns, of the rows that this row of tiles is the first to have

    def add(self, gradient: Tensor, crop: Area) -> None:
        rows, columns = crop
        if (rows.start, rows.stop) != self._rows:
            self._start_row((rows.start, rows.stop))
        self._clear(columns.stop)
        self._band.crop(crop).add_(gradient)

    def finish(self) -> RowBand:
        """Return the sum, 0 where no tile was."""
        end = self._band.first + self._band.rows.shape[2]
        self._start_row((end, end))
        self._clear(self._band.rows.shape[3])
        return self._band

    def _start_row(self, rows: Rows) -> None:
        """Begin a row of tiles."""
        self._clear(self._band.rows.shape[3])
        self._started = max(self._started, self._rows[1])
        self._rows, self._cleared = rows, 0

    def _clear(self, columns: int) -> None:
        """Clear the rows that this row of tiles is the first to have, up to a column."""
        if self._cleared >= columns:
            return
        first = self._band.first
        rows = slice(max(self._started, first), max(self._rows[1], first))
        if rows.start < rows.stop:
            self._band.crop((rows, slice(self._cleared, columns))).zero_()
        self._cleared = columns
