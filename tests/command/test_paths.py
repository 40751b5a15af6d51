"""Paths as people write them."""

import os
from pathlib import Path

import pytest
from written import files

from neural_style.command.parsing import parse_arguments
from neural_style.command.paths import PATH_FLAGS, intended_path, missing_file_hint, split_paths


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with b.jpg, and an empty current folder."""
    (tmp_path / 'home').mkdir()
    (tmp_path / 'here').mkdir()
    (tmp_path / 'home' / 'b.jpg').touch()
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.chdir(tmp_path / 'here')
    return str(tmp_path / 'home')


def test_tilde_is_the_home_folder(home):
    assert intended_path('~/b.jpg') == f'{home}/b.jpg'
    assert intended_path('~') == home
    assert intended_path(' ~/new.png ') == f'{home}/new.png'


def test_file_that_really_has_the_name_wins(home):
    Path(' b.jpg').touch()
    Path('~').mkdir()
    assert intended_path(' b.jpg') == ' b.jpg'
    assert intended_path('~/b.jpg') == '~/b.jpg'


@pytest.mark.parametrize('flag', PATH_FLAGS)
def test_every_path_of_the_command_line_takes_a_tilde(home, flag):
    if flag in ('preset', 'rerun'):
        pytest.skip('read at once')
    assert getattr(parse_arguments([f'-{flag}', '~/b.jpg']), flag) == f'{home}/b.jpg'


def test_preset_takes_a_tilde_outside_and_inside(home):
    Path(home, 'mine.txt').write_text('-model_file ~/m.caffemodel\n')
    arguments = parse_arguments(['-preset', '~/mine.txt'])
    assert arguments.model_file == f'{home}/m.caffemodel'


def test_list_of_files_may_have_blanks_and_tildes(home):
    for name in ('a.jpg', 'c.jpg', 'd,e.jpg'):
        Path(name).touch()
    assert split_paths('a.jpg, ~/b.jpg ,c.jpg') == ['a.jpg', f'{home}/b.jpg', 'c.jpg']
    assert split_paths('a.jpg,\n c.jpg, ') == ['a.jpg', 'c.jpg']
    assert split_paths(r'a.jpg, d\,e.jpg') == ['a.jpg', 'd,e.jpg']
    Path(' c.jpg').touch()
    assert split_paths('a.jpg, c.jpg') == ['a.jpg', ' c.jpg']


@pytest.mark.parametrize(
    ('path', 'words'),
    [
        ('“a.jpg”', 'the quotes became a part of the name; name a.jpg'),
        ("'a.jpg'", 'the quotes became a part of the name; name a.jpg'),
        ('https://example.org/a.jpg', 'download the file'),
        (r'my\ photo.jpg', 'needs no \\'),
        ('a.jpg c.jpg', 'commas: a.jpg,c.jpg'),
        ('a.jpg;c.jpg', 'commas: a.jpg,c.jpg'),
        ('~nobody-here/a.jpg', "no home folder for '~nobody-here'"),
        ('$HOME', 'fills in no variables'),
        ('A.JPG', 'is a.jpg meant?'),
        ('./a.png', 'is ./a.jpg meant?'),
        (r'.\a.jpg', 'is ./a.jpg meant?'),
        ('my photos.jpg', 'is my photo.jpg meant?'),
        ('missing.jpg', ''),
    ],
)
def test_missing_file_gets_a_hint(home, path, words):
    for name in ('a.jpg', 'c.jpg', 'my photo.jpg', 'missing.txt'):
        Path(name).touch()
    hint = missing_file_hint(path)
    assert words in hint and bool(hint) == bool(words)


def test_picture_is_written_into_the_home_folder(command, monkeypatch):
    os.mkdir('home')
    monkeypatch.setenv('HOME', os.path.abspath('home'))
    assert command("-output_image '~/o.png' -num_iterations 1") == 0
    assert files('home') == ['o.png'] and files() == ['home']


def test_hint_is_in_the_message(command, capsys):
    assert command("-style_image 'http://a.b/c.jpg'") == 1
    assert 'http://a.b/c.jpg: no such file; this is an address' in capsys.readouterr().err


def test_split_paths_knows_commas_in_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('a.jpg', 'b.jpg', 'c,d.jpg'):
        (tmp_path / name).touch()
    assert split_paths('a.jpg,b.jpg') == ['a.jpg', 'b.jpg']
    assert split_paths('c,d.jpg') == ['c,d.jpg']
    assert split_paths(r'a.jpg,c\,d.jpg,') == ['a.jpg', 'c,d.jpg']
    assert split_paths('a.jpg,,b.jpg') == ['a.jpg', '', 'b.jpg']
    (tmp_path / 'a.jpg,b.jpg').touch()
    assert split_paths('a.jpg,b.jpg') == ['a.jpg', 'b.jpg']


@pytest.mark.parametrize(
    ('path', 'hint'),
    [
        ('link.jpg', 'a link to nowhere, which is missing'),
        ('missing/', 'no such folder'),
        ('*.jpg', 'a pattern in quotes'),
        ('a.jpg,b.jpg', 'this flag takes one'),
        ('a.jpg,c.jpg', ''),
        ('[x].jpg', ''),
    ],
)
def test_hint_says_why_a_path_names_no_file(tmp_path, monkeypatch, path, hint):
    monkeypatch.chdir(tmp_path)
    for name in ('a.jpg', 'b.jpg'):
        (tmp_path / name).touch()
    os.symlink('nowhere', 'link.jpg')
    assert hint in missing_file_hint(path)
    assert hint or missing_file_hint(path) == ''
