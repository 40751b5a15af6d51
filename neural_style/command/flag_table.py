"""A table of flags: what Torch7's command line reads, with groups and descriptions."""

import re
from dataclasses import dataclass, replace

from neural_style.torch7.cmdline import CmdLine, Value


@dataclass(frozen=True)
class Flag:
    """A flag of the command.

    name: without dash.  default: its type is the flag's; a flag that is off takes no value.
    group: the heading it stands under.  description: whole sentences, in Markdown.
    """

    name: str
    default: Value
    group: str
    description: str = ''


class FlagTable(CmdLine):
    """CmdLine that keeps what the documentation needs: groups and descriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.flags: list[Flag] = []
        self._group = ''

    def group(self, title: str) -> None:
        """Begin a group: the options that follow belong to it."""
        self._group = title

    def option(self, key: str, default: Value, help: str | None = None) -> None:
        super().option(key, default, help)
        self.flags.append(Flag(key.lstrip('-'), default, self._group))

    def parse_explicit(self, argv: list[str]) -> dict[str, Value]:
        return super().parse_explicit(with_frame_iterations(argv))

    def describe(self, text: str) -> None:
        """Describe the option that was declared last."""
        self.flags[-1] = replace(self.flags[-1], description=text)


def with_frame_iterations(argv: list[str]) -> list[str]:
    """Write -num_iterations 2000,1000, as artistic-videos has it, as two flags.

    The second number, of later frames, is not above the first: 2,500 is no pair, but a slip.
    """
    for index, words in enumerate(zip(argv, argv[1:], strict=False)):
        pair = re.fullmatch(r'([1-9]\d*),([1-9]\d*)', words[1])
        if words[0].lstrip('-') == 'num_iterations' and pair and int(pair[2]) <= int(pair[1]):
            before, after = argv[:index], argv[index + 2 :]
            return [*before, words[0], pair[1], '-frame_iterations', pair[2], *after]
    return argv
