"""Servers on this machine, for the time of a test."""

import contextlib
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def folder_server(folder):
    """Return a server of the files in a folder."""
    handler = functools.partial(QuietHandler, directory=folder)
    return ThreadingHTTPServer(('127.0.0.1', 0), handler)


@contextlib.contextmanager
def running(server):
    """Let a server run; yields its address.

    Its thread is ended before its socket is closed: on a closed one it would never wait again.
    """
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}'
        finally:
            server.shutdown()
            thread.join()
