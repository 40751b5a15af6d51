"""A page that is served, and a browser that looks at it; skipped where either is missing."""

import os
import shutil
from pathlib import Path

import pytest
from samples import ROOT
from served_page import Page, Viewer

from neural_style.web.queue import PaintingQueue

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = [
    *('--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
    *('--disable-background-networking', '--disable-component-update', '--disable-sync'),
    *('--disable-dev-shm-usage', '--use-fake-device-for-media-stream'),
]
SCREENSHOTS = 'NEURAL_STYLE_SCREENSHOTS'  # a folder to keep them in


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Return a queue, not open, for painters with one thread and this copy of the program."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.chdir(tmp_path)
    return PaintingQueue(tmp_path / 'results', limit=3)


@pytest.fixture
def served(tmp_path):
    pytest.importorskip('gradio', reason='needs the extra [web]')
    page = Page(tmp_path)
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
def shots(tmp_path):
    """Return the folder of screenshots."""
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path / 'screenshots')
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
