"""Errors that name a setting."""


class SettingError(ValueError):
    """A setting that cannot be used.

    name: of the setting, as stylize's keyword and the command's flag have it.
    problem: what is wrong and what to do.  It may name other settings in backquotes: the command
    prints `image_size` as -image_size.
    value: what was given, if it is worth a word.
    """

    def __init__(self, name: str, problem: str, value: object = None):
        shown = '' if value is None else f' {value}'
        super().__init__(f'`{name}`{shown}: {problem}')
        self.name = name
