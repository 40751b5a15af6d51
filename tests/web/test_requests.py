"""What the page is asked to paint: several styles, styles in files, and what is refused at once."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from page_requests import LIMITS, clip_request, request, wait_until
from PIL import Image
from samples import DATA

from neural_style.command.trained_styles import shipped_styles
from neural_style.losses.targets import Targets
from neural_style.transfer.saved_style import SavedStyle
from neural_style.web.actions import Actions, Request
from neural_style.web.choices import FAST
from neural_style.web.job import LIVE, PICTURE, SKETCH, jobs


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


@pytest.mark.parametrize('weights', [(), (5, 2)])
def test_changed_job_keeps_its_pictures_where_the_page_was_reloaded(queue, weights):
    actions = Actions(LIMITS, queue)
    former = actions.paint(blended(*weights) if weights else request())
    shutil.copy(DATA / 'inputs' / 'scene.jpg', former.file(LIVE))
    reloaded = Request(**{**vars(request(steps=7)), 'content': None, 'style': None})
    changed = actions.change(former, reloaded)
    for flag in ('-content_image', '-style_image', '-style_blend_weights'):
        assert changed.value(flag) == former.value(flag)
        for name in changed.value(flag).split(',') if flag.endswith('image') else ():
            assert changed.file(name).read_bytes() == former.file(name).read_bytes()
    assert changed.value('-num_iterations') == '7'
    style = str(DATA / 'inputs' / 'waves.jpg')
    other = actions.change(former, Request(**{**vars(reloaded), 'style': style}))
    assert other.value('-style_image') == 'waves.jpg' and other.value('-style_blend_weights') == ''


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


def styled(style, **chosen):
    return Request(**{**vars(request(**chosen)), 'style': style})


SAVED_WITH = {
    'style_layers': 'relu1_1,relu2_1',
    'style_statistic': 'gram',
    'losses': 'neural_style',
}


@pytest.mark.parametrize(
    ('chosen', 'message'),
    [
        ({'preset': 'ink'}, '-preset ink: its -style_tint 1: needs the style image'),
        ({'preset': 'gongbi'}, '-preset gongbi: its -recolor_content: needs the style images'),
        ({'preset': 'best'}, 'made with -style_layers relu1_1,relu2_1, not relu1_1,relu2_1,relu3'),
        (
            {'preset': 'best', 'advanced': {'style_layers': 'relu1_1,relu2_1'}},
            '-preset best: its -init fast: the saved style lacks',
        ),
        ({'advanced': {'color': 'match'}}, '-color: needs the style images'),
        ({'preset': 'wasserstein'}, 'made with -style_statistic gram, not wasserstein'),
        ({'preset': 'gatys2015'}, 'made with -losses neural_style, not paper'),
        ({}, 'made with -style_layers relu1_1,relu2_1, not relu1_1,relu2_1,relu3_1'),
        ({'advanced': {'padding': 'zero'}}, 'made with -padding replicate, not zero'),
        ({'preset': 'strokes'}, None),
    ],
    ids=str,
)
def test_saved_style_of_other_flags_is_refused_when_the_button_is_pressed(
    queue, tmp_path, chosen, message
):
    network = {**SAVED_WITH, 'pooling': 'max', 'padding': 'replicate'}
    path = tmp_path / 'mine.safetensors'
    SavedStyle({64: Targets(style={'relu1_1': [torch.eye(2)]})}, network).save(path)
    act = Actions(LIMITS, queue).paint
    if message is None:
        assert act(styled(str(path), **chosen)).state == 'waiting'
        return
    with pytest.raises(ValueError, match=message) as error:
        act(styled(str(path), **chosen))
    assert str(tmp_path) not in str(error.value)
    assert list(jobs(queue.results)) == []


def test_saved_style_is_refused_with_regions(queue, tmp_path):
    path = tmp_path / 'mine.safetensors'
    SavedStyle({64: Targets(style={'relu1_1': [torch.eye(2)]})}, SAVED_WITH).save(path)
    strokes = Image.new('RGBA', (64, 48))
    strokes.paste('#3182bd', (0, 0, 30, 30))
    drawn = Request(**{**vars(styled(str(path))), 'content_strokes': {'layers': [strokes]}})
    with pytest.raises(ValueError, match='-content_regions: needs the style images'):
        Actions(LIMITS, queue).paint(drawn)


@pytest.mark.slow
def test_saved_style_is_painted_with_its_preset(queue, tmp_path):
    flags = ['-content_image', str(DATA / 'inputs' / 'scene.jpg'), '-image_size', '64']
    flags += ['-style_image', request().style, '-preset', 'quick', '-num_iterations', '0']
    command = [sys.executable, '-m', 'neural_style', *flags, '-save_style', 'mine.safetensors']
    subprocess.run(command, check=True, cwd=tmp_path)
    actions = Actions(LIMITS, queue)
    style = str(tmp_path / 'mine.safetensors')
    queue.open()
    try:
        for preset in ('quick', FAST):
            job = actions.paint(styled(style, preset=preset))
            wait_until(lambda job=job: job.state == 'finished')
            assert job.has(PICTURE) and not job.has(SKETCH)  # there is no painting to sketch from
    finally:
        queue.close()


def test_trained_style_is_refused_beside_others_and_with_regions(queue, tmp_path):
    full = vars(styled(shipped_styles()['swirls']))
    others = Request(**{**full, 'more_styles': (request().style,), 'weights': (5, 5)})
    strokes = Image.new('RGBA', (64, 48))
    strokes.paste('#3182bd', (0, 0, 30, 30))
    drawn = Request(**{**full, 'content_strokes': {'layers': [strokes]}})
    for refused, message in ((others, 'cannot be blended'), (drawn, 'nothing to a trained style')):
        with pytest.raises(ValueError, match=message) as error:
            Actions(LIMITS, queue).paint(refused)
        assert os.path.dirname(full['style']) not in str(error.value)
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
def test_videos_with_too_many_frames_are_refused(queue, tmp_path):
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    long = clip_request(tmp_path / 'clip.gif', 9)
    with pytest.raises(ValueError, match='9 frames, and up to 8'):
        Actions(LIMITS, queue).paint(long)
    assert list(jobs(queue.results)) == []


@pytest.mark.slow
def test_trained_style_paints_at_once_whatever_the_preset(queue):
    actions = Actions(LIMITS, queue)
    queue.open()
    try:
        job = actions.paint(styled(shipped_styles()['swirls'], preset='ink', strength=3))
        assert job.value('-style_image') == 'swirls.safetensors'
        wait_until(lambda: job.state == 'finished')
        assert job.has(PICTURE) and not job.has(SKETCH)
    finally:
        queue.close()
