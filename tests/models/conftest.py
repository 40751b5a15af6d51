"""The server of models, and folders with models/download_models.sh."""

import pytest
from model_server import LOADERS, Folder, Handler, Server
from servers import running


@pytest.fixture(scope='module')
def running_server():
    server = Server(('127.0.0.1', 0), Handler)
    with running(server) as server.url:
        yield server


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
