"""The gallery: all results with their recipes, as HTML."""

import html
import time

from neural_style.web import job as jobs
from neural_style.web.job import LIVE, PICTURE, Job
from neural_style.web.queue import PaintingQueue

MAX_SHOWN = 60
STATES = {
    'waiting': 'waiting',
    'painting': 'being painted',
    'paused': 'paused',
    'stopped': 'stopped',
    'finished': 'finished',
}


def gallery(queue: PaintingQueue) -> str:
    """Return the newest results."""
    shown = [job for job in jobs.jobs(queue.results) if job.has(LIVE)][-MAX_SHOWN:]
    if not shown:
        return '<p class="ns-empty">Nothing has been painted yet.</p>'
    cards = ''.join(card(job) for job in reversed(shown))
    return f'<div class="ns-gallery">{cards}</div>'


def card(job: Job) -> str:
    """Return one result: picture, settings, and what can be done with it."""
    content = job.read()
    title, name = html.escape(content['title']), html.escape(job.id)
    when = time.strftime('%d %B %Y, %H:%M', time.localtime(content.get('created', 0)))
    progress = job.progress()
    size = ' × '.join(map(str, progress.get('size', ())))
    steps = f'{progress.get("evaluation", 0)} steps'
    state = STATES.get(content['state'], 'ended')
    download = (
        f'<a href="/job/{name}/{PICTURE}?download=1" download aria-label="Download {title}">'
        'Download</a>'
        if job.has(PICTURE)
        else ''
    )
    return (
        f'<article aria-label="{title}"><img src="/job/{name}/{LIVE}" alt="{title}" loading="lazy">'
        f'<div class="ns-text"><h3>{title}</h3><p>{when} · {size} · {steps} · {state}</p>'
        f'<div class="ns-buttons">{download}'
        f'<button type="button" data-again="{name}" aria-label="Again with {title}">'
        'Again with …</button></div>'
        f'{recipe(job)}</div></article>'
    )


def recipe(job: Job) -> str:
    """Return the command line of a result, with a button that copies it."""
    return (
        '<details data-recipe><summary>Recipe</summary>'
        f'<pre><code>{html.escape(job.command())}</code></pre>'
        '<div class="ns-buttons"><button type="button" data-copy>Copy as a command line</button>'
        '</div></details>'
    )
