"""Charts with a logarithmic vertical axis."""

from collections.abc import Mapping, Sequence
from pathlib import Path

Points = Sequence[tuple[float, float]]


def save_chart(
    path: Path, *panels: tuple[str, str, Mapping[str, Points]], x_scale: str = 'log'
) -> None:
    """Write panels side by side: (label of x, label of y, lines by name).  Needs matplotlib.

    Legends are above their panels, since a long one would hide the lines; axes with few numbers
    show exactly these.
    """
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot, ticker

    size = (1.5 + 5 * len(panels), 5)
    figure, axes = pyplot.subplots(1, len(panels), figsize=size, layout='constrained')
    for panel, (x_label, y_label, lines) in zip(
        [axes] if len(panels) == 1 else axes, panels, strict=True
    ):
        for number, (name, points) in enumerate(lines.items()):
            if points:
                marker = 'o' if len(points) < 20 else None
                style = {'marker': marker, 'color': f'C{number}', 'label': name}
                panel.plot(*zip(*points, strict=True), **style)
        panel.set(xscale=x_scale, yscale='log', xlabel=x_label, ylabel=y_label)
        xs = sorted({x for points in lines.values() for x, _ in points})
        if x_scale == 'log' and 0 < len(xs) < 8:
            panel.set_xticks(xs, [f'{x:.3g}' for x in xs])
            panel.xaxis.set_minor_locator(ticker.NullLocator())
            panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
            panel.yaxis.set_minor_formatter(ticker.NullFormatter())
        if x_scale == 'linear':
            panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 3, 5)))
            panel.yaxis.set_major_formatter(ticker.FormatStrFormatter('%g'))
            panel.yaxis.set_minor_formatter(ticker.NullFormatter())
        panel.grid(alpha=0.3, which='both')
        panel.legend(loc='lower left', bbox_to_anchor=(0, 1), frameon=False)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def new_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print('|', ' | '.join(map(str, cells)), '|', flush=True)


def new_table(*headings: str) -> None:
    """Print the head of a Markdown table."""
    new_row(*headings)
    print('|---' * len(headings) + '|', flush=True)
