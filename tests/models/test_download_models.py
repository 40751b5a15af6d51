"""models/download_models.sh against a server on this machine that fails in every way we know of."""

import hashlib
import os
import random
import shutil
import signal
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from samples import ROOT

SCRIPT = ROOT / 'models' / 'download_models.sh'
NAME = 'vgg.caffemodel'
# A model in small: begins as a NetParameter does, with the field 1 of protobuf, and no page does.
MODEL = b'\x0a' + random.Random(1).randbytes(2_499)
WRONG = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
PAGE = b'\n<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n'
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2500\n'
CUT = len(MODEL) * 2 // 5  # bytes after which a server that cuts or stalls does so
BIG = 100 * MODEL  # more than curl holds back before it writes

# What the script runs, but for the tools that load and the tools that sum.
NEEDED = ['awk', 'cat', 'dd', 'dirname', 'grep', 'mv', 'od', 'printf', 'rm', 'sed', 'tr', 'wc']
LOADERS = ['curl', 'wget']


class Handler(BaseHTTPRequestHandler):
    """Answer /FAULT/NAME with MODEL, or with what FAULT makes of it."""

    def do_GET(self):
        fault = self.path.split('/')[1]
        ranged = self.headers.get('Range')
        self.server.requests.append((fault, ranged))
        if fault == 'missing':
            return self.send_error(404)
        if ranged and fault == 'refuses_ranges':
            return self.send_error(416)
        body = {
            'wrong': WRONG,
            'page': PAGE,
            'pointer': POINTER,
            'empty': b'',
            'shorter': MODEL[:CUT],
            'longer': MODEL + b'more',
            'big': BIG,
            'big_stalls': BIG,
        }.get(fault, MODEL)

        start = 0
        if ranged and fault not in ('no_ranges', 'page', 'cuts_always'):
            start = int(ranged.removeprefix('bytes=').removesuffix('-'))
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(body) - 1}/{len(body)}')
        self.send_header('Content-Length', str(len(body) - start))
        self.end_headers()
        stalls = fault in ('stalls', 'big_stalls') and not start
        broken = stalls or fault in ('cuts', 'cuts_always')
        self.wfile.write(
            body[start : start + CUT * len(body) // len(MODEL)] if broken else body[start:]
        )
        if stalls:
            self.wfile.flush()
            self.connection.recv(1)  # until the client hangs up

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the threads, so that none outlives the tests

    def handle_error(self, request, client_address):
        pass  # the client hung up, which is its right


@pytest.fixture(scope='module')
def running_server():
    with Server(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        server.url = f'http://127.0.0.1:{server.server_port}'
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running_server):
    """The server, with no request yet in its list of (fault, Range)."""
    running_server.requests = []
    return running_server


class Folder:
    """A models/ with the script in it, and a PATH with no more tools than the test names."""

    def __init__(self, path):
        self.path = path / 'models'
        self.path.mkdir()
        self.bin = path / 'bin'
        self.bin.mkdir()
        shutil.copy(SCRIPT, self.path)
        self.install(*NEEDED)

    def install(self, *tools):
        for tool in tools:
            found = shutil.which(tool)
            if not found:
                pytest.skip(f'{tool} is not installed')
            (self.bin / tool).symlink_to(found)

    def table(self, *addresses, name=NAME, size=None, sums=None, optional=None):
        """Add an entry to the table that the script is given."""
        lines = [f'file {name}', f'bytes {size or len(MODEL)}']
        lines += [f'sum {s}' for s in sums or [f'sha256:{hashlib.sha256(MODEL).hexdigest()}']]
        lines += [f'from {address}' for address in addresses]
        lines += [f'optional {optional}'] if optional else []
        with open(self.path.parent / 'table', 'a') as table:
            table.write('\n'.join(lines) + '\n\n')

    def command(self, *arguments, shell='sh'):
        """What to run and how: from the folder above, as the README says."""
        command = [*shell.split(), 'models/download_models.sh', '--timeout', '1']
        command += ['--table', 'table', *arguments]
        command[0] = shutil.which(command[0])
        environment = {'PATH': str(self.bin), 'HOME': str(self.path), 'no_proxy': '*'}
        return command, {'cwd': self.path.parent, 'env': environment}

    def run(self, *arguments, shell='sh'):
        command, how = self.command(*arguments, shell=shell)
        return subprocess.run(command, **how, capture_output=True, text=True, timeout=30)

    def files(self):
        """The contents of the folder, but for the script."""
        return {p.name: p.read_bytes() for p in self.path.iterdir() if p.name != SCRIPT.name}


@pytest.fixture
def bare_folder(tmp_path):
    """A folder where nothing can load, and only sha256sum sums."""
    folder = Folder(tmp_path)
    folder.install('sha256sum')
    return folder


@pytest.fixture(params=LOADERS)
def folder(request, bare_folder):
    """A folder where one of the loaders is all that can load."""
    bare_folder.install(request.param)
    return bare_folder


def last_line(text):
    return text.strip().splitlines()[-1]


def assert_right(result, folder, **others):
    assert result.returncode == 0, result.stdout + result.stderr
    assert last_line(result.stdout) == f'All models are in models/: {NAME}'
    assert folder.files() == {NAME: MODEL, **others}


def assert_missing(result, folder, fault):
    assert result.returncode == 1, result.stdout + result.stderr
    line = last_line(result.stderr)
    assert line.startswith('download_models.sh: models are missing from models/.')
    assert NAME in line
    assert fault in line
    assert 'Run it again' in line
    assert NAME not in folder.files()


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


def test_file_cut_off_by_the_server_is_resumed_until_whole(folder, server):
    folder.table(f'{server.url}/cuts/{NAME}')
    assert_right(folder.run(), folder)
    assert [r for _, r in server.requests] == [None, f'bytes={CUT}-', f'bytes={2 * CUT}-']


def test_file_of_a_stalled_server_is_resumed(folder, server):
    folder.table(f'{server.url}/stalls/{NAME}')
    assert_right(folder.run(), folder)
    assert server.requests == [('stalls', None), ('stalls', f'bytes={CUT}-')]


def test_part_of_an_earlier_run_is_resumed(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=1500-')]


def test_part_that_is_whole_is_moved_without_a_request(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL)
    assert_right(folder.run(), folder)
    assert server.requests == []


@pytest.mark.parametrize('part', [WRONG, MODEL + b'more', PAGE], ids=['wrong', 'longer', 'page'])
def test_part_that_cannot_become_right_is_dropped_at_once(part, folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(part)
    assert_right(folder.run(), folder)
    assert server.requests == [('right', None)]


def test_part_of_another_file_is_fetched_afresh_after_one_try(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(WRONG[::-1][:100])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=100-'), ('right', None)]


def test_right_file_is_kept_without_a_request(bare_folder, server):
    bare_folder.table(f'{server.url}/right/{NAME}')
    (bare_folder.path / NAME).write_bytes(MODEL)
    result = bare_folder.run()  # there is neither curl nor wget, nor a need for them
    assert f'{NAME} is already there' in result.stdout
    assert_right(result, bare_folder)
    assert server.requests == []


def test_short_file_is_resumed(folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / NAME).write_bytes(MODEL[:500])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=500-')]


def test_short_file_is_not_left_under_its_name_when_resuming_fails(folder, server):
    folder.table(f'{server.url}/missing/{NAME}')
    (folder.path / NAME).write_bytes(MODEL[:500])
    assert_missing(folder.run(), folder, 'server answered')
    assert folder.files() == {f'{NAME}.part': MODEL[:500]}


@pytest.mark.parametrize('wrong', [WRONG, PAGE, POINTER], ids=['wrong', 'page', 'pointer'])
def test_wrong_file_is_set_aside_and_replaced(wrong, folder, server):
    folder.table(f'{server.url}/right/{NAME}')
    (folder.path / NAME).write_bytes(wrong)
    result = folder.run()
    assert f'set aside as {NAME}.wrong' in result.stdout
    assert_right(result, folder, **{f'{NAME}.wrong': wrong})


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


@pytest.mark.parametrize('part', [MODEL[:100], WRONG[::-1][:100]], ids=['right part', 'wrong part'])
@pytest.mark.parametrize('fault', ['no_ranges', 'refuses_ranges'])
def test_file_is_right_from_a_server_that_does_not_resume(fault, part, folder, server):
    folder.table(f'{server.url}/{fault}/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(part)
    assert_right(folder.run(), folder)


def test_file_is_fetched_afresh_when_curl_calls_416_an_error(bare_folder):
    # As curl did before it took 416 for the end of the file: status 22 and nothing written.
    curl = bare_folder.bin / 'curl'
    curl.write_text(
        '#!/bin/sh\n'
        f'if [ -e {NAME}.part ]; then printf 416; exit 22; fi\n'
        f'cat ../sent >{NAME}.part; printf 200\n'
    )
    curl.chmod(0o755)
    (bare_folder.path.parent / 'sent').write_bytes(MODEL)
    bare_folder.table(f'http://127.0.0.1/{NAME}')
    (bare_folder.path / f'{NAME}.part').write_bytes(MODEL[:100])
    assert_right(bare_folder.run(), bare_folder)


def test_part_is_kept_for_the_next_address_when_the_first_does_not_resume(folder, server):
    folder.table(f'{server.url}/refuses_ranges/{NAME}', f'{server.url}/right/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_right(folder.run(), folder)
    assert server.requests == [('refuses_ranges', 'bytes=1500-'), ('right', 'bytes=1500-')]


def test_part_is_kept_when_every_server_is_gone(folder, server):
    folder.table(f'{server.url}/missing/{NAME}')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:1_500])
    assert_missing(folder.run(), folder, 'server answered')
    assert folder.files() == {f'{NAME}.part': MODEL[:1_500]}


def test_interrupt_keeps_the_part_for_the_next_run(folder, server):
    sums = [f'sha256:{hashlib.sha256(BIG).hexdigest()}']
    folder.table(f'{server.url}/big_stalls/{NAME}', size=len(BIG), sums=sums)
    part = folder.path / f'{NAME}.part'
    command, how = folder.command('--timeout', '20')
    with subprocess.Popen(
        command, **how, stdout=-1, stderr=-1, text=True, start_new_session=True
    ) as run:
        deadline = time.monotonic() + 10
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the shell and to what it runs
        _, errors = run.communicate(timeout=10)
    assert run.returncode == 1
    assert 'interrupted; run it again' in last_line(errors)
    assert list(folder.files()) == [part.name]
    left = part.read_bytes()
    assert left and BIG.startswith(left)

    server.requests.clear()
    result = folder.run('--mirror', f'{server.url}/big')
    assert result.returncode == 0, result.stderr
    assert folder.files() == {NAME: BIG}
    assert server.requests == [('big', f'bytes={len(left)}-')]


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
    with Server(('127.0.0.1', 0), Handler) as server:
        server.requests = []
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        bare_folder.table(f'https://127.0.0.1:{server.server_port}/right/{NAME}')
        results = []
        for loader in loaders:
            bare_folder.install(loader)
            results.append(bare_folder.run())
            (bare_folder.bin / loader).unlink()
        server.shutdown()
        thread.join()
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


def sums_of(model):
    named = [f'{a}:{hashlib.new(a, model).hexdigest()}' for a in ('sha256', 'sha1', 'md5')]
    blob = hashlib.sha1(b'blob %d\0' % len(model) + model).hexdigest()  # as git hash-object does
    return [*named, f'gitblob:{blob}']


@pytest.mark.parametrize('tool', ['sha256sum', 'sha1sum', 'md5sum', 'shasum', 'openssl', 'md5'])
def test_sum_is_checked_by_whichever_tool_there_is(tool, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install(tool, 'curl' if shutil.which('curl') else 'wget')
    folder.table(f'{server.url}/wrong/{NAME}', f'{server.url}/right/{NAME}', sums=sums_of(MODEL))
    result = folder.run()
    assert f'{NAME} has the wrong checksum, from {server.url}/wrong/{NAME}' in result.stdout
    assert 'no tool' not in result.stdout
    assert_right(result, folder)


@pytest.mark.parametrize('tool', ['sha1sum', 'shasum', 'openssl'])
def test_sum_of_git_is_checked(tool, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install(tool, 'curl' if shutil.which('curl') else 'wget')
    addresses = [f'{server.url}/wrong/{NAME}', f'{server.url}/right/{NAME}']
    folder.table(*addresses, sums=sums_of(MODEL)[3:])
    assert_right(folder.run(), folder)
    assert server.requests == [('wrong', None), ('right', None)]


@pytest.mark.parametrize('sums', [sums_of(MODEL)[::3], [*sums_of(WRONG)[:1], *sums_of(MODEL)[1:]]])
def test_one_sum_of_several_is_proof(sums, bare_folder, server):
    bare_folder.install('sha1sum')
    bare_folder.table(sums=sums)
    (bare_folder.path / NAME).write_bytes(MODEL)
    assert_right(bare_folder.run(), bare_folder)


def test_size_and_kind_are_all_that_is_checked_without_a_tool_which_is_said(tmp_path, server):
    folder = Folder(tmp_path)
    folder.install('curl' if shutil.which('curl') else 'wget')
    folder.table(f'{server.url}/shorter/{NAME}', f'{server.url}/right/{NAME}')
    result = folder.run()
    assert f'{NAME}: no tool for its checksum here' in result.stdout
    assert_right(result, folder)
    assert {fault for fault, _ in server.requests} == {'shorter', 'right'}


@pytest.mark.parametrize('name', ['text.caffemodel', 'text.prototxt'])
def test_text_of_the_right_size_is_no_model_even_without_a_tool(name, tmp_path, server):
    folder = Folder(tmp_path)
    folder.install('curl' if shutil.which('curl') else 'wget')
    text = b'Too many requests'
    folder.table(name=name, size=len(text))
    (folder.path / name).write_bytes(text)
    result = folder.run()
    assert result.returncode == 1
    assert f'{name} is not a {name.split(".")[1]}: set aside as {name}.wrong' in result.stdout
    assert folder.files() == {f'{name}.wrong': text}


def test_file_of_unknown_size_is_resumed_when_cut_off_within_the_range(folder, server):
    folder.table(f'{server.url}/cuts/{NAME}', size='1500-3000')
    assert_right(folder.run(), folder)
    assert [r for _, r in server.requests] == [None, f'bytes={CUT}-', f'bytes={2 * CUT}-']


def test_part_of_a_file_of_unknown_size_is_resumed_from_within_the_range(folder, server):
    folder.table(f'{server.url}/right/{NAME}', size='1500-3000')
    (folder.path / f'{NAME}.part').write_bytes(MODEL[:2_000])
    assert_right(folder.run(), folder)
    assert server.requests == [('right', 'bytes=2000-')]


@pytest.mark.parametrize('size', ['3000-3500', '1500-2000'])
def test_file_of_unknown_size_is_refused_outside_the_range(size, folder, server):
    folder.table(f'{server.url}/right/{NAME}', size=size)
    assert_missing(folder.run(), folder, 'bytes')
    assert folder.files() == {}


def test_table_lists_what_the_original_downloads_in_its_order():
    lines = [line.split(' ', 1) for line in SCRIPT.read_text().splitlines() if ' ' in line]
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
