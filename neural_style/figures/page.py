"""index.html: the sheet, and settings, losses and curve of every picture; no script, no network."""

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from neural_style.figures.plan import Painting

CURVE = (360, 200)  # width and height of a curve's drawing
FRAME = (58, 10, 350, 164)  # left, top, right, bottom of its axes
POINTS = 300  # of a curve, at most

CSS = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
img { max-width: 100%; height: auto; display: block; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.5rem;
  border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: 1.25rem 0; }
section > * { min-width: 0; } section img { width: 100%; }
table { border-collapse: collapse; font-size: .875rem; margin-bottom: 1rem; }
th { font-weight: 600; }
th, td { text-align: left; padding: .1rem 1rem .1rem 0; vertical-align: top; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
svg { width: 100%; max-width: 30rem; height: auto; }
svg text { fill: currentColor; font-size: 11px; }
details { font-size: .875rem; } summary { cursor: pointer; margin-bottom: .5rem; }
"""


def page(
    title: str,
    caption: str,
    settings: Mapping[str, Any],
    painted: Sequence[tuple[Painting, Mapping[str, Any]]],
) -> str:
    """The page as HTML.

    settings: of the whole figure, by what to call them.  painted: paintings and their records.
    """
    parts = [
        '<!doctype html>',
        '<html lang="en">',
        '<head>',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{html.escape(title)}</title>',
        f'<style>{CSS}</style>',
        '</head>',
        '<body>',
        f'<h1>{html.escape(title)}</h1>',
        f'<p><a href="sheet.png"><img src="sheet.png" alt="{html.escape(title)}"></a></p>',
        f'<p>{html.escape(caption)}</p>',
        table(settings),
        *(section(painting, record) for painting, record in painted),
        '</body>',
        '</html>',
        '',
    ]
    return '\n'.join(parts)


def section(painting: Painting, record: Mapping[str, Any]) -> str:
    """One picture: itself, its losses, its curve, its settings."""
    file = html.escape(painting.name + '.png')
    label = html.escape(painting.label)
    heading = re.sub(r'\^(-?\d+)', r'<sup>\1</sup>', label)
    losses: dict[str, Any] = {
        f'{each["kind"]} {each["layer"]}': number(each['loss']) for each in record['losses']
    }
    losses['total'] = number(record['curve'][record['evaluation'] - 1])
    losses['of evaluation'] = record['evaluation']
    return '\n'.join(
        [
            '<section>',
            f'<div><h2>{heading}</h2><a href="{file}"><img src="{file}" alt="{label}"></a></div>',
            f'<div>{table(losses)}<details><summary>settings</summary>',
            f'{table(settings(painting, record))}</details></div>',
            f'<div>{curve(record["curve"], label)}</div>',
            '</section>',
        ]
    )


def settings(painting: Painting, record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says, flat."""
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
    cells = [
        f'<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>'
        for name, value in rows.items()
    ]
    return '<table>' + ''.join(cells) + '</table>'


def number(value: float | None) -> str:
    return 'not a number' if value is None else f'{value:.4g}'


def curve(losses: Sequence[float | None], label: str) -> str:
    """Total loss over evaluations as SVG, powers of ten up the side.  label: escaped."""
    shown = [(n, loss) for n, loss in enumerate(losses, start=1) if loss is not None and loss > 0]
    if not shown:
        return '<p>No loss above 0.</p>'
    left, top, right, bottom = FRAME
    logs = [math.log10(loss) for _, loss in shown]
    low, high = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    last = max(len(losses), 2)

    def x(n: float) -> float:
        return left + (n - 1) / (last - 1) * (right - left)

    def y(log: float) -> float:
        return bottom - (log - low) / (high - low) * (bottom - top)

    step = max(math.ceil(len(shown) / POINTS), 1)
    chosen = sorted({*range(0, len(shown), step), len(shown) - 1})
    line = ' '.join(f'{x(shown[n][0]):.1f},{y(logs[n]):.1f}' for n in chosen)
    parts = [
        f'<svg viewBox="0 0 {CURVE[0]} {CURVE[1]}" role="img" aria-label="loss curve of {label}">'
    ]
    for power in range(low, high + 1, max((high - low) // 5, 1)):
        parts.append(
            f'<line x1="{left}" x2="{right}" y1="{y(power):.1f}" y2="{y(power):.1f}"'
            ' stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{left - 6}" y="{y(power) + 4:.1f}" text-anchor="end">10'
            f'<tspan dy="-4" font-size="8">{power}</tspan></text>'
        )
    for n in sorted({1, (last + 1) // 2, last}):
        parts.append(f'<text x="{x(n):.1f}" y="{bottom + 15}" text-anchor="middle">{n}</text>')
    parts += [
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="currentColor"/>',
        f'<polyline points="{line}" fill="none" stroke="#3b82c4" stroke-width="2"/>',
        f'<text x="{(left + right) / 2}" y="{bottom + 31}" text-anchor="middle">evaluation</text>',
        f'<text transform="translate(14 {(top + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        'total loss</text>',
        '</svg>',
    ]
    return ''.join(parts)
