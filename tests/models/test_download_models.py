"""models/download_models.sh, with a server on this machine that fails in every way we know of."""

import shutil
import ssl
import subprocess

import pytest
from model_server import (
    CUT,
    MODEL,
    NAME,
    SCRIPT,
    Handler,
    Server,
    assert_missing,
    assert_right,
    last_line,
)
from servers import running


def test_download_takes_every_file_of_the_table(folder, server):
    names = ['one.caffemodel', 'two.caffemodel', 'three.caffemodel']
    for name in names:
        folder.table(f'{server.url}/right/{name}', name=name)
    result = folder.run()
    assert result.returncode == 0, result.stderr
    assert last_line(result.stdout) == f'All models are in models/: {" ".join(names)}'
    assert folder.files() == dict.fromkeys(names, MODEL)
    assert server.requests == [('right', None)] * 3


@pytest.mark.parametrize('shell', ['dash', 'bash', 'busybox sh', 'ksh', 'mksh'])
def test_download_works_in_every_shell(shell, bare_folder, server):
    if not shutil.which(shell.split()[0]):
        pytest.skip(f'{shell} is not installed')
    bare_folder.install('curl' if shutil.which('curl') else 'wget')
    bare_folder.table(f'{server.url}/wrong/{NAME}', f'{server.url}/cuts/{NAME}')
    assert_right(bare_folder.run(shell=shell), bare_folder)


def test_download_goes_into_the_folder_of_the_script_from_anywhere(folder, server, tmp_path):
    folder.table(f'{server.url}/right/{NAME}')
    elsewhere = tmp_path / 'else where'
    elsewhere.mkdir()
    command, how = folder.command()
    command[command.index('models/download_models.sh')] = '../models/download_models.sh'
    command[command.index('table')] = '../table'
    how['cwd'] = elsewhere
    result = subprocess.run(command, **how, capture_output=True, text=True, timeout=30)
    assert_right(result, folder)
    assert list(elsewhere.iterdir()) == []


def test_right_file_is_kept_without_a_request(bare_folder, server):
    bare_folder.table(f'{server.url}/right/{NAME}')
    (bare_folder.path / NAME).write_bytes(MODEL)
    result = bare_folder.run()  # there is neither curl nor wget, nor a need for them
    assert f'{NAME} is already there' in result.stdout
    assert_right(result, bare_folder)
    assert server.requests == []


FAULTS = {
    'missing': 'server answered',
    'page': 'is a web page',
    'pointer': 'is a Git LFS pointer',
    'wrong': 'has the wrong checksum',
    'shorter': f'has {CUT} of {len(MODEL)} bytes',
    'longer': f'more than {len(MODEL)}',
    'empty': 'server sent nothing',
}


@pytest.mark.parametrize('fault', FAULTS)
def test_useless_server_leaves_nothing_and_is_named_last(fault, folder, server):
    folder.table(f'{server.url}/{fault}/{NAME}')
    result = folder.run()
    assert_missing(result, folder, FAULTS[fault])
    assert f'{server.url}/{fault}/{NAME}' in last_line(result.stderr)
    assert folder.files() == {}


@pytest.mark.parametrize('fault', [*FAULTS, 'cuts_always'])
def test_next_address_is_used_when_the_first_is(fault, folder, server):
    folder.table(f'{server.url}/{fault}/{NAME}', f'{server.url}/right/{NAME}')
    assert_right(folder.run(), folder)
    assert {f for f, _ in server.requests} == {fault, 'right'}


def test_next_address_is_used_when_nobody_listens_at_the_first(folder, server):
    with Server(('127.0.0.1', 0), Handler) as closed:
        port = closed.server_port
    folder.table(f'http://127.0.0.1:{port}/right/{NAME}', f'{server.url}/right/{NAME}')
    assert_right(folder.run(), folder)
    assert server.requests == [('right', None)]


def test_address_is_left_when_it_never_sends_the_whole_file(folder, server):
    folder.table(f'{server.url}/cuts_always/{NAME}')
    result = folder.run()
    assert result.returncode == 1
    assert NAME in last_line(result.stderr)
    assert NAME not in folder.files()
    assert folder.files().get(f'{NAME}.part', MODEL[:CUT]) == MODEL[:CUT]


