"""A page that is served, and a browser that looks at it; skipped where either is missing."""

import os
import shutil
from pathlib import Path

import forked
import pytest
from samples import ROOT
from served_page import Page, Viewer

from neural_style.web.queue import PaintingQueue
from neural_style.web.server import QUIET

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = [
    *('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
    *('--disable-background-networking', '--disable-component-update', '--disable-sync'),
    *('--disable-dev-shm-usage', '--use-fake-device-for-media-stream'),
]
SCREENSHOTS = 'NEURAL_STYLE_SCREENSHOTS'  # a folder to keep them in


def pytest_collection_finish(session):
    """Import what a page needs once, where tests will start pages."""
    if any('served' in getattr(item, 'fixturenames', ()) for item in session.items):
        forked.PRELOADED.append('neural_style.web.page')
        forked.ENVIRONMENT.update(QUIET)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Return a queue, not open, for painters of this copy of the program."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.chdir(tmp_path)
    return PaintingQueue(tmp_path / 'results', limit=3)


@pytest.fixture
def served(tmp_path, fork_process):
    pytest.importorskip('gradio', reason='needs the extra [web]')
    page = Page(tmp_path, fork_process)
    try:
        yield page
    finally:
        page.end()


@pytest.fixture(scope='session')
def chromium():
    """Return a browser."""
    api = pytest.importorskip('playwright.sync_api', reason='needs playwright')
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f'needs a browser: one of {", ".join(BROWSERS)}')
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shots():
    """Return the folder of screenshots; None if nobody has asked for them."""
    if not os.environ.get(SCREENSHOTS):
        return None
    folder = Path(os.environ[SCREENSHOTS])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def look(chromium, served, shots):
    """Return a function that opens the page in a tab of its own."""
    viewers = []

    def look(**options):
        viewers.append(Viewer(chromium, served.url, shots, **options))
        return viewers[-1]

    yield look
    for viewer in viewers:
        viewer.context.close()
