"""The page in a real browser, used with the keyboard alone."""

import pytest
from served_page import wait_until

from neural_style.web.choices import CAPTIONS, shown_presets
from neural_style.web.job import jobs

pytestmark = pytest.mark.slow
FOCUSED = """() => {
    const element = document.activeElement;
    return element.ariaLabel || element.id || element.innerText;
}"""


def tab_to(tab, name):
    """Press Tab until something has the focus, by its label or else its id."""
    for _ in range(60):
        tab.keyboard.press('Tab')
        if tab.evaluate(FOCUSED) == name:
            return
    pytest.fail(f'Tab never comes to {name}')


def test_picture_is_painted_paused_and_stopped_with_the_keyboard(served, look):
    served.start()
    viewer = look()
    tab = viewer.tab
    tab.wait_for_selector('#ns-presets [aria-label=Quick]')
    names = tab.locator('#ns-presets .thumbnail-item').evaluate_all(
        'all => all.map((x) => x.ariaLabel)'
    )
    assert names == [CAPTIONS[name] for name in shown_presets()]
    for name, key, target in (('harbour', 'Enter', 'content'), ('waves', 'Space', 'style')):
        tab_to(tab, name)
        tab.keyboard.press(key)
        tab.wait_for_selector(f'#ns-{target} img')
    tab_to(tab, 'number input for Size')
    tab.keyboard.type('64')
    tab_to(tab, 'number input for Detail')
    tab.keyboard.type('900')
    tab.keyboard.press('Control+Enter')
    viewer.wait_for_status(r'Painting · step \d+ of 1200 · 32')
    for button, state in (('pause', 'paused'), ('go-on', 'painting'), ('stop', 'stopped')):
        tab.wait_for_selector(f'#ns-{button}')
        tab_to(tab, f'ns-{button}')
        tab.keyboard.press('Enter')
        (job,) = jobs(served.results)
        wait_until(lambda state=state, job=job: job.state == state)
    tab.wait_for_selector('#ns-job summary')
    tab.locator('#ns-job summary').press('Enter')
    code = tab.locator('#ns-job pre')
    assert code.evaluate('(pre) => pre.scrollWidth <= pre.clientWidth')
    viewer.shot('keyboard')
