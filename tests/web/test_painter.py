"""The painter and the queue: jobs are painted, paused, continued, and survive the page."""

import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from PIL import Image
from samples import DATA, ROOT

from neural_style.command.recipe import read
from neural_style.web import actions as page_actions
from neural_style.web.actions import Actions, Request
from neural_style.web.choices import FAST, Choices
from neural_style.web.gallery import gallery
from neural_style.web.job import FRAMES, LIVE, PICTURE, STATE, VIDEO, create, jobs, start
from neural_style.web.queue import PaintingQueue, QueueFullError
from neural_style.web.server import view

LIMITS = SimpleNamespace(max_upload=1, max_image_size=512, max_iterations=5000, max_frames=8)
PATIENCE = 60  # seconds


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Return a queue, not open, for painters with one thread and this copy of the program."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.chdir(tmp_path)
    return PaintingQueue(tmp_path / 'results', limit=3)


def request(**chosen):
    inputs = DATA / 'inputs'
    choices = Choices(**{'size': 64, 'steps': 2, **chosen})
    return Request(str(inputs / 'scene.jpg'), str(inputs / 'strokes.jpg'), choices)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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


def blended(*weights):
    """Return a request for several styles; two of the files have the same name."""
    style = str(DATA / 'inputs' / 'strokes.jpg')
    full = vars(request())
    return Request(**{**full, 'more_styles': (style,) * (len(weights) - 1), 'weights': weights})


def test_several_styles_are_blended_by_their_weights(queue):
    job = Actions(LIMITS, queue).paint(blended(5, 2, 0))
    styles = job.value('-style_image').split(',')
    assert len(set(styles)) == 3 and all(map(job.has, styles))
    assert job.value('-style_blend_weights') == '5,2,0'
    shutil.copy(DATA / 'inputs' / 'scene.jpg', job.file(LIVE))
    job.update(state='stopped')
    copy = Actions(LIMITS, queue).go_on(job)
    assert all(map(copy.has, styles))


def test_styles_without_any_weight_are_refused(queue):
    with pytest.raises(ValueError, match='weight 0'):
        Actions(LIMITS, queue).paint(blended(0, 0))
    assert list(jobs(queue.results)) == []


@pytest.mark.parametrize(
    ('chosen', 'message'),
    [
        ({'advanced': {'style_size_by': 'height'}}, 'choose side or width'),
        ({'preset': FAST, 'advanced': {'tv_weight': '1'}}, '-tv_weight 1 means nothing to -fast'),
        ({'advanced': {'style_scale': 'large'}}, 'should be number'),
    ],
)
def test_flags_are_refused_when_the_button_is_pressed(queue, chosen, message):
    with pytest.raises(ValueError, match=message):
        Actions(LIMITS, queue).paint(request(**chosen))
    assert list(jobs(queue.results)) == []


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


def clip_request(path, count, **chosen):
    """Return a request to paint a GIF of so many frames."""
    scene = Image.open(DATA / 'inputs' / 'scene.jpg').resize((64, 48))
    others = [scene.rotate(4 * number) for number in range(1, count)]
    scene.save(path, save_all=True, append_images=others, duration=40)
    return Request(**{**vars(request(**chosen)), 'content': str(path)})


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
def test_videos_with_too_many_frames_are_refused(queue, tmp_path):
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    long = clip_request(tmp_path / 'clip.gif', 9)
    with pytest.raises(ValueError, match='9 frames, and up to 8'):
        Actions(LIMITS, queue).paint(long)
    assert list(jobs(queue.results)) == []


@pytest.mark.slow
def test_regions_of_a_video_painted_at_once_are_refused_when_the_button_is_pressed(queue, tmp_path):
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    full = clip_request(tmp_path / 'clip.gif', 2, preset=FAST)
    strokes = Image.new('RGBA', (64, 48))
    strokes.paste('#3182bd', (0, 0, 30, 30))
    drawn = Request(**{**vars(full), 'content_strokes': {'layers': [strokes]}})
    with pytest.raises(ValueError, match='-fast paints regions of pictures'):
        Actions(LIMITS, queue).paint(drawn)
    assert list(jobs(queue.results)) == []


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
