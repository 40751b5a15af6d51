"""Videos on the page in a real browser: at telephone width, in the dark, paused and damaged."""

import pytest
from clips import write_clip
from served_page import STROKES

from neural_style.web.job import FRAMES, jobs

pytestmark = pytest.mark.slow
PHONE = {'viewport': {'width': 390, 'height': 844}}


@pytest.fixture
def viewer(served, look):
    """Return a telephone in the dark, with a style."""
    pytest.importorskip('av')
    pytest.importorskip('cv2')
    served.start()
    viewer = look(**PHONE, color_scheme='dark')
    viewer.tab.wait_for_selector('#ns-paint')
    viewer.drop('style', STROKES)
    viewer.set('size', 64)
    return viewer


def bring(viewer, path):
    """Bring a video by the button beneath the photograph."""
    viewer.tab.locator('input:has(+ #ns-video)').set_input_files(path)


def test_webm_is_paused_on_a_telephone_and_goes_on(viewer, served):
    bring(viewer, write_clip(served.folder / 'clip.webm', count=8))
    viewer.tab.wait_for_selector('text=A video of 8 frames, 64 × 48')
    viewer.set('steps', 40)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Painting · frame [1-6] of 8')
    boxes = [viewer.tab.locator(f'#ns-{name}').bounding_box() for name in ('pause', 'stop')]
    assert boxes[0]['y'] == boxes[1]['y']  # side by side
    change = viewer.tab.locator('#ns-change')
    assert change.evaluate('(button) => button.scrollWidth <= button.clientWidth')
    viewer.tab.click('#ns-pause')
    viewer.wait_for_status(r'Paused · frame \d of 8')
    viewer.tab.locator('#ns-stage').scroll_into_view_if_needed()
    viewer.shot('video-paused')
    (job,) = jobs(served.results)
    finished = len(list(job.file(FRAMES).iterdir()))
    viewer.tab.reload()
    viewer.tab.click('#ns-go-on')
    viewer.wait_for_status('Finished · 8 frames · 64 × 48')
    assert finished and [other.id for other in jobs(served.results)] == [job.id]
    viewer.tab.wait_for_selector('[data-part=video]:visible')
    viewer.tab.locator('#ns-stage').scroll_into_view_if_needed()
    viewer.shot('video-finished')
    assert viewer.tab.evaluate('document.documentElement.scrollWidth') <= 390
    viewer.tab.get_by_role('tab', name='Gallery').click()
    viewer.tab.set_viewport_size({'width': 390, 'height': 300})
    viewer.tab.click('[data-again]')  # below what is seen
    viewer.tab.wait_for_selector('#ns-paint')  # before the video has been looked at
    viewer.tab.wait_for_selector('#ns-content img')
    assert viewer.tab.evaluate('scrollY') == 0


def test_damaged_videos_are_refused_or_said_to_be_incomplete(viewer, served):
    whole = write_clip(served.folder / 'clip.mp4', count=16).read_bytes()
    cut, damaged = served.folder / 'cut.mp4', served.folder / 'damaged.mp4'
    cut.write_bytes(whole[:200])
    bring(viewer, cut)
    viewer.tab.wait_for_selector('text=cut.mp4: ')
    damaged.write_bytes(whole[:-400])  # those of the last pictures
    bring(viewer, damaged)
    viewer.tab.wait_for_selector('text=A video of 16 frames')
    viewer.set('steps', 1)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status(r'Finished · \d+ frames? .* · \d+ of 16 frames could not be read')
    viewer.shot('video-damaged')
