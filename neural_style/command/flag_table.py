"""A table of flags: what Torch7's command line reads, with groups and descriptions."""

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

    def describe(self, text: str) -> None:
        """Describe the option that was declared last."""
        self.flags[-1] = replace(self.flags[-1], description=text)
