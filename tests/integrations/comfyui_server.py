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
FOLDER = ROOT / 'integrations' / 'comfyui'
WORKFLOW = json.loads((FOLDER / 'workflow.json').read_text())


class ComfyUI:
    """The server, with this pack as its only custom nodes, in a folder for its files."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.url = f'http://127.0.0.1:{free_port()}'
        for name in ('input', 'output', 'custom_nodes', 'models/neural_style'):
            (folder / name).mkdir(parents=True)
        (folder / 'custom_nodes' / 'neural_style').symlink_to(FOLDER)
        for name, source in (('content', 'scene'), ('style', 'strokes')):
            shutil.copy(DATA / 'inputs' / f'{source}.jpg', folder / 'input' / f'{name}.jpg')

    @contextlib.contextmanager
    def running(self):
        """Run the server on the CPU, offline."""
        python = os.environ.get(PYTHON) or sys.executable
        port = self.url.rpartition(':')[2]
        words = ['--cpu', '--port', port, '--base-directory', str(self.folder)]
        environment = os.environ | {'PYTHONPATH': str(ROOT)}
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


def prompt_inputs(node, input_types):
    """Return the inputs of a node of the example workflow, as ComfyUI's API has them."""
    sources = {number: [str(source), slot] for number, source, slot, *_ in WORKFLOW['links']}
    linked = {slot['name']: sources[slot['link']] for slot in node['inputs']}
    values = iter(node['widgets_values'])
    widgets = {}
    for name, (_, *options) in input_types['required'].items():
        if name not in linked:
            widgets[name] = next(values)
        if options and options[0].get('control_after_generate'):
            next(values)
    return {**linked, **widgets}


def prompt(comfyui, **values):
    """Return the example workflow for the API, with small pictures, few steps and other values."""
    small = {
        'NeuralStyle': {'size': 64, 'steps': 2},
        'FastNeuralStyle': {'size': 64},
        'TrainedNeuralStyle': {'size': 64},
    }
    nodes = {}
    for node in WORKFLOW['nodes']:
        kind = node['type']
        inputs = prompt_inputs(node, comfyui.get(f'object_info/{kind}')[kind]['input'])
        inputs |= {**small.get(kind, {}), **values.get(kind, {})}
        nodes[str(node['id'])] = {'class_type': kind, 'inputs': inputs}
    return nodes
