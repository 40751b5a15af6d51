"""What the buttons of the page do."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.paths import join_paths
from neural_style.web import choices, clips, regions, style_files, uploads
from neural_style.web import job as jobs
from neural_style.web.choices import Choices
from neural_style.web.flag_checks import check_flags
from neural_style.web.job import LIVE, PICTURE, VIDEO, Job
from neural_style.web.queue import PaintingQueue

START = 'start.png'  # the picture that a changed job goes on from
CHOSEN = 'choices'  # what was set on the page, in job.json


@dataclass(frozen=True)
class Request:
    """What is set on the page when a button is pressed.

    content, style: paths of uploaded pictures, or None.  content_strokes, style_strokes: values of
    the editors of regions.  more_styles: paths of further styles.  weights: of all styles.
    """

    content: str | None
    style: str | None
    chosen: Choices
    content_strokes: Any = None
    style_strokes: Any = None
    keeps_rest: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    more_styles: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()

    def styles(self) -> list[str]:
        """Return the paths of all styles."""
        return [*filter(None, [self.style]), *self.more_styles]


class Actions:
    """The actions of the page.  Those that refuse something raise ValueError."""

    def __init__(self, arguments: Arguments, queue: PaintingQueue):
        self.queue = queue
        self.max_bytes = int(arguments.max_upload) << 20
        self.max_size = int(arguments.max_image_size)
        self.max_steps = int(arguments.max_iterations)
        self.max_frames = int(arguments.max_frames)

    def find(self, name: str | None) -> Job | None:
        return jobs.find(self.queue.results, name)

    def paint(self, request: Request) -> Job:
        """Let a new picture wait for its turn."""
        self.queue.check()
        job = self._prepared(request)
        self.queue.add(job)
        return job

    def change(self, former: Job, request: Request) -> Job:
        """Go on from the picture of a job with other settings, in a job of its own."""
        request = with_pictures_of(former, request)
        is_picture = not (former.is_video or clips.is_clip_file(request.content or ''))
        if not (is_picture and former.has(LIVE)):
            self.queue.end(former, 'stop')
            return self.paint(request)
        job = self._prepared(request, start=former)
        self.queue.end(former, 'stop')
        self.queue.add(job, first=True)
        return job

    def go_on(self, job: Job) -> Job:
        """Continue a job from its state; without one, from its picture."""
        if job.state not in ('paused', 'stopped', 'failed'):
            return job
        if job.can_continue():
            self.queue.add(job, first=True)
            return job
        copy = jobs.create(self.queue.results)
        flags = job.read()['flags']
        names = {name for word in flags for name in word.split(',')}
        for file in job.folder.iterdir():
            if file.name in names or file.name.endswith('_regions.png'):
                shutil.copyfile(file, copy.file(file.name))
        flags = with_start(flags, job, copy)
        jobs.start(copy, flags, job.read()['title'])
        copy.update(**{CHOSEN: job.read().get(CHOSEN, {})})
        self.queue.add(copy, first=True)
        return copy

    def end(self, job: Job, request: str) -> None:
        """Pause or stop a job."""
        self.queue.end(job, request)

    def _prepared(self, request: Request, start: Job | None = None) -> Job:
        """Make the folder of a job with its pictures and flags."""
        if request.content is None or request.style is None:
            missing = 'a photograph' if request.content is None else 'a style'
            raise ValueError(f'choose {missing} first')
        for path in request.styles():
            check = style_files if style_files.is_style_file(path) else uploads
            check.check(path, self.max_bytes)
        is_clip = clips.is_clip_file(request.content)
        output = VIDEO if is_clip else PICTURE
        chosen = request.chosen
        if style_files.paints_at_once(request.style):
            chosen = replace(chosen, preset=choices.FAST)
        flags = choices.flags(chosen, self.max_size, self.max_steps, output)
        strokes, pictures = regions.flags(
            request.content_strokes, request.style_strokes, request.keeps_rest
        )
        checked_flags = [*strokes, *flags, '-style_image', join_paths(request.styles())]
        if is_clip:
            frames = self._checked_frames(request.content, checked_flags)
        else:
            frames = 1
            uploads.check(request.content, self.max_bytes)
            check_flags(checked_flags)
        weights = blend_weights(request.weights) if request.more_styles else ''
        job = jobs.create(self.queue.results)
        content = uploads.keep(request.content, job, 'content')
        styles: list[str] = []
        for path in request.styles():
            taken = (content, *styles)
            styles.append(uploads.keep(path, job, 'style', taken))
        for name, picture in pictures.items():
            picture.save(job.file(name))
        files = ['-content_image', content, '-style_image', ','.join(styles), *strokes]
        if request.more_styles:
            files += ['-style_blend_weights', weights]
        flags = [*files, *flags]
        if start is not None:
            flags = with_start(flags, start, job)
        names = ' and '.join(Path(style).stem for style in styles)
        title = f'{Path(content).stem} in the style of {names}'
        jobs.start(job, flags, title.replace('_', ' '))
        job.update(**{CHOSEN: dict(request.settings), 'frames': frames})
        return job

    def _checked_frames(self, path: str, flags: list[str]) -> int:
        """Refuse a video that cannot be painted with flags; returns its number of frames."""
        uploads.check_bytes(path, self.max_bytes)
        with tempfile.TemporaryDirectory() as folder:
            facts = clips.inspect(path, f'{folder}/first.jpg', self.max_frames, flags)
        clips.check_length(facts, self.max_frames)
        return facts.frames


def with_pictures_of(job: Job, request: Request) -> Request:
    """Return a request with the pictures of a job where it has none: the page was reloaded."""

    def path(name: str) -> str | None:
        return str(job.file(name)) if name and job.has(name) else None

    request = replace(request, content=request.content or path(job.value('-content_image')))
    if request.styles():
        return request
    style, *more = (path(name) for name in job.value('-style_image').split(','))
    weights = job.value('-style_blend_weights')
    return replace(
        request,
        style=style,
        more_styles=tuple(filter(None, more)),
        weights=tuple(map(float, weights.split(','))) if weights else (),
    )


def blend_weights(weights: tuple[float, ...]) -> str:
    """Return the value of -style_blend_weights.  Raises ValueError."""
    limits = choices.WEIGHT.lowest, choices.WEIGHT.highest
    numbers = [choices.whole('weight', weight, *limits) for weight in weights]
    if not any(numbers):
        raise ValueError('every style has the weight 0: give one of them a higher one')
    return ','.join(map(str, numbers))


def with_start(flags: list[str], former: Job, job: Job) -> list[str]:
    """Return flags that begin with the picture of another job, which is copied.

    Painting at once begins with the photograph.
    """
    if '-fast' in flags:
        return flags
    source = former.file(PICTURE if former.has(PICTURE) else LIVE)
    shutil.copyfile(source, job.file(START))
    kept = list(flags)
    for flag in ('-init', '-init_image'):
        if flag in kept:
            index = kept.index(flag)
            del kept[index : index + 2]
    return [*kept, '-init', 'image', '-init_image', START]
