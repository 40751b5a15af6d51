"""What the server answers beside the page itself."""

import socket
from types import SimpleNamespace

import pytest

from neural_style.web.live import Cameras, RefusedError
from neural_style.web.server import add_live_routes, open_socket


@pytest.fixture
def client():
    """Return a browser of sorts, and the cameras that it talks to."""
    fastapi = pytest.importorskip('fastapi', reason='needs the extra [web]')
    from fastapi.testclient import TestClient

    app = fastapi.FastAPI()
    cameras = Cameras(1)
    add_live_routes(app, cameras)
    return TestClient(app), cameras


def test_frames_come_back_and_nobody_keeps_them(client):
    browser, cameras = client
    cameras.painter = SimpleNamespace(paint=lambda request, frame: frame[::-1], close=None)
    style = cameras.offer('x.safetensors')
    address = f'/live/camera-1/frame?style={style}&strength=0.5&weights='
    answer = browser.post(address, content=b'frame')
    assert (answer.status_code, answer.content) == (200, b'emarf')
    assert answer.headers['content-type'] == 'image/jpeg'
    assert answer.headers['cache-control'] == 'no-store'
    other = address.replace('camera-1', 'camera-2')
    assert browser.post(other, content=b'frame').status_code == 503
    assert browser.post('/live/camera-1/end').status_code == 204
    assert browser.post(other, content=b'frame').status_code == 200


def test_refusals_are_told_without_folders_of_the_machine(client):
    browser, cameras = client

    def refuse(request, frame):
        raise RefusedError(400, "[Errno 2] No such file: '/secret/place/x.safetensors'")

    cameras.painter = SimpleNamespace(paint=refuse, close=None)
    address = f'/live/camera-1/frame?style={cameras.offer("x")}'
    answer = browser.post(address, content=b'frame')
    assert answer.status_code == 400 and answer.headers['content-type'].startswith('text/plain')
    assert answer.text == "[Errno 2] No such file: 'x.safetensors'"
    assert browser.post('/live/camera-1/frame').status_code == 404


def test_answers_do_not_wait_for_acknowledgements():
    with open_socket('127.0.0.1', 0) as listening:
        with socket.create_connection(listening.getsockname()):
            connection, _ = listening.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
