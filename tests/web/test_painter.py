"""The painter and the queue: jobs are painted, paused, continued, and survive the page."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from page_requests import LIMITS, clip_request, request, wait_until
from samples import DATA

from neural_style.command.preview import Preview
from neural_style.command.recipe import read
from neural_style.web import actions as page_actions
from neural_style.web import painter
from neural_style.web.actions import Actions, Request
from neural_style.web.choices import FAST
from neural_style.web.gallery import gallery
from neural_style.web.job import FRAMES, LIVE, PICTURE, STATE, VIDEO, create, jobs, start
from neural_style.web.queue import PaintingQueue, QueueFullError
from neural_style.web.server import view


def test_jobs_wait_in_their_order_and_no_more_than_may(queue):
    actions = Actions(LIMITS, queue)
    waiting = [actions.paint(request()) for _ in range(3)]
    assert [queue.position(job) for job in waiting] == [0, 1, 2]
    with pytest.raises(QueueFullError, match='3 pictures are waiting'):
        actions.paint(request())
    actions.end(waiting[0], 'stop')
    assert [queue.position(job) for job in waiting[1:]] == [0, 1]
    assert waiting[0].state == 'stopped'


def test_ten_users_see_their_places(queue):
    queue.limit = 10
    waiting = [Actions(LIMITS, queue).paint(request()) for _ in range(10)]
    assert [view(job, queue)['position'] for job in waiting] == list(range(10))
    with pytest.raises(QueueFullError):
        Actions(LIMITS, queue).paint(request())


def test_waiting_jobs_are_those_of_the_next_page_too(queue):
    waiting = [Actions(LIMITS, queue).paint(request()) for _ in range(2)]
    following = PaintingQueue(queue.results, limit=3)
    assert [following.position(job) for job in waiting] == [0, 1]


@pytest.mark.parametrize('missing', ['content', 'style'])
def test_missing_pictures_are_asked_for(queue, missing):
    full = request()
    incomplete = Request(**{**vars(full), missing: None})
    with pytest.raises(ValueError, match='first'):
        Actions(LIMITS, queue).paint(incomplete)
    assert list(jobs(queue.results)) == []


def test_changed_job_begins_with_the_picture_that_is_there(queue):
    actions = Actions(LIMITS, queue)
    former = actions.paint(request())
    shutil.copy(DATA / 'inputs' / 'scene.jpg', former.file(LIVE))
    changed = actions.change(former, request(strength=9))
    flags = changed.read()['flags']
    assert flags[-4:] == ['-init', 'image', '-init_image', page_actions.START]
    assert changed.file(page_actions.START).read_bytes() == former.file(LIVE).read_bytes()
    assert queue.position(changed) == 0


def test_painting_at_once_begins_with_no_picture(queue):
    actions = Actions(LIMITS, queue)
    former = actions.paint(request())
    shutil.copy(DATA / 'inputs' / 'scene.jpg', former.file(LIVE))
    changed = actions.change(former, request(preset=FAST))
    assert '-init_image' not in changed.read()['flags']  # -fast refuses it


@pytest.mark.slow
def test_job_is_painted_paused_and_continued(queue):
    actions = Actions(LIMITS, queue)
    queue.open()
    try:
        job = actions.paint(request(steps=3000))
        wait_until(lambda: job.progress().get('evaluation', 0) >= 2)
        actions.end(job, 'pause')
        wait_until(lambda: job.state == 'paused')
        assert job.has(PICTURE) and job.has(STATE)
        assert view(job, queue)['has_sketch']  # painted at once
        evaluation = job.progress()['evaluation']
        actions.go_on(job)
        wait_until(lambda: job.progress()['evaluation'] > evaluation)
        actions.end(job, 'stop')
        wait_until(lambda: job.state == 'stopped')
        assert not job.has(STATE)
        recipe = read(str(job.file(PICTURE)))
        assert [file.name for file in recipe.inputs][:2] == ['scene.jpg', 'strokes.jpg']
    finally:
        queue.close()


@pytest.mark.slow
def test_video_is_stopped_and_goes_on_at_its_next_frame(queue, tmp_path):
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    actions = Actions(LIMITS, queue)
    queue.open()
    try:
        job = actions.paint(clip_request(tmp_path / 'clip.gif', 8, steps=16))
        wait_until(lambda: job.progress().get('evaluation', 0) >= 1 and job.has(LIVE))
        assert job.progress()['evaluations'] == 8
        actions.end(job, 'stop')
        wait_until(lambda: job.state == 'stopped')
        assert job.file(FRAMES).is_dir() and not job.has(VIDEO)
        actions.go_on(job)
        wait_until(lambda: job.state == 'finished')
        assert view(job, queue)['has_picture'] and view(job, queue)['is_video']
        assert (job.progress()['evaluation'], job.progress()['size']) == (8, [64, 48])
        assert '8 frames' in gallery(queue) and f'{job.id}/{VIDEO}' in gallery(queue)
    finally:
        queue.close()


def test_the_shortest_run_has_been_looked_at(queue, monkeypatch):
    # or it would leave no picture for the gallery
    monkeypatch.setattr(painter, 'INTERVAL', 600)
    page = Preview()
    with painter.published(Actions(LIMITS, queue).paint(request()), page):
        wait_until(page.has_viewer)


@pytest.mark.slow
def test_picture_is_painted_at_once(queue):
    actions = Actions(LIMITS, queue)
    queue.open()
    try:
        job = actions.paint(request(preset=FAST, strength=3, keeps_colors=True))
        assert job.value('-fast_strength') == '0.6'
        wait_until(lambda: job.state == 'finished')
        assert job.has(PICTURE) and job.has(LIVE)
    finally:
        queue.close()


@pytest.mark.slow
def test_painter_outlives_a_page_that_is_killed(queue):
    job = create(queue.results)
    flags = ['-content_image', 'scene.jpg', '-style_image', 'strokes.jpg', '-image_size', '64']
    for name in ('scene.jpg', 'strokes.jpg'):
        shutil.copy(DATA / 'inputs' / name, job.folder)
    start(job, [*flags, '-output_image', PICTURE, '-num_iterations', '3000'], 'a title')
    code = (
        'import pathlib, sys, time; from neural_style.web.queue import PaintingQueue;'
        'PaintingQueue(pathlib.Path(sys.argv[1]), 3).open(); time.sleep(600)'
    )
    page = subprocess.Popen([sys.executable, '-c', code, str(queue.results)])
    try:
        wait_until(lambda: job.progress().get('evaluation', 0) >= 1)
    finally:
        os.kill(page.pid, signal.SIGKILL)
        page.wait()
    following = PaintingQueue(queue.results, limit=3)
    following.open()
    try:
        evaluation = job.progress()['evaluation']
        wait_until(lambda: job.progress()['evaluation'] > evaluation)
        assert job.state == 'painting'
        following.end(job, 'stop')
        wait_until(lambda: job.state == 'stopped')
        assert job.has(PICTURE)
    finally:
        following.close()


@pytest.mark.slow
def test_damaged_picture_is_refused_as_in_the_command(queue, tmp_path):
    content = (DATA / 'inputs' / 'scene.jpg').read_bytes()
    (tmp_path / 'damaged.png').write_bytes(content[: len(content) // 2])
    queue.open()
    try:
        full = request()
        damaged = Request(**{**vars(full), 'content': str(tmp_path / 'damaged.png')})
        job = Actions(LIMITS, queue).paint(damaged)
        wait_until(lambda: job.state == 'failed')
        assert 'damaged.png' in job.read()['message']
        assert str(tmp_path) not in job.read()['message']
    finally:
        queue.close()
