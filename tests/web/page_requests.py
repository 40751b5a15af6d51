"""Requests of the page, as tests make them."""

import time
from types import SimpleNamespace

from PIL import Image
from samples import DATA

from neural_style.web.actions import Request
from neural_style.web.choices import Choices

LIMITS = SimpleNamespace(max_upload=8, max_image_size=512, max_iterations=5000, max_frames=8)
PATIENCE = 60  # seconds


def request(**chosen):
    inputs = DATA / 'inputs'
    choices = Choices(**{'size': 64, 'steps': 2, **chosen})
    return Request(str(inputs / 'scene.jpg'), str(inputs / 'strokes.jpg'), choices)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def clip_request(path, count, **chosen):
    """Return a request to paint a GIF of so many frames."""
    scene = Image.open(DATA / 'inputs' / 'scene.jpg').resize((64, 48))
    others = [scene.rotate(4 * number) for number in range(1, count)]
    scene.save(path, save_all=True, append_images=others, duration=40)
    return Request(**{**vars(request(**chosen)), 'content': str(path)})
