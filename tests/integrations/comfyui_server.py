"""A real ComfyUI, where the environment variable COMFYUI names a checkout, in a process of its own.

COMFYUI_PYTHON is the Python that has what ComfyUI needs; by default that of the tests.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from documented import free_port
from samples import DATA, ROOT

CHECKOUT, PYTHON = 'COMFYUI', 'COMFYUI_PYTHON'
PATIENCE = 180  # seconds


class ComfyUI:
    """The server, with this pack as its only custom nodes, in a folder for its files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.url = f'http://127.0.0.1:{free_port()}'
        for name in ('input', 'output', 'custom_nodes', 'models/neural_style'):
            (folder / name).mkdir(parents=True)
        (folder / 'custom_nodes' / 'neural_style').symlink_to(ROOT / 'integrations' / 'comfyui')
        for name, source in (('content', 'scene'), ('style', 'strokes')):
            shutil.copy(DATA / 'inputs' / f'{source}.jpg', folder / 'input' / f'{name}.jpg')

    @contextlib.contextmanager
    def running(self):
        """Run the server on the CPU, offline."""
        python = os.environ.get(PYTHON) or sys.executable
        port = self.url.rpartition(':')[2]
        words = ['--cpu', '--port', port, '--base-directory', str(self.folder)]
        environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        with open(self.folder / 'log.txt', 'wb') as log:
            process = subprocess.Popen(
                [python, 'main.py', *words, '--disable-api-nodes'],
                cwd=os.environ[CHECKOUT],
                env=environment,
                stdout=log,
                stderr=log,
            )
            try:
                self.wait_until(self.is_ready, process)
                yield self
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def is_ready(self):
        try:
            return self.get('system_stats')
        except (urllib.error.URLError, ConnectionError):
            return None

    def get(self, path):
        with urllib.request.urlopen(f'{self.url}/{path}', timeout=60) as answer:
            return json.load(answer)

    def post(self, path, **content):
        request = urllib.request.Request(f'{self.url}/{path}', json.dumps(content).encode())
        request.add_header('Content-Type', 'application/json')
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def queue(self, workflow):
        """Queue a workflow; returns its name."""
        return json.loads(self.post('prompt', prompt=workflow))['prompt_id']

    def result(self, name):
        """Return the status of a workflow that has ended: success or error, and its messages."""
        entry = self.wait_until(lambda: self.get(f'history/{name}').get(name))
        return entry['status']['status_str'], [event for event, _ in entry['status']['messages']]

    def wait_until(self, condition, process=None):
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            has_ended = process is not None and process.poll() is not None
            assert not has_ended and time.monotonic() < deadline, self.log()
            time.sleep(0.2)
        return value

    def log(self):
        return (self.folder / 'log.txt').read_text()