def test_self_signed_certificate_is_refused(bare_folder, tmp_path):
    loaders = [tool for tool in ('curl', 'wget') if shutil.which(tool)]
    if not loaders or not shutil.which('openssl'):
        pytest.skip('needs openssl, and curl or wget')
    key, certificate = tmp_path / 'key.pem', tmp_path / 'certificate.pem'
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=127.0.0.1']
        + ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Server(('127.0.0.1', 0), Handler)
    server.requests = []
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        bare_folder.table(f'https://127.0.0.1:{server.server_port}/right/{NAME}')
        results = []
        for loader in loaders:
            bare_folder.install(loader)
            results.append(bare_folder.run())
            (bare_folder.bin / loader).unlink()
    for result in results:
        assert_missing(result, bare_folder, 'certificate not accepted')
    assert server.requests == []


def test_no_loader_is_said_so(bare_folder, server):
    bare_folder.table(f'{server.url}/right/{NAME}')
    result = bare_folder.run()
    assert result.returncode == 1
    assert f'{NAME} is missing, and neither curl nor wget is installed' in last_line(result.stderr)
    assert bare_folder.files() == {}


def test_mirror_is_tried_before_the_table(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    assert_right(folder.run('--mirror', f'{server.url}/cuts/'), folder)
    assert {fault for fault, _ in server.requests} == {'cuts'}


def test_table_is_used_when_the_mirror_fails(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    assert_right(folder.run('--mirror', f'{server.url}/missing'), folder)
    assert server.requests == [('missing', None), ('right', None)]


def test_names_choose_what_is_downloaded(folder, server):
    folder.table(f'{server.url}/missing/other.caffemodel', name='other.caffemodel')
    folder.table(f'{server.url}/right/{NAME}')
    assert_right(folder.run(NAME), folder)
    assert server.requests == [('right', None)]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['vgg'], f'unknown model vgg; known are: {NAME}'),
        (['--insecure'], 'unknown option --insecure'),
        (['--mirror'], '--mirror needs a value'),
        (['--timeout', '1m'], "--timeout is '1m'; expected whole seconds"),
        (['--table', 'none'], '--table: cannot read none'),
    ],
)
def test_wrong_argument_is_said_so(arguments, message, bare_folder, server):
    bare_folder.table(f'{server.url}/right/{NAME}')
    result = bare_folder.run(*arguments)
    assert result.returncode == 1
    assert message in last_line(result.stderr)
    assert bare_folder.files() == {}


def test_optional_model_that_is_missing_fails_but_says_what_works(folder, server):
    folder.table(f'{server.url}/missing/{NAME}', optional='the default model')
    folder.table(f'{server.url}/right/other.caffemodel', name='other.caffemodel')
    result = folder.run()
    assert result.returncode == 1
    line = last_line(result.stderr)
    assert line.startswith(f'download_models.sh: all but an optional model are in models/. {NAME}:')
    assert 'the default model works' in line
    assert folder.files() == {'other.caffemodel': MODEL}


def test_table_lists_what_the_original_downloads_in_its_order():
    text, _, _ = SCRIPT.read_text().partition('file VGG_ILSVRC_16')  # not without its name
    lines = [line.split(' ', 1) for line in text.splitlines() if ' ' in line]
    table = [(key, value) for key, value in lines if key in ('file', 'bytes', 'sum')]
    assert [value for key, value in table if key == 'file'] == [
        'VGG_ILSVRC_19_layers_deploy.prototxt',
        'vgg_normalised.caffemodel',
        'VGG_ILSVRC_19_layers.caffemodel',
    ]
    assert [value for key, value in table if key == 'bytes'] == [
        '5499',
        '70000000-90000000',  # the convolutions of VGG-19 alone are 20024384 floats
        '574671192',
    ]
    assert table[-2:] == [
        ('sum', 'sha1:239785e7862442717d831f682bb824055e51e9ba'),
        ('sum', 'md5:b5c644beabd7cf06bdd9065cfd674c97'),
    ]
