"""Cameras: whose frame is painted when, and what is refused."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from samples import DATA

from neural_style.command.trained_styles import shipped_styles
from neural_style.web import live
from neural_style.web.live import Cameras, PaintingProcess, RefusedError

CAMERA = 'camera-1'
STYLE = 'some/style.safetensors'


class Painter:
    """A painter that answers with the frame, once it may."""

    def __init__(self):
        self.may_paint = threading.Event()
        self.may_paint.set()
        self.requests = []
        self.closed = threading.Event()

    def paint(self, request, frame):
        self.requests.append(request)
        assert self.may_paint.wait(10)
        return b'painted ' + frame

    def close(self):
        self.closed.set()


@pytest.fixture
def cameras():
    cameras = Cameras(2)
    cameras.painter = Painter()
    return cameras


def paint(cameras, camera=CAMERA, frame=b'frame', **query):
    """Return a painted frame, or why it is refused: (status, text)."""
    return asyncio.run(answer(cameras, camera, frame, **query))


async def answer(cameras, camera=CAMERA, frame=b'frame', **query):
    try:
        return await cameras.paint(camera, {'style': cameras.offer(STYLE), **query}, frame)
    except RefusedError as error:
        return error.status, str(error)


def test_frame_is_painted_as_the_page_says(cameras):
    assert paint(cameras, strength='0.5', weights='0,2.5') == b'painted frame'
    assert cameras.painter.requests == [
        {
            'camera': CAMERA,
            'max_size': 512,
            'style': STYLE,
            'strength': 0.5,
            'weights': [0, 2.5],
        }
    ]


@pytest.mark.parametrize(
    ('query', 'status'),
    [
        ({'style': ''}, 404),
        ({'style': STYLE}, 404),  # no path opens a file
        ({'strength': '1.1'}, 400),
        ({'strength': 'nan'}, 400),
        ({'strength': 'much'}, 400),
        ({'weights': '1,-1'}, 400),
        ({'weights': 'inf'}, 400),
        ({'camera': '../x'}, 400),
        ({'frame': bytes(live.MAX_BYTES + 1)}, 413),
    ],
    ids=str,
)
def test_what_cannot_be_painted_is_refused_before_the_painter_sees_it(cameras, query, status):
    assert paint(cameras, **query)[0] == status
    assert cameras.painter.requests == []
    assert paint(cameras) == b'painted frame'


@pytest.mark.parametrize(
    ('limit', 'sizes'), [(2048, [256, 384, 512]), (400, [256, 384]), (128, [128])]
)
def test_sizes_keep_to_the_limit_of_the_page(limit, sizes):
    assert Cameras(1, limit).sizes == sizes


def test_names_of_styles_cannot_be_guessed(cameras):
    name = cameras.offer(STYLE)
    assert cameras.offer(STYLE) == name != Cameras(1).offer(STYLE) and len(name) == 32


def test_second_frame_of_a_camera_is_dropped_and_cameras_take_turns(cameras):
    async def ask():
        painter = cameras.painter
        painter.may_paint.clear()
        first = asyncio.create_task(answer(cameras, 'camera-1', b'1'))
        other = asyncio.create_task(answer(cameras, 'camera-2', b'2'))
        await asyncio.sleep(0)
        dropped = await answer(cameras, 'camera-1', b'3')
        painter.may_paint.set()
        return dropped[0], await first, await other, await answer(cameras, 'camera-1', b'4')

    assert asyncio.run(ask()) == (429, b'painted 1', b'painted 2', b'painted 4')
    painted = [request['camera'] for request in cameras.painter.requests]
    assert painted == ['camera-1', 'camera-2', 'camera-1']


def test_camera_above_the_limit_waits_until_another_has_gone(cameras, monkeypatch):
    for camera in ('camera-1', 'camera-2'):
        assert paint(cameras, camera) == b'painted frame'
    assert paint(cameras, 'camera-3')[0] == 503
    cameras.leave('camera-1')
    assert paint(cameras, 'camera-3') == b'painted frame'
    assert paint(cameras, 'camera-1')[0] == 503
    monkeypatch.setattr(live, 'SILENCE', 0.0)
    assert paint(cameras, 'camera-1') == b'painted frame'


def test_painter_ends_when_no_frame_has_come_for_a_while(cameras, monkeypatch):
    monkeypatch.setattr(live, 'IDLE', 0.05)

    async def ask():
        await answer(cameras)
        assert not cameras.painter.closed.is_set()
        await asyncio.sleep(0.2)

    asyncio.run(ask())
    assert cameras.painter.closed.is_set()


def test_painter_that_dies_is_told_and_started_again(monkeypatch):
    ends = [b'', b'{"problem": "", "bytes": 9}\nshort', b'{"problem": "", "bytes": 4}\ngood']
    ended = []

    def start():
        answers = SimpleNamespace(content=ends.pop(0))

        def readline():
            line, _, answers.content = answers.content.partition(b'\n')
            return line

        return SimpleNamespace(
            stdin=SimpleNamespace(write=lambda text: None, flush=lambda: None),
            stdout=SimpleNamespace(readline=readline, read=lambda count: answers.content[:count]),
            kill=lambda: ended.append('killed'),
            communicate=lambda: ended.append('waited for'),
        )

    monkeypatch.setattr(live, 'start', start)
    process = PaintingProcess()
    for _ in range(2):
        with pytest.raises(RefusedError, match='ended unexpectedly'):
            process.paint({}, b'')
    assert process.paint({}, b'') == b'good'
    assert ended == ['killed', 'waited for'] * 2


@pytest.mark.slow
def test_process_paints_refuses_and_stays():
    process = PaintingProcess()
    request = {
        'camera': CAMERA,
        'max_size': 512,
        'style': shipped_styles()['swirls'],
        'strength': 1,
        'weights': [],
    }
    frame = (DATA / 'inputs' / 'scene.jpg').read_bytes()
    try:
        painted = process.paint(request, frame)
        assert painted.startswith(b'\xff\xd8') and painted != frame
        with pytest.raises(RefusedError, match='no JPEG'):
            process.paint(request, b'hello')
        begun = time.monotonic()
        assert process.paint(request, frame).startswith(b'\xff\xd8')
        assert time.monotonic() - begun < 2  # it is still there
    finally:
        process.close()
