"""Files that the program knows by relative names, in the folders where they may be."""

import os
import subprocess
import sys

import platformdirs
import pytest
from samples import ROOT

from neural_style.command import places
from neural_style.command.places import folders  # the fixture of all tests replaces it


@pytest.fixture
def other_folders(tmp_path, monkeypatch):
    """Change to an empty folder; returns the folders of a checkout and of the user's data."""
    for name in ('photographs', 'check out', 'data'):
        (tmp_path / name / 'models').mkdir(parents=True)
    monkeypatch.chdir(tmp_path / 'photographs')
    monkeypatch.setattr(places, 'folders', folders)
    monkeypatch.setattr(places, 'checkout', lambda: str(tmp_path / 'check out'))
    monkeypatch.setattr(places, 'data_folder', lambda: str(tmp_path / 'data'))
    return tmp_path / 'check out', tmp_path / 'data'


def test_current_folder_comes_before_the_checkout_and_that_before_the_data_folder(other_folders):
    checkout, data = other_folders
    assert places.find('models/a') is None
    for folder in (data, checkout):
        (folder / 'models' / 'a').touch()
        assert places.find('models/a') == str(folder / 'models/a')
    open('models/a', 'w').close()
    assert places.find('models/a') == 'models/a'


def test_current_folder_is_searched_once_where_it_is_the_checkout(other_folders, monkeypatch):
    checkout, data = other_folders
    monkeypatch.chdir(checkout)
    assert places.folders() == ['', str(data)]
    assert places.searched() == f'in the current folder or in {data}'


def test_file_of_another_form_is_expected_where_its_name_says(other_folders):
    checkout, _ = other_folders
    for name in ('a', 'models/a'):
        (checkout / name).touch()
    assert places.find_named('a') == ('a', '')
    assert places.find_named(str(checkout / 'b')) == (str(checkout / 'b'), '')
    located, remark = places.find_named('models/a')
    assert located == str(checkout / 'models/a')
    assert remark == f'there is no models/a in the current folder: using {located}'
    for name in ('./models/a', 'models//a', 'models/../models/a'):
        located, remark = places.find_named(name)
        assert os.path.samefile(located, checkout / 'models/a') and remark


def test_script_is_named_so_that_it_runs_from_the_current_folder(other_folders, monkeypatch):
    checkout, _ = other_folders
    assert places.script('models/s.sh') == f"sh '{checkout}/models/s.sh'"
    monkeypatch.chdir(checkout)
    assert places.script('models/s.sh') == 'sh models/s.sh'
    monkeypatch.setattr(places, 'checkout', lambda: '')
    assert places.script('models/s.sh') == ''


def test_checkout_is_the_folder_of_the_script():
    assert places.checkout() == str(ROOT)


def test_installed_program_has_no_checkout(tmp_path):
    (tmp_path / 'neural_style').symlink_to(ROOT / 'neural_style')
    code = 'from neural_style.command import places; print(repr(places.checkout()))'
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env={'PYTHONPATH': str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "''\n", done.stderr


def test_data_folder_is_that_of_the_platform():
    assert places.data_folder() == platformdirs.user_data_dir('neural_style', appauthor=False)
