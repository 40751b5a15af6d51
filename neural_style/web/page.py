"""The page: what is where, and which button does what."""

import html
import importlib.resources
from typing import Any

import gradio as gr

from neural_style.command.arguments import Arguments
from neural_style.web.actions import Actions
from neural_style.web.controls import Controls, make_controls
from neural_style.web.events import UNSEEN, refusal
from neural_style.web.gallery import gallery, recipe
from neural_style.web.job import Job
from neural_style.web.live import Cameras
from neural_style.web.live_tab import make_live
from neural_style.web.queue import PaintingQueue
from neural_style.web.theme import theme

TEMPLATES = importlib.resources.files('neural_style.web') / 'templates'
TICK = 1.0  # seconds between two looks at the state of a job
ACTIVE = ('waiting', 'painting')
SCRIPTS = ('losses.js', 'stage.js', 'live.js')  # in the order in which they run
# What a click on a card of the gallery tells.
GALLERY_SCRIPT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-again]');
  if (!button) return;
  trigger('click', { again: button.dataset.again });
  window.scrollTo(0, 0);  // where the pictures will be
});
"""


def looks() -> dict[str, Any]:
    """Return what gradio needs to know of theme, style sheet and script."""
    scripts = ''.join(f'<script src="/web/{name}" defer></script>' for name in SCRIPTS)
    head = f'<link rel="icon" href="data:,">{scripts}'
    return {'theme': theme(), 'css': (TEMPLATES / 'page.css').read_text('utf-8'), 'head': head}


def build_page(arguments: Arguments, queue: PaintingQueue, cameras: Cameras) -> gr.Blocks:
    """Build the page."""
    actions = Actions(arguments, queue)
    with gr.Blocks(title='neural_style', analytics_enabled=False, fill_width=True) as page:
        # the server checks what comes back, so that the secret hides nothing
        current = gr.BrowserState('', storage_key='neural_style_job', secret='neural_style')
        seen = gr.State('')
        gr.HTML(
            '<h1>neural_style</h1><p>Paint a photograph in the style of a painting.</p>',
            elem_id='ns-title',
        )
        with gr.Tabs() as tabs:
            with gr.Tab('Paint', id='paint'), gr.Row(equal_height=False):
                with gr.Column(scale=5, min_width=320):
                    controls = make_controls(arguments)
                with gr.Column(scale=7, min_width=320, elem_classes=['ns-right']):
                    buttons = Buttons()
            if cameras.limit:
                with gr.Tab('Live', id='live'):
                    make_live(arguments, cameras)
            with gr.Tab('Gallery', id='gallery') as gallery_tab:
                results = gr.HTML(js_on_load=GALLERY_SCRIPT, elem_id='ns-results')
        shown = [current, seen, *buttons.outputs()]
        connect_buttons(actions, controls, buttons, current, shown)
        connect_gallery(actions, controls, tabs, gallery_tab, results)
        # The script presses it when the state of the job has changed.
        refresh = gr.Button('Refresh', visible='hidden', elem_id='ns-refresh')
        # An answer that comes while Gradio closes its stream waits for the next event: the timer's.
        timer = gr.Timer(TICK)
        for event in (page.load, refresh.click, timer.tick):
            # Not `current`: the answer may come after a button has chosen another job.
            event(
                lambda name, state: refreshed(actions, name, state),
                [current, seen],
                shown[1:],
                trigger_mode='always_last',
                **UNSEEN,
            )
    page.queue(default_concurrency_limit=8, max_size=64, api_open=False)
    return page


class Buttons:
    """The buttons, with the stage under them."""

    def __init__(self) -> None:
        with gr.Row(elem_id='ns-actions'):
            self.paint = gr.Button('Paint', variant='primary', elem_id='ns-paint')
            self.change = gr.Button(
                'Go on with these settings',
                variant='primary',
                visible=False,
                elem_id='ns-change',
                min_width=240,
            )
            self.pause = gr.Button('Pause', visible=False, elem_id='ns-pause', min_width=120)
            self.go_on = gr.Button('Go on', visible=False, elem_id='ns-go-on', min_width=120)
            self.stop = gr.Button('Stop', visible=False, elem_id='ns-stop', min_width=120)
        stage = (TEMPLATES / 'stage.html').read_text('utf-8')
        gr.HTML(stage, elem_id='ns-stage', js_on_load=None)
        self.job = gr.HTML(elem_id='ns-job', js_on_load=None)

    def outputs(self) -> list[Any]:
        return [self.paint, self.change, self.pause, self.go_on, self.stop, self.job]


def refreshed(actions: Actions, name: str | None, seen: str) -> Any:
    """Return what the page shows of a job; nothing if that has not changed."""
    job = actions.find(name)
    state = job_state(job)
    if state == seen:
        return [gr.skip()] * 7
    return shown_job(job)[1:]


def job_state(job: Job | None) -> str:
    """Return what the buttons depend on, as a text that changes with it."""
    return 'none' if job is None else f'{job.id} {job.state} {job.has(job.result)}'


def shown_job(job: Job | None) -> list[Any]:
    """Return values of the page for a job: what it remembers, buttons, links."""
    state = '' if job is None else job.state
    is_active = state in ACTIVE
    can_go_on = state in ('paused', 'stopped')
    return [
        '' if job is None else job.id,
        job_state(job),
        gr.update(visible=not is_active and state != 'paused'),
        gr.update(visible=is_active or state == 'paused'),
        gr.update(visible=is_active),
        gr.update(visible=can_go_on),
        gr.update(visible=is_active or state == 'paused'),
        '' if job is None else job_html(job),
    ]


def job_html(job: Job) -> str:
    """Return the name of the job for the script, and links to its result."""
    name = html.escape(job.id)
    links = ''
    if job.has(job.result) and job.state not in ACTIVE:
        href = f'/job/{name}/{job.result}?download=1'
        links = f'<div class="ns-buttons"><a href="{href}" download>Download</a></div>'
    return f'<div data-job="{name}" class="ns-links ns-gallery-text">{links}{recipe(job)}</div>'


def connect_buttons(
    actions: Actions, controls: Controls, buttons: Buttons, current: Any, shown: list[Any]
) -> None:
    """Connect the buttons with what they do."""

    def paint(name: str | None, *values: Any) -> Any:
        return guarded(lambda: actions.paint(controls.request(values)))

    def change(name: str | None, *values: Any) -> Any:
        job = actions.find(name)
        request = controls.request(values)
        return guarded(lambda: actions.change(job, request) if job else actions.paint(request))

    def on_job(action: Any) -> Any:
        def act(name: str | None) -> Any:
            job = actions.find(name)
            return guarded(lambda: (action(job) or job) if job else None)

        return act

    inputs = [current, *controls.components()]
    buttons.paint.click(paint, inputs, shown, **UNSEEN)
    buttons.change.click(change, inputs, shown, **UNSEEN)
    for button, action in (
        (buttons.pause, lambda job: actions.end(job, 'pause')),
        (buttons.stop, lambda job: actions.end(job, 'stop')),
        (buttons.go_on, actions.go_on),
    ):
        button.click(on_job(action), [current], shown, **UNSEEN)


def guarded(action: Any) -> Any:
    """Run an action; show why it is refused."""
    try:
        return shown_job(action())
    except ValueError as error:
        raise refusal(error) from None


def connect_gallery(
    actions: Actions, controls: Controls, tabs: Any, gallery_tab: Any, results: Any
) -> None:
    """Fill the gallery when it is opened; connect its buttons."""
    gallery_tab.select(lambda: gallery(actions.queue), None, results, **UNSEEN)

    def chosen(event: gr.EventData) -> Job | None:
        return actions.find(getattr(event, 'again', None))

    def open_controls(event: gr.EventData) -> Any:
        return gr.Tabs(selected='paint') if chosen(event) else gr.skip()

    def again(event: gr.EventData) -> Any:
        job = chosen(event)
        return controls.values_of(job) if job else [gr.skip()] * len(controls.components())

    results.click(open_controls, None, tabs, **UNSEEN)  # at once: a video is slow to look at
    results.click(again, None, controls.components(), **UNSEEN)
