"""Notebooks: the picture grows in them, and the example runs."""

import base64
import io
import re

import pytest
import torch
from PIL import Image
from samples import ROOT

from neural_style import Iterate
from neural_style.notebook import html

EXAMPLE = ROOT / 'examples' / 'notebook.ipynb'


def test_notebook_shows_picture_bar_and_loss():
    iterate = Iterate(3, 10, torch.zeros(3, 90, 60), torch.tensor(1234.5), torch.zeros(3, 90, 60))
    text = html(iterate, longest_side=32, seconds=2.0)
    assert 'value="3"' in text and 'max="10"' in text and 'loss 1234' in text
    data = base64.b64decode(re.search('base64,([^"]+)', text)[1])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (20, 30)


@pytest.mark.slow
@pytest.mark.filterwarnings('default')  # of Jupyter's own packages
def test_example_notebook_runs(monkeypatch):
    nbformat = pytest.importorskip('nbformat', reason='needs nbformat')
    nbclient = pytest.importorskip('nbclient', reason='needs nbclient and ipykernel')
    pytest.importorskip('ipykernel', reason='needs ipykernel')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    notebook = nbformat.read(EXAMPLE, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('320', '48')
        cell.source = re.sub(r'num_iterations=\d+', 'num_iterations=3', cell.source)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={'metadata': {'path': str(EXAMPLE.parent)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get('outputs', [])]
    assert any('data:image/jpeg' in str(output.get('data')) for output in outputs)
