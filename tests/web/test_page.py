"""The page in a real browser; the folder NEURAL_STYLE_SCREENSHOTS keeps its screenshots."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from clips import write_clip
from samples import DATA, ROOT
from served_page import STROKES, status_of, wait_until
from written import pixels

from neural_style.command.trained_styles import shipped_styles
from neural_style.web.choices import FAST
from neural_style.web.job import PICTURE, SKETCH, jobs

pytestmark = pytest.mark.slow


def test_picture_is_painted_changed_stopped_and_painted_again(served, look, tmp_path):
    served.start()
    viewer = look()
    viewer.shot('start')
    viewer.choose_pictures(steps=400)
    viewer.shot('chosen')
    viewer.record()
    viewer.tab.click('#ns-paint')
    wait_until(lambda: viewer.has_shown(r'Painting · step \d+ of 534 · 48 × \d+'))
    wait_until(lambda: viewer.has_shown('for now, painted at once .*sketch'))
    viewer.shot('painted-at-once')
    viewer.tab.wait_for_selector('[data-part=after][src*=live]:visible')
    first = viewer.tab.get_attribute('[data-part=after]', 'src')
    wait_until(lambda: viewer.tab.get_attribute('[data-part=after]', 'src') != first)
    viewer.shot('painting')

    viewer.set('strength', 8)
    viewer.tab.click('#ns-change')
    wait_until(lambda: len(list(jobs(served.results))) == 2)
    changed = list(jobs(served.results))[1]
    assert '-style_weight' in changed.read()['flags'] and changed.value('-init_image')
    wait_until(lambda: changed.progress().get('evaluation', 0) >= 2)
    viewer.tab.click('#ns-stop')
    viewer.wait_for_status('Stopped')
    viewer.tab.wait_for_selector('#ns-job a[download]')
    viewer.shot('stopped')
    with viewer.tab.expect_download() as download:
        viewer.tab.click('#ns-job a[download]')
    download.value.save_as(tmp_path / 'downloaded.png')
    assert pixels(tmp_path / 'downloaded.png').shape[1] == 96

    for path in changed.folder.iterdir():  # the pictures that went in
        shutil.copy(path, tmp_path)
    command = [sys.executable, '-m', 'neural_style', '-rerun', 'downloaded.png', '-gpu', '-1']
    command += ['-num_iterations', '2', '-output_image', 'again.png']
    subprocess.run(command, cwd=tmp_path, check=True, env={'PYTHONPATH': str(ROOT)})
    assert (tmp_path / 'again.png').exists()


def test_browsers_see_their_own_work_and_their_places(served, look):
    served.start()
    viewers = [look(), look()]
    for viewer in viewers:
        viewer.choose_pictures(steps=1000)
        viewer.tab.click('#ns-paint')
        wait_until(lambda shown=viewer: shown.status())
    first, second = jobs(served.results)
    viewers[0].wait_for_status('Painting')
    viewers[1].wait_for_status('Waiting: 1 picture to be painted before · for now, painted at once')
    viewers[1].tab.wait_for_selector('[data-part=after][src*=sketch]:visible')
    viewers[1].shot('waiting')
    address = f'{served.url}job/{first.id}/state'
    with ThreadPoolExecutor(20) as crowd:
        answers = list(crowd.map(lambda _: status_of(address), range(20)))
    assert all(status == 200 and json.loads(text)['evaluation'] for status, text in answers)
    viewers[0].tab.click('#ns-stop')
    viewers[0].wait_for_status('Stopped')
    viewers[1].wait_for_status('Painting')
    assert (first.state, second.state) == ('stopped', 'painting')
    viewers[1].tab.click('#ns-stop')
    viewers[1].wait_for_status('Stopped')


def test_results_are_there_after_the_page_was_killed(served, look):
    served.start()
    viewer = look()
    viewer.choose_pictures(steps=5)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished')
    viewer.shot('finished')
    served.kill()
    served.start()
    viewer = look()
    viewer.tab.get_by_role('tab', name='Gallery').click()
    viewer.tab.wait_for_selector('.ns-gallery article img')
    viewer.tab.click('.ns-gallery summary')
    assert viewer.tab.inner_text('.ns-gallery code').startswith(
        'neural_style -content_image scene.jpg -style_image strokes.jpg -preset quick'
    )
    viewer.shot('gallery')
    viewer.tab.click('[data-again]')
    viewer.tab.wait_for_selector('#ns-content img')
    wait_until(lambda: viewer.tab.input_value('#ns-size input[type=number]') == '96')
    viewer.shot('again')


def test_video_is_dropped_painted_and_played(served, look):
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    served.start()
    viewer = look()
    viewer.tab.wait_for_selector('#ns-paint')
    write_clip(served.folder / 'clip.mp4', count=3)
    viewer.drop('content', served.folder / 'clip.mp4', 'video/mp4')
    viewer.tab.wait_for_selector('text=A video of 3 frames, 64 × 48')
    viewer.drop('style', STROKES)
    viewer.set('size', 96)  # so that one sees when the preset has set it
    viewer.choose_preset(FAST)
    wait_until(lambda: viewer.tab.input_value('#ns-size input[type=number]') == '512')
    viewer.set('size', 64)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished · 3 frames · 64 × 48')
    viewer.tab.wait_for_selector('[data-part=video]:visible')
    wait_until(lambda: viewer.tab.evaluate("document.querySelector('[data-part=video]').duration"))
    viewer.shot('video')
    viewer.tab.get_by_role('tab', name='Gallery').click()
    viewer.tab.wait_for_selector('.ns-gallery video')


def test_trained_style_is_dropped_and_paints_at_once(served, look, tmp_path):
    served.start()
    viewer = look()
    viewer.choose_pictures(steps=5)
    for index, name in ((4, 'ink_landscape'), (5, 'swirls')):
        viewer.tab.locator('#ns-style-examples .thumbnail-item').nth(index).click()
        viewer.tab.wait_for_selector(f'text=The trained style {name}: it paints at once')
    viewer.tab.click('#ns-style button[aria-label="Remove Image"]')
    viewer.tab.wait_for_selector('#ns-style img', state='detached')
    (tmp_path / 'bad.safetensors').write_bytes(b'hello')
    button = viewer.tab.locator('input:has(+ #ns-trained)')
    button.set_input_files(tmp_path / 'bad.safetensors')
    viewer.tab.wait_for_selector('text=-style_image bad.safetensors: damaged')
    shutil.copy(shipped_styles()['ink_landscape'], tmp_path / 'mine.safetensors')
    viewer.drop('style', tmp_path / 'mine.safetensors', '')
    viewer.tab.wait_for_selector('text=The trained style mine: it paints at once')
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished · 96')
    viewer.shot('trained')
    (job,) = jobs(served.results)
    assert job.value('-style_image') == 'mine.safetensors' and '-fast' in job.read()['flags']


def test_styles_are_blended(served, look):
    served.start()
    viewer = look()
    viewer.choose_pictures(steps=5)
    viewer.tab.click('#ns-blend button')
    viewer.tab.wait_for_selector('#ns-style-2')
    viewer.drop('style-2', DATA / 'inputs' / 'waves.jpg')
    viewer.set('weight-2', 3)
    viewer.tab.locator('#ns-blend').scroll_into_view_if_needed()
    viewer.shot('blend')
    stage = viewer.tab.locator('#ns-stage')
    assert stage.bounding_box()['y'] > 0  # it stays in view while controls are scrolled
    viewer.tab.click('#ns-paint')
    wait_until(lambda: list(jobs(served.results)))
    (job,) = jobs(served.results)
    assert job.value('-style_image') == 'strokes.jpg,waves.jpg'
    assert job.value('-style_blend_weights') == '5,3'


def test_region_is_drawn_with_the_brush(served, look):
    served.start()
    viewer = look()
    viewer.choose_pictures(steps=5)
    viewer.tab.get_by_role('tab', name='Regions').click()
    canvas = viewer.tab.locator('#ns-content-regions canvas').first
    wait_until(lambda: canvas.bounding_box() and canvas.bounding_box()['height'] > 100)
    viewer.tab.wait_for_timeout(2000)  # the picture comes into the editor
    box = canvas.bounding_box()
    middle = box['y'] + box['height'] / 2
    viewer.tab.mouse.move(box['x'] + box['width'] * 0.3, middle)
    viewer.tab.mouse.down()
    viewer.tab.mouse.move(box['x'] + box['width'] * 0.7, middle + 5, steps=5)
    viewer.tab.mouse.up()
    viewer.tab.locator('#ns-rest input').check()
    viewer.shot('regions')
    viewer.tab.click('#ns-paint')
    wait_until(lambda: list(jobs(served.results)))
    (job,) = jobs(served.results)
    assert '-content_regions' in job.read()['flags'] and '-region_weights' in job.read()['flags']
    colors = np.unique(pixels(job.file('content_regions.png')).reshape(-1, 3), axis=0)
    assert len(colors) == 2
    wait_until(lambda: job.state == 'finished')
    assert pixels(job.file(PICTURE)).std() > 10
    assert pixels(job.file(SKETCH)).std() > 10  # with the regions


def test_page_works_narrow_dark_and_without_other_sites(served, look):
    served.start()
    for name, options in (
        ('narrow', {'viewport': {'width': 390, 'height': 844}}),
        ('dark', {'color_scheme': 'dark'}),
    ):
        viewer = look(**options)
        viewer.tab.wait_for_selector('#ns-paint')
        viewer.tab.wait_for_selector('#ns-presets img')
        viewer.shot(name)
        assert viewer.outside == []
        width = viewer.tab.evaluate('document.documentElement.scrollWidth')
        assert width <= viewer.tab.viewport_size['width']
        names = viewer.tab.locator('button:visible').evaluate_all(
            'buttons => buttons.map((b) => (b.ariaLabel || b.title || b.innerText).trim())'
        )
        assert all(names), names
        viewer.tab.get_by_role('tab', name='All settings').click()
        viewer.tab.get_by_text('Losses and layers').click()
        viewer.tab.wait_for_selector('#ns-flag-padding')
        viewer.shot(f'settings-{name}')


def test_password_is_asked_for(served, look):
    served.start('-auth', 'secret')
    viewer = look()
    viewer.shot('login')
    viewer.tab.fill('#password', 'wrong')
    viewer.tab.keyboard.press('Enter')
    viewer.tab.wait_for_selector('text=This is not the password')
    viewer.tab.wait_for_timeout(1100)
    viewer.tab.fill('#password', 'secret')
    viewer.tab.keyboard.press('Enter')
    viewer.tab.wait_for_selector('#ns-paint')


def test_refused_pictures_are_explained(served, look, tmp_path):
    served.start()
    viewer = look()
    viewer.tab.wait_for_selector('#ns-paint')
    viewer.tab.click('#ns-paint')
    viewer.tab.wait_for_selector('text=Choose a photograph first')
    (tmp_path / 'fake.jpg').write_text('hello')
    viewer.tab.set_input_files('#ns-content input[type=file]', tmp_path / 'fake.jpg')
    viewer.tab.wait_for_selector('text=This file is no picture that can be read')
    assert str(tmp_path) not in viewer.tab.content()
    viewer.shot('refused')
    assert list(jobs(served.results)) == []
