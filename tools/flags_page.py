"""Write docs/flags.md from the table of flags: python -m tools.flags_page"""

import re
from itertools import groupby
from pathlib import Path

from neural_style.command.flag_table import Flag
from neural_style.command.flags import command_line
from neural_style.train import flags as train_flags

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'flags.md'
HEAD = """# Flags

`neural_style -help` prints this list as well. Flags may be written with one dash or two; if a flag
is given twice, the last one counts. Numbers may be written as `1e2` or `0x10`. A flag whose default
is off takes no value.

Bad values are refused at the start: a line on stderr names the flag, the file and the remedy, and
the exit status is 1.

Images are read from JPEG, PNG, PPM, WebP, AVIF, TIFF, BMP, GIF, JPEG 2000, PSD, TGA, ICO and other
files that Pillow reads, whatever their names, and from HEIC with `pip install
'neural-style-caffe[heif]'`.

*This page is written by `python -m tools.flags_page` from `neural_style/command/flags.py`.*
"""
ORIGINAL = "The flags of neural_style.lua, with the original's names and defaults."
EXTENSIONS = (
    'The original lacks these. They are off by default, and without them nothing differs from it.'
)


def page() -> str:
    """Return the page: a table for each group of flags."""
    parts = [HEAD, f'## The original\n\n{ORIGINAL}\n']
    extensions = False
    for title, flags in groupby(command_line().flags, key=lambda flag: flag.group):
        rows = list(flags)
        if not extensions and rows[0].name == 'preset':
            extensions = True
            parts.append(f'## Extensions\n\n{EXTENSIONS}\n')
        parts.append(section(title, rows))
    parts.append('## neural_style-train\n\n[train.md](train.md) describes it.\n')
    for title, flags in groupby(train_flags.command_line().flags, key=lambda flag: flag.group):
        parts.append(section(title, list(flags)))
    return '\n'.join(parts)


def section(title: str, flags: list[Flag]) -> str:
    table = '\n'.join(row(flag) for flag in flags)
    return f'### {title}\n\n| flag | default | meaning |\n|---|---|---|\n{table}\n'


def row(flag: Flag) -> str:
    description = flag.description.replace('|', '\\|')
    description = re.sub(r'`docs/(\w+\.md)`', r'[\1](\1)', description)
    return f'| `-{flag.name}` | {default(flag)} | {description} |'


def default(flag: Flag) -> str:
    """Return a default as it would be typed; 'off' for a flag without a value."""
    if isinstance(flag.default, bool):
        return 'off'
    if flag.default == '':
        return 'empty'
    return f'`{flag.default}`' if isinstance(flag.default, str) else f'`{flag.default:g}`'


if __name__ == '__main__':
    PAGE.write_text(page())
