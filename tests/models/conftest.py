"""The server of models, and folders with models/download_models.sh."""

import threading

import pytest
from model_server import LOADERS, Folder, Handler, Server


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
    """Return the server, with no request yet in its list of (fault, Range)."""
    running_server.requests = []
    return running_server


@pytest.fixture
def bare_folder(tmp_path):
    """Return a folder where nothing can load, and only sha256sum sums."""
    folder = Folder(tmp_path)
    folder.install('sha256sum')
    return folder


@pytest.fixture(params=LOADERS)
def folder(request, bare_folder):
    """Return a folder where one of the loaders is all that can load."""
    bare_folder.install(request.param)
    return bare_folder
