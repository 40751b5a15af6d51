"""The gallery: all results with their recipes, as HTML."""

import html
import time

from neural_style.web import job as jobs
from neural_style.web.job import LIVE, Job
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
    newest = [job for job in jobs.jobs(queue.results) if job.has(LIVE)][-MAX_SHOWN:]
    if not newest:
        return '<p class="ns-empty">Nothing has been painted yet.</p>'
    cards = ''.join(card(job) for job in reversed(newest))
    return f'<div class="ns-gallery">{cards}</div>'


def card(job: Job) -> str:
    """Return one result: picture, settings, and what can be done with it."""
    content = job.read()
    title, name = html.escape(content['title']), html.escape(job.id)
    when = time.strftime('%d %B %Y, %H:%M', time.localtime(content.get('created', 0)))
    progress = job.progress()
    size = ' × '.join(map(str, progress.get('size', ())))
    steps = f'{progress.get("evaluation", 0)} {"frames" if job.is_video else "steps"}'
    state = STATES.get(content['state'], 'ended')
    download = (
        f'<a href="/job/{name}/{job.result}?download=1" download aria-label="Download {title}">'
        'Download</a>'
        if job.has(job.result)
        else ''
    )
    return (
        f'<article aria-label="{title}">{shown(job, title)}'
        f'<div class="ns-text"><h3>{title}</h3><p>{when} · {size} · {steps} · {state}</p>'
        f'<div class="ns-buttons">{download}'
        f'<button type="button" data-again="{name}" aria-label="Again with {title}">'
        'Again with …</button></div>'
        f'{recipe(job)}</div></article>'
    )


def shown(job: Job, title: str) -> str:
    """Return what is seen of a result: its picture, or the video with the buttons of a player."""
    live = f'/job/{html.escape(job.id)}/{LIVE}'
    if not (job.is_video and job.has(job.result)):
        return f'<img src="{live}" alt="{title}" loading="lazy">'
    source = f'/job/{html.escape(job.id)}/{job.result}'
    return (
        f'<video src="{source}" poster="{live}" aria-label="{title}" preload="none" controls loop'
        ' playsinline></video>'
    )


def recipe(job: Job) -> str:
    """Return the command line of a result, with a button that copies it."""
    return (
        '<details data-recipe><summary>Recipe</summary>'
        f'<pre><code>{html.escape(job.command())}</code></pre>'
        '<div class="ns-buttons"><button type="button" data-copy>Copy as a command line</button>'
        '</div></details>'
    )
