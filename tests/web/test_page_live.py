"""The camera painted live in a real browser, which has a camera that is none."""

import pytest
from served_page import wait_until
from style_samples import trained
from written import pixels

pytestmark = pytest.mark.slow
PICTURE = "document.querySelector('[data-live=painted]').toDataURL('image/jpeg')"
AT_THE_RIM = """() => {
    const canvas = document.querySelector('[data-live=painted]');
    return Array.from(canvas.getContext('2d').getImageData(4, canvas.height / 2, 1, 1).data);
}"""
NO_CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException('', 'NotFoundError');
};"""
NO_HTTPS = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"


def open_live(look, **options):
    viewer = look(**options)
    viewer.tab.get_by_role('tab', name='Live').click()
    viewer.tab.wait_for_selector('#ns-live-style img')
    return viewer


def press(viewer):
    """Start the camera, or stop it."""
    viewer.tab.click('[data-live=switch]')


def wait_for_pictures(viewer, count=2):
    """Wait until so many different painted pictures were shown; returns them."""
    viewer.tab.wait_for_selector('[data-live=painted]:visible')
    shown = []

    def look():
        picture = viewer.tab.evaluate(PICTURE)
        if picture not in shown:
            shown.append(picture)
        return len(shown) >= count

    wait_until(look)
    return shown


def status(viewer):
    return viewer.tab.inner_text('[data-live=status]')


def files_of(served):
    """Return all files that the page keeps."""
    folders = (served.folder / 'temporary', served.results)
    return {path for folder in folders for path in folder.rglob('*') if path.is_file()}


def test_camera_is_painted_and_no_picture_of_it_is_kept(served, look, tmp_path, monkeypatch):
    (served.folder / 'temporary').mkdir()
    monkeypatch.setenv('TMPDIR', str(served.folder / 'temporary'))
    served.start_program()
    viewer = open_live(look, permissions=['camera'])
    viewer.shot('live-start')
    files = files_of(served)
    assert files
    press(viewer)
    first, *_ = wait_for_pictures(viewer, 5)
    viewer.tab.wait_for_selector('text=/pictures a second · .* behind the camera · 384 × 288/')
    viewer.shot('live')
    viewer.tab.locator('#ns-live-size input[value="256"]').check()
    wait_until(
        lambda: viewer.tab.evaluate("document.querySelector('[data-live=painted]').width") == 256
    )
    viewer.set('live-strength', 0)
    wait_until(lambda: viewer.tab.evaluate(AT_THE_RIM)[0] < 20)  # the green of the camera
    viewer.set('live-strength', 100)
    wait_until(lambda: viewer.tab.evaluate(AT_THE_RIM)[0] > 20)
    with viewer.tab.expect_download() as download:
        viewer.tab.click('[data-live=save]')
    download.value.save_as(tmp_path / 'saved.png')
    assert pixels(tmp_path / 'saved.png').std() > 10
    press(viewer)
    assert viewer.tab.is_hidden('[data-live=camera]') and status(viewer) == ''
    assert viewer.tab.is_visible('[data-live=painted]')
    assert files_of(served) == files
    assert viewer.outside == []


def test_styles_are_chosen_and_mixed_while_the_camera_is_painted(served, look, tmp_path):
    served.start()
    viewer = open_live(look, permissions=['camera'])
    press(viewer)
    wait_for_pictures(viewer)
    trained(tmp_path / 'two.safetensors', 'one', 'two')
    viewer.drop('live-style', tmp_path / 'two.safetensors', '')
    viewer.tab.wait_for_selector('#ns-live-choice [data-weight]')
    weights = viewer.tab.locator('#ns-live-choice [data-weight]')
    for weight in (weights.first, weights.last):
        weight.fill('0')
    viewer.tab.wait_for_selector('text=/give one of the styles a weight above 0/i')
    viewer.shot('live-mixture')
    weights.last.press('ArrowRight')
    wait_until(lambda: status(viewer) == '')
    viewer.tab.click('#ns-live-style-examples [aria-label=waves]')
    viewer.tab.wait_for_selector('text=A painting takes two to three times as long')
    wait_for_pictures(viewer, 3)
    viewer.shot('live-painting')
    viewer.tab.click('#ns-live-style [aria-label="Remove Image"]')
    viewer.tab.wait_for_selector('text=Choose a style first')


def test_camera_is_used_with_the_keyboard_and_ends_with_its_tab(served, look):
    served.start()
    viewer = open_live(look, permissions=['camera'])
    tab = viewer.tab
    tab.locator('[data-live=switch]').focus()
    tab.keyboard.press('Enter')
    wait_for_pictures(viewer)
    assert tab.evaluate('document.activeElement.innerText') == 'Stop the camera'
    tab.keyboard.press('Tab')
    assert tab.evaluate('document.activeElement.innerText') == 'Save this picture'
    track = tab.evaluate_handle(
        "document.querySelector('[data-live=camera]').srcObject.getTracks()[0]"
    )
    tab.get_by_role('tab', name='Gallery').click()
    wait_until(lambda: track.evaluate('(track) => track.readyState') == 'ended')


def test_cameras_above_the_limit_are_told_and_closed_pages_make_room(served, look):
    served.start('-max_cameras', '1')
    first = open_live(look, permissions=['camera'])
    press(first)
    wait_for_pictures(first)
    other = open_live(look, permissions=['camera'])
    press(other)
    other.tab.wait_for_selector('text=as many cameras as may be (1)')
    first.context.close()

    def is_painted():
        if other.tab.inner_text('[data-live=switch]').startswith('Start'):
            press(other)
        return other.tab.is_visible('[data-live=painted]')

    wait_until(is_painted)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({}, 'The browser does not give the camera to this page'),
        ({'script': NO_CAMERA}, 'There is no camera'),
        ({'script': NO_HTTPS}, 'only to pages with https'),
    ],
    ids=['refused', 'none', 'no https'],
)
def test_missing_cameras_are_told(served, look, options, message):
    served.start()
    viewer = open_live(look, **options)
    press(viewer)
    viewer.tab.wait_for_selector(f'[data-live=status]:has-text("{message}")')
    assert viewer.tab.inner_text('[data-live=switch]') == 'Start the camera'
    viewer.shot('live-refused')


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('narrow', {'viewport': {'width': 390, 'height': 844}}),
        ('dark', {'color_scheme': 'dark'}),
    ],
)
def test_camera_is_painted_narrow_and_dark(served, look, name, options):
    served.start()
    viewer = open_live(look, permissions=['camera'], **options)
    viewer.shot(f'live-start-{name}')
    press(viewer)
    wait_for_pictures(viewer)
    width = viewer.tab.evaluate('document.documentElement.scrollWidth')
    assert width <= viewer.tab.viewport_size['width']
    viewer.tab.locator('[data-live=painted]').scroll_into_view_if_needed()
    viewer.tab.wait_for_selector('text=/pictures a second/')
    viewer.shot(f'live-{name}')


def test_page_without_cameras_has_no_tab_for_them(served, look):
    served.start('-max_cameras', '0')
    viewer = look()
    viewer.tab.wait_for_selector('#ns-paint')
    assert viewer.tab.get_by_role('tab', name='Live').count() == 0
