"""The server of -preview: a page on this machine alone."""

import contextlib
import importlib.resources
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from neural_style.command.arguments import Arguments
from neural_style.command.local_pages import (
    ADDRESS,
    names_this_machine,
    port_problem,
    ssh_remark,
)
from neural_style.command.preview import Preview
from neural_style.command.terminal import warn
from neural_style.distributed import World

TEMPLATES = importlib.resources.files('neural_style.command') / 'templates'
FILES = {
    '/': ('preview.html', 'text/html'),
    '/preview.css': ('preview.css', 'text/css'),
    '/preview.js': ('preview.js', 'text/javascript'),
    '/losses.js': ('losses.js', 'text/javascript'),
}
HEADERS = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}
SINCE = re.compile('[0-9]{1,12}')
PAGE_HEADER = 'X-Neural-Style'  # of the page's own POSTs: another site's would be asked about first
MAX_CONNECTIONS = 32  # at a time: each holds a file descriptor and a thread of the run
PAUSE = 0.01  # seconds before each request is read, so that many do not slow the run
FAREWELL = 2.0  # seconds that the page has to fetch the last picture


@contextlib.contextmanager
def preview_page(arguments: Arguments, world: World) -> Iterator[Arguments]:
    """Serve the page of -preview for the time of a run, or of a batch, if it is asked for.

    Yields the arguments with the page in them.  Raises ValueError if the port cannot be had.
    """
    if arguments.preview == 0 or arguments.dry_run or world.rank:
        yield arguments
        return
    preview = Preview()
    server = open_server(arguments.preview, preview)
    thread = threading.Thread(target=server.serve_forever, name='preview', daemon=True)
    thread.start()
    warn(address_remark(server.server_port))
    try:
        yield replace(arguments, page=preview)
    except KeyboardInterrupt:
        preview.end('stopped; the terminal says where picture and state are, and how to continue')
        raise
    except Exception:
        preview.end('ended by an error; the terminal says by which')
        raise
    finally:
        linger(preview)
        server.shutdown()
        server.server_close()
        thread.join()


def open_server(port: float, preview: Preview) -> 'PreviewServer':
    """Listen on a port of this machine.  Raises ValueError."""
    if not 1 <= port <= 65535 or port != int(port):
        raise ValueError(f'-preview {port}: give a port, a whole number from 1 to 65535')
    try:
        return PreviewServer(int(port), preview)
    except OSError as error:
        raise ValueError(f'-preview {port}: {port_problem(int(port), error)}') from error


def address_remark(port: int) -> str:
    """Say where the page is, and how to see it from another machine."""
    return f'the preview is at http://{ADDRESS}:{port}/{ssh_remark(port)}'


def linger(preview: Preview) -> None:
    """Give a page that is being looked at the time to fetch the end of the run."""
    end = time.monotonic() + FAREWELL
    while preview.has_viewer() and time.monotonic() < end:
        time.sleep(0.1)


class PreviewServer(ThreadingHTTPServer):
    """Serves the page of a Preview on this machine, to this machine."""

    daemon_threads = True
    allow_reuse_address = os.name == 'posix'  # on Windows it would share the port

    def __init__(self, port: int, preview: Preview):
        self.preview = preview
        self._turn = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__((ADDRESS, port), PreviewHandler)

    def wait_for_turn(self) -> None:
        """Wait until another request may be read."""
        with self._turn:
            time.sleep(PAUSE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; where there are too many already, hang up."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a viewer who goes away is no concern of the run."""


class PreviewHandler(BaseHTTPRequestHandler):
    """Answers the page's requests."""

    server: PreviewServer
    protocol_version = 'HTTP/1.1'
    timeout = 20  # seconds that a silent connection is kept

    def handle_one_request(self) -> None:
        self.server.wait_for_turn()
        super().handle_one_request()

    def do_GET(self) -> None:
        if not self._is_local():
            return
        try:
            url, preview = urlsplit(self.path), self.server.preview
        except ValueError:  # brackets that name no host
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if url.path in FILES:
            name, content_type = FILES[url.path]
            self._send((TEMPLATES / name).read_bytes(), f'{content_type}; charset=utf-8')
        elif url.path == '/state':
            since = parse_qs(url.query).get('since', ['0'])[0]
            state = preview.state(int(since) if SINCE.fullmatch(since) else 0)
            self._send(json.dumps(state).encode(), 'application/json')
        elif url.path == '/picture':
            self._send(preview.picture(), 'image/jpeg')
        elif url.path == '/content':
            self._send(preview.content(), 'image/jpeg')
        else:
            self._send(None)

    def do_POST(self) -> None:
        self.close_connection = True  # whatever the body is, it is not read
        if not self._is_local():
            return
        if self.headers.get(PAGE_HEADER) is None:
            self.send_error(HTTPStatus.FORBIDDEN, 'only the page itself may ask for this')
            return
        actions = {
            '/save': self.server.preview.request_save,
            '/stop': self.server.preview.request_stop,
        }
        action = actions.get(self.path)
        if action is None:
            self._send(None)
            return
        action()
        self._send(b'{}', 'application/json')

    def _is_local(self) -> bool:
        """Refuse requests under another name: a site whose name leads here may not ask."""
        if names_this_machine(self.headers.get('Host', '')):
            return True
        self.close_connection = True
        self.send_error(HTTPStatus.FORBIDDEN, f'ask for http://{ADDRESS}')
        return False

    def _send(self, content: bytes | None, content_type: str = '') -> None:
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(content)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the terminal is the run's."""
