"""Parsing of the command line: argv, its preset and the picture that -rerun repeats → Arguments."""

from neural_style.command.arguments import Arguments
from neural_style.command.flags import command_line
from neural_style.command.paths import split_paths, with_intended_paths
from neural_style.command.presets import preset_files, read_preset
from neural_style.command.rerun import rerun_flags
from neural_style.command.slips import hint
from neural_style.command.trained_styles import with_trained_style
from neural_style.torch7.cmdline import CmdLine, CommandLineError, Value


def parse_arguments(argv: list[str]) -> Arguments:
    """Read the flags of a command line (without the program's name).

    They win over those of a preset, and these over those of the recipe that -rerun repeats.
    Raises HelpRequested, CommandLineError, and ValueError for presets and recipes.
    """
    cmd = command_line()
    explicit = with_intended_paths(cmd.parse_explicit(argv))
    typed = frozenset(explicit)
    preset = explicit.get('preset', '')
    if preset not in ('', 'list'):
        explicit = with_intended_paths(cmd.parse_explicit(read_preset(str(preset)))) | explicit
        if preset not in preset_files():  # a file of the user's
            typed = frozenset(explicit)
    generator_seed = None
    if explicit.get('rerun', '') != '':
        if explicit.get('resume', '') != '':
            raise ValueError(
                '-rerun: starts a new run, and -resume continues one; give one of them'
            )
        repeated, generator_seed = rerun_flags(explicit)
        explicit = repeated | explicit
    arguments = Arguments(cmd.defaults() | explicit, frozenset(explicit), generator_seed, typed)
    return with_trained_style(with_named_start(arguments))


def with_named_start(arguments: Arguments) -> Arguments:
    """Let a preset's picture of -fast, and its small sizes, give way to the -init_image.

    Without a style there is no such picture, and the content image takes its place.
    """
    values: dict[str, Value] = {}
    has_start = arguments.init_image != ''
    needs_none = has_start or not split_paths(arguments.style_image)
    if needs_none and arguments.init == 'fast' and arguments.comes_from_preset('init'):
        values['init'] = 'image'
    if has_start and arguments.comes_from_preset('multiscale'):
        values['multiscale'] = ''
    return arguments.with_values(**values)


def parse_flags(cmd: CmdLine, argv: list[str], program: str) -> Arguments:
    """Read the flags of one of the other programs.

    cmd: the flags that it has.  Raises HelpRequested, and ValueError with the remedy.
    """
    try:
        explicit = cmd.parse_explicit(argv)
    except CommandLineError as error:
        remedy = hint(error, cmd.defaults()) or 'omit it'
        raise ValueError(f'{error}; {remedy} ({program} -help)') from error
    return Arguments(cmd.defaults() | explicit, frozenset(explicit))
