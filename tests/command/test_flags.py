"""The table of flags."""

from neural_style.command.flags import command_line


def test_every_flag_has_a_group_and_a_description():
    for flag in command_line().flags:
        assert flag.group, flag.name
        assert flag.description.endswith('.'), flag.name
        assert flag.description[0].isupper() or flag.description[0] in '`1', flag.name


def test_table_and_parser_know_the_same_flags():
    table = {flag.name: flag.default for flag in command_line().flags}
    assert table == command_line().defaults()


def test_groups_are_not_interrupted():
    groups = [flag.group for flag in command_line().flags]
    changes = sum(a != b for a, b in zip(groups, groups[1:], strict=False))
    assert changes == len(set(groups)) - 1
