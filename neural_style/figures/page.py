"""index.html: the sheet, and settings, losses and curve of every painting, without any script."""

import html
import importlib.resources
import math
import re
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from neural_style.figures.plan import Painting

TEMPLATES = importlib.resources.files('neural_style.figures') / 'templates'
LEFT, TOP, RIGHT, BOTTOM = 58, 10, 350, 164  # of a curve's axes
MAX_POINTS = 300  # of a curve


def page(
    title: str,
    caption: str,
    settings: Mapping[str, Any],
    records: Sequence[tuple[Painting, Mapping[str, Any]]],
) -> str:
    """Return the page as HTML.

    settings: of the whole figure, by their labels.  records: paintings and their records.
    """
    return _fill(
        'page.html',
        title=html.escape(title),
        caption=html.escape(caption),
        settings=table(settings),
        sections=''.join(section(painting, record) for painting, record in records),
    )


def section(painting: Painting, record: Mapping[str, Any]) -> str:
    """Return the part of one painting: itself, its losses, its curve, its settings."""
    label = html.escape(painting.label)
    losses: dict[str, Any] = {
        f'{loss["kind"]} {loss["layer"]}': number(loss['loss']) for loss in record['losses']
    }
    losses['total'] = number(record['curve'][record['evaluation'] - 1])
    losses['of evaluation'] = record['evaluation']
    return _fill(
        'section.html',
        heading=re.sub(r'\^(-?\d+)', r'<sup>\1</sup>', label),
        file=html.escape(painting.name + '.png'),
        label=label,
        losses=table(losses),
        settings=table(record_rows(record)),
        curve=curve(record['curve'], label),
    )


def record_rows(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a painting as the rows of a table."""
    names = record['pictures']
    rows: dict[str, Any] = {
        'content image': names['content_image'],
        'style images': ', '.join(names['style_images']),
    }
    for name, value in record['settings'].items():
        if isinstance(value, dict):
            rows |= {f'{name} {key}': inner for key, inner in value.items()}
        else:
            rows[name] = ', '.join(map(str, value)) if isinstance(value, list) else value
    rows['content_image sha256'] = rows.pop('content_image')
    rows['style_images sha256'] = rows.pop('style_images')
    return rows | {'seconds': record.get('seconds'), 'device': record.get('device')}


def table(rows: Mapping[str, Any]) -> str:
    """Return rows of a name and a value as HTML."""
    cells = [
        f'<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>'
        for name, value in rows.items()
    ]
    return '<table>' + ''.join(cells) + '</table>'


def number(value: float | None) -> str:
    """Format a loss; None is one that is not finite."""
    return 'not a number' if value is None else f'{value:.4g}'


def curve(losses: Sequence[float | None], label: str) -> str:
    """Return total loss over evaluations as SVG, its axis logarithmic.  label: escaped."""
    points = [(n, math.log10(loss)) for n, loss in enumerate(losses, start=1) if loss and loss > 0]
    if not points:
        return '<p>No loss above 0.</p>'
    logs = [log for _, log in points]
    low = math.floor(min(logs))
    high = max(math.ceil(max(logs)), low + 1)
    last = max(len(losses), 2)

    def x(n: float) -> float:
        return LEFT + (n - 1) / (last - 1) * (RIGHT - LEFT)

    def y(log: float) -> float:
        return BOTTOM - (log - low) / (high - low) * (BOTTOM - TOP)

    powers = range(low, high + 1, max((high - low) // 5, 1))
    grid = [_grid_line(y(power), power) for power in powers]
    for n in sorted({1, (last + 1) // 2, last}):
        grid.append(f'<text x="{x(n):.1f}" y="{BOTTOM + 15}" text-anchor="middle">{n}</text>')
    step = max(math.ceil(len(points) / MAX_POINTS), 1)
    chosen = sorted({*range(0, len(points), step), len(points) - 1})
    return _fill(
        'curve.svg',
        label=label,
        grid='\n'.join(grid),
        points=' '.join(f'{x(points[k][0]):.1f},{y(points[k][1]):.1f}' for k in chosen),
        left=LEFT,
        top=TOP,
        right=RIGHT,
        bottom=BOTTOM,
    )


def _grid_line(y: float, power: int) -> str:
    """Return the line of a power of ten, and its label at the axis."""
    return (
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        ' stroke="currentColor" stroke-opacity="0.2"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">10'
        f'<tspan dy="-4" font-size="8">{power}</tspan></text>'
    )


def _fill(name: str, **values: object) -> str:
    return Template((TEMPLATES / name).read_text(encoding='utf-8')).substitute(values)
