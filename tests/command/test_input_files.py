"""The input files of a run."""

from neural_style.command.input_files import INPUTS, InputChecksums, input_files
from neural_style.command.parsing import parse_arguments


def test_inputs_are_the_files_that_are_stored(tmp_path):
    stored = tmp_path / 'mu\u0308hle.jpg'
    stored.write_bytes(b'')
    flags = ['-content_image', str(tmp_path / 'm\u00fchle.jpg'), '-style_image', 'a.jpg,b.jpg']
    arguments = parse_arguments([*flags, '-paper_mask', 'auto'])
    inputs = input_files(arguments)
    assert inputs[:3] == [
        ('content_image', str(stored)),
        ('style_image', 'a.jpg'),
        ('style_image', 'b.jpg'),
    ]
    assert [flag for flag, _ in inputs[3:]] == ['proto_file', 'model_file']


def test_checksums_are_by_flag_and_none_for_missing_files(tmp_path):
    content = tmp_path / 'a.jpg'
    content.write_bytes(b'')
    flags = ['-content_image', str(content), '-style_image', 'missing.jpg', '-model_file', '']
    checksums = InputChecksums(parse_arguments([*flags, '-proto_file', ''])).by_flag()
    assert checksums.keys() == set(INPUTS)
    assert [len(value) for value in checksums['content_image']] == [64]
    assert (checksums['style_image'], checksums['init_image']) == ([None], [])
