"""The flags of painting at once."""

from neural_style.command.flag_table import FlagTable


def describe_fast(cmd: FlagTable) -> None:
    """Add the flags of painting at once."""
    cmd.group('Painting at once')
    cmd.option('-fast', False, 'paint at once, with a network trained for any style')
    cmd.describe(
        'Paint at once, in one pass of a network that comes with the project, trained for any'
        ' style: a second or two instead of minutes, and less of the style. `docs/fast.md`'
        ' describes it.'
    )
    cmd.option('-fast_strength', 1.0, '0 to 1: how much of the style -fast gives')
    cmd.describe(
        'How much of the style `-fast` gives the picture, from 0, hardly any, to 1; with `-init'
        ' fast`, how much of its picture is mixed with the content image.'
    )
