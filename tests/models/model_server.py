"""A server of models that fails in every way we know of, and a folder to download into."""

import hashlib
import random
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from samples import ROOT

SCRIPT = ROOT / 'models' / 'download_models.sh'  # a link to the one of the package
NAME = 'vgg.caffemodel'
# A model in small: begins as a NetParameter does, with the field 1 of protobuf, and no page does.
MODEL = b'\x0a' + random.Random(1).randbytes(2_499)
WRONG = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
PAGE = b'\n<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n'
POINTER = b'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2500\n'
CUT = len(MODEL) * 2 // 5  # bytes after which a server that cuts or stalls does so
BIG = 100 * MODEL  # more than curl holds back before it writes
# What the script runs, but for the tools that load and the tools that sum.
NEEDED = 'awk cat dd dirname grep mkdir mv od printf rm sed tr wc'.split()
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
            program = shutil.which(tool)
            if not program:
                pytest.skip(f'{tool} is not installed')
            (self.bin / tool).symlink_to(program)

    def table(self, *addresses, name=NAME, size=None, sums=None, optional=None, more=()):
        """Add an entry to the table that the script is given.  more: lines of other kinds."""
        lines = [f'file {name}', f'bytes {size or len(MODEL)}']
        lines += [f'sum {s}' for s in sums or [f'sha256:{hashlib.sha256(MODEL).hexdigest()}']]
        lines += [f'from {address}' for address in addresses]
        lines += [f'optional {optional}'] if optional else []
        lines += more
        with open(self.path.parent / 'table', 'a') as table:
            table.write('\n'.join(lines) + '\n\n')

    def command(self, *arguments, shell='sh'):
        """Return what to run and how: from the folder above, as the README says."""
        command = [*shell.split(), 'models/download_models.sh', '--timeout', '1']
        command += ['--table', 'table', *arguments]
        command[0] = shutil.which(command[0])
        environment = {'PATH': str(self.bin), 'HOME': str(self.path), 'no_proxy': '*'}
        return command, {'cwd': self.path.parent, 'env': environment}

    def run(self, *arguments, shell='sh'):
        command, how = self.command(*arguments, shell=shell)
        return subprocess.run(command, **how, capture_output=True, text=True, timeout=30)

    def files(self):
        """Return the contents of the folder, but for the script."""
        return {p.name: p.read_bytes() for p in self.path.iterdir() if p.name != SCRIPT.name}


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
