"""models/download_models.sh takes names of sets, and puts models into other folders."""

import shutil
import subprocess
import sys

import pytest
from model_server import MODEL, SCRIPT, last_line
from samples import ROOT

from neural_style.command import download


def add(folder, server, name, *more, fault='right'):
    folder.table(f'{server.url}/{fault}/{name}', name=name, more=more)


@pytest.fixture
def sets(bare_folder, server):
    """Return a folder with a table of two sets that share a file, and a file to be named."""
    bare_folder.install('curl' if shutil.which('curl') else 'wget')
    add(bare_folder, server, 'net.prototxt', 'set plain', 'set normalised')
    add(bare_folder, server, 'normalised.caffemodel', 'set normalised')
    add(bare_folder, server, 'plain.caffemodel', 'set plain')
    add(bare_folder, server, 'small.caffemodel', 'set small', 'named')
    return bare_folder


@pytest.mark.parametrize(
    ('arguments', 'files'),
    [
        ([], ['net.prototxt', 'normalised.caffemodel', 'plain.caffemodel']),
        (['plain'], ['net.prototxt', 'plain.caffemodel']),
        (['normalised'], ['net.prototxt', 'normalised.caffemodel']),
        (['plain', 'normalised'], ['net.prototxt', 'plain.caffemodel', 'normalised.caffemodel']),
        (['small', 'net.prototxt'], ['small.caffemodel', 'net.prototxt']),
    ],
)
def test_name_of_a_set_stands_for_its_files(sets, arguments, files):
    result = sets.run(*arguments)
    assert result.returncode == 0, result.stderr
    assert last_line(result.stdout) == f'All models are in models/: {" ".join(files)}'
    assert sets.files() == dict.fromkeys(files, MODEL)


def test_unknown_name_is_told_with_the_names_of_sets_and_files(sets):
    line = last_line(sets.run('plain', 'large').stderr)
    expected = 'unknown model large; known are: plain normalised small net.prototxt normalised.caf'
    assert expected in line


def test_another_file_takes_the_place_of_one_that_cannot_be_had(sets, server):
    add(sets, server, 'large.caffemodel', 'set large', 'else small.caffemodel', fault='missing')
    result = sets.run('large')
    assert result.returncode == 0, result.stderr
    assert 'large.caffemodel could not be had; trying small.caffemodel' in result.stdout
    assert last_line(result.stdout) == 'All models are in models/: small.caffemodel'
    server.requests.clear()
    again = sets.run('large')
    assert again.returncode == 0 and server.requests == []
    assert 'small.caffemodel is already there' in again.stdout
    by_file = sets.run('large.caffemodel')
    assert by_file.returncode == 1
    assert 'trying' not in by_file.stdout


def test_both_faults_are_told_where_neither_file_can_be_had(sets, server):
    add(sets, server, 'large.caffemodel', 'set large', 'else other.caffemodel', fault='missing')
    add(sets, server, 'other.caffemodel', 'named', fault='wrong')
    result = sets.run('large')
    assert result.returncode == 1
    line = last_line(result.stderr)
    assert 'large.caffemodel: server answered' in line
    assert 'other.caffemodel: has the wrong checksum' in line


@pytest.mark.parametrize('fault', ['right', 'missing'])
def test_companion_is_fetched_after_its_file_and_may_be_missing(sets, server, fault):
    add(sets, server, 'large.caffemodel', 'set large', 'with large.prototxt')
    add(sets, server, 'large.prototxt', 'named', fault=fault)
    result = sets.run('large')
    assert result.returncode == 0, result.stderr
    assert ('large.prototxt' in sets.files()) == (fault == 'right')
    assert ('large.prototxt could not be had' in result.stdout) == (fault == 'missing')


def test_into_names_another_folder_and_makes_it(sets, tmp_path):
    result = sets.run('--into', 'some where/models', 'small')
    assert result.returncode == 0, result.stderr
    target = tmp_path / 'some where' / 'models'
    assert last_line(result.stdout) == f'All models are in {target}/: small.caffemodel'
    assert (target / 'small.caffemodel').read_bytes() == MODEL
    assert sets.files() == {}


def test_options_may_follow_names(sets, tmp_path):
    assert sets.run('small', '--into', 'other', 'net.prototxt').returncode == 0
    assert {path.name for path in (tmp_path / 'other').iterdir()} == {
        'small.caffemodel',
        'net.prototxt',
    }


def test_help_is_the_head_of_the_script():
    done = subprocess.run(['sh', SCRIPT, '--help'], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith('Download the models of neural-style')
    for word in ('vgg19, vgg19_normalised, vgg16', '--mirror URL', '--into FOLDER', '--help'):
        assert word in done.stdout
    assert 'listed_models' not in done.stdout


def test_missing_model_is_told_with_another_that_may_be_had(sets, server):
    add(sets, server, 'large.caffemodel', 'set large', 'instead small', fault='missing')
    line = last_line(sets.run('large').stderr)
    assert line.endswith('; small may be had where large.caffemodel cannot')


def test_into_a_file_is_refused(sets):
    result = sets.run('--into', 'table/models')
    assert result.returncode == 1
    assert '--into: cannot use table/models' in last_line(result.stderr)


def test_sets_of_the_table_are_vgg_19_normalised_vgg_19_and_vgg_16(tmp_path):
    done = subprocess.run(['sh', SCRIPT, 'vgg'], capture_output=True, text=True)
    known = last_line(done.stderr).partition('known are: ')[2].split()
    assert known[:3] == ['vgg19', 'vgg19_normalised', 'vgg16']


@pytest.mark.slow
def test_installed_command_downloads_into_the_data_folder(sets, tmp_path, server):
    code = 'from neural_style.command.download import main; raise SystemExit(main())'
    table = tmp_path / 'table'
    environment = {'PATH': str(sets.bin), 'PYTHONPATH': str(ROOT), 'HOME': str(tmp_path)}
    environment |= {'XDG_DATA_HOME': str(tmp_path / 'my data'), 'no_proxy': '*'}
    (sets.bin / 'sh').symlink_to(shutil.which('sh'))
    done = subprocess.run(
        [sys.executable, '-c', code, '--table', table, 'small'],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    target = tmp_path / 'my data' / 'neural_style' / 'models' / 'small.caffemodel'
    assert target.read_bytes() == MODEL


def test_installed_command_without_a_shell_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert download.main([]) == 1
    assert 'neural_style-download: cannot run sh ' in capsys.readouterr().err


@pytest.mark.slow
def test_installed_command_and_its_script_are_in_the_wheel(wheel):
    assert 'neural_style/models/download_models.sh' in wheel
    assert SCRIPT.resolve() == ROOT / 'neural_style' / 'models' / 'download_models.sh'
    assert 'neural_style-download = ' in (ROOT / 'setup.cfg').read_text()
