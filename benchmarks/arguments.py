"""Arguments that several benchmarks take."""

import argparse
from pathlib import Path

from neural_style.command.networks import embedded_network


def new_parser(documentation: str, chart: bool = True) -> argparse.ArgumentParser:
    """Make a parser that shows a module's first line, with --plot if it draws a chart."""
    parser = argparse.ArgumentParser(description=documentation.split('\n')[0])
    if chart:
        parser.add_argument('--plot', type=Path, help='write a chart (needs matplotlib)')
    return parser


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add --work: the settings of a process that measures."""
    parser.add_argument('--work', help=argparse.SUPPRESS)


def add_painting(parser: argparse.ArgumentParser, *, size: int, evaluations: int) -> None:
    """Add the network, its layers, the size and the number of evaluations."""
    parser.add_argument('--model', type=Path, default=Path(embedded_network()[1]))
    parser.add_argument('--size', type=int, default=size)
    parser.add_argument('--evaluations', type=int, default=evaluations)
    parser.add_argument('--content_layers', default='relu4_2')
    parser.add_argument('--style_layers', default='relu1_1,relu2_1,relu3_1,relu4_1,relu5_1')


def layers(args: argparse.Namespace) -> dict[str, str]:
    """Return the layers as keywords of stylize."""
    return {'content_layers': args.content_layers, 'style_layers': args.style_layers}
