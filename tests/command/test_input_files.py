"""The input files of a run."""

import shutil

from neural_style.command import places
from neural_style.command.input_files import INPUTS, InputChecksums, input_files, locate_inputs
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


def test_default_images_are_found_in_other_places_and_lines_say_so(tmp_path, monkeypatch, data):
    folder = tmp_path / 'else, where'
    (folder / 'examples' / 'inputs').mkdir(parents=True)
    names = 'examples/inputs/tubingen.jpg', 'examples/inputs/seated-nude.jpg'
    for name in names:
        shutil.copy(data / 'inputs' / 'scene.jpg', folder / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places, 'folders', lambda: ['', str(folder)])
    arguments, remarks = locate_inputs(parse_arguments([]))
    paths = dict(input_files(arguments))
    assert [paths[flag] for flag in ('content_image', 'style_image')] == [
        f'{folder}/{name}' for name in names
    ]
    assert remarks[1:] == [
        f'there is no {name} in the current folder: using {folder}/{name}' for name in names
    ]


def test_images_that_are_there_or_nowhere_keep_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ['-content_image', 'a.jpg', '-style_image', 'examples/inputs/b.jpg,c.jpg']
    arguments, remarks = locate_inputs(parse_arguments(flags))
    assert arguments.content_image == 'a.jpg'
    assert arguments.style_image == 'examples/inputs/b.jpg,c.jpg'
    assert len(remarks) == 1  # of the network
