"""The page in a real browser; the folder NEURAL_STYLE_SCREENSHOTS keeps its screenshots."""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from clips import write_clip
from samples import DATA, ROOT
from served_page import wait_until
from written import pixels

from neural_style.web.job import PICTURE, SKETCH, jobs

pytestmark = pytest.mark.slow

SCENE, STROKES = DATA / 'inputs' / 'scene.jpg', DATA / 'inputs' / 'strokes.jpg'


def choose_pictures(viewer, steps):
    viewer.tab.wait_for_selector('#ns-paint')
    viewer.drop('content', SCENE)
    viewer.drop('style', STROKES)
    viewer.set('size', 96)
    viewer.set('steps', steps)


def test_picture_is_painted_changed_stopped_and_painted_again(served, look, tmp_path):
    served.start()
    viewer = look()
    viewer.shot('start')
    choose_pictures(viewer, steps=400)
    viewer.shot('chosen')
    viewer.record()
    viewer.tab.click('#ns-paint')
    wait_until(lambda: viewer.has_shown(r'Painting · step \d+ of 400 · 96 × \d+'))
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
        choose_pictures(viewer, steps=1000)
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
    choose_pictures(viewer, steps=5)
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
    viewer.tab.locator('#ns-presets .thumbnail-item').nth(1).click()  # at once
    wait_until(lambda: viewer.tab.input_value('#ns-size input[type=number]') == '512')
    viewer.set('size', 64)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished · 3 frames · 64 × 48')
    viewer.tab.wait_for_selector('[data-part=video]:visible')
    wait_until(lambda: viewer.tab.evaluate("document.querySelector('[data-part=video]').duration"))
    viewer.shot('video')
    viewer.tab.get_by_role('tab', name='Gallery').click()
    viewer.tab.wait_for_selector('.ns-gallery video')


def test_styles_are_blended(served, look):
    served.start()
    viewer = look()
    choose_pictures(viewer, steps=5)
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
    choose_pictures(viewer, steps=5)
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


def status_of(address):
    """Return the status of an answer, and its text."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode('utf-8', 'replace')
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ''


def test_answers_name_no_folder_of_the_machine(served, look):
    served.start()
    viewer = look(
        script="""
        window.answers = [];
        const { fetch } = window;
        window.fetch = async (...request) => {
            const answer = await fetch(...request);
            const index = window.answers.push('') - 1;
            const decoder = new TextDecoder();
            answer.clone().body?.pipeTo(new WritableStream({
                write(bytes) { window.answers[index] += decoder.decode(bytes, { stream: true }); },
            })).catch(() => {});  // which the page has ended
            return answer;
        };
    """
    )
    asked = []
    viewer.tab.on('request', lambda request: asked.append(request.url + (request.post_data or '')))
    choose_pictures(viewer, steps=5)
    viewer.tab.locator('#ns-presets .thumbnail-item').nth(1).click()  # at once
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished')
    viewer.tab.wait_for_selector('#ns-job a[download]')
    texts = [*viewer.tab.evaluate('window.answers'), *asked, viewer.tab.content()]
    assert any('process_completed' in text and 'picture.jpg' in text for text in texts)
    for text in texts:
        assert f'{tempfile.gettempdir()}/' not in text and 'neural_style-web' not in text


def test_page_gives_no_file_and_names_no_folder_of_the_machine(served):
    served.start()
    secret = served.results / 'secret.txt'
    secret.write_text('secret')
    for path in ('/etc/passwd', secret, ROOT / 'setup.cfg', served.folder / 'log.txt'):
        assert status_of(f'{served.url}gradio_api/file={path}')[0] == 403
    for path in ('job/x/state', 'job/..%2f..%2fsecret.txt/live.jpg', 'web/..%2fgate.py'):
        assert status_of(f'{served.url}{path}')[0] == 404
    for path in ('', 'config', 'gradio_api/info'):
        status, text = status_of(served.url + path)
        assert status == 200
        for folder in (ROOT, served.folder, tempfile.gettempdir()):
            assert str(folder) not in text
