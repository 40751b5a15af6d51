"""The controls of the page: pictures, presets, four sliders, regions, and every other flag."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from neural_style.command.arguments import Arguments
from neural_style.command.flag_table import Flag
from neural_style.video.opening import is_video
from neural_style.web import choices, clip_upload, style_files
from neural_style.web.actions import CHOSEN, Request
from neural_style.web.blend import BlendControls, make_blend
from neural_style.web.choices import CAPTIONS, PICTURES, Choices, Slider
from neural_style.web.clip_upload import make_clip_upload
from neural_style.web.events import UNSEEN
from neural_style.web.job import Job
from neural_style.web.picture_input import example_paths, picture_input, picture_with_examples
from neural_style.web.region_editors import make_regions
from neural_style.web.stand_ins import stands_for
from neural_style.web.style_upload import make_style_upload

CONTENTS = ('harbour', 'horse')
STYLES = ('swirls', 'waves', 'ink_horse', 'qinglu')
SIMPLE = ('preset', 'strength', 'size', 'steps', 'keeps_colors', 'keeps_rest')


@dataclass
class Controls:
    """The components of the page that choose something."""

    content: Any = None
    style: Any = None
    content_strokes: Any = None
    style_strokes: Any = None
    blend: BlendControls = field(default_factory=BlendControls)
    simple: dict[str, Any] = field(default_factory=dict)
    advanced: dict[str, Any] = field(default_factory=dict)

    def components(self) -> list[Any]:
        """Return all components, in the order of the values of request."""
        strokes = [self.content_strokes, self.style_strokes]
        simple = [self.simple[name] for name in SIMPLE]
        pictures = [self.content, self.style, *strokes, *self.blend.components()]
        return [*pictures, *simple, *self.advanced.values()]

    def request(self, values: Any) -> Request:
        """Return what the values of the components ask for."""
        content, style, content_strokes, style_strokes, *others = values
        content, style = stands_for(content), stands_for(style)
        count = len(self.blend.components())
        styles, weights = self.blend.chosen(others[:count])
        others = others[count:]
        simple = dict(zip(SIMPLE, others, strict=False))
        advanced = dict(zip(self.advanced, others[len(SIMPLE) :], strict=True))
        advanced = {
            name: value for name, value in advanced.items() if value not in (None, '', False)
        }
        keeps_rest = bool(simple.pop('keeps_rest'))
        chosen = Choices(**simple, advanced=advanced)
        settings = {
            **simple,
            'keeps_rest': keeps_rest,
            'weights': weights,
            'advanced': advanced,
        }
        return Request(
            content,
            style,
            chosen,
            content_strokes,
            style_strokes,
            keeps_rest,
            settings,
            more_styles=tuple(styles),
            weights=tuple(weights),
        )

    def values_of(self, job: Job) -> list[Any]:
        """Return the values of all components for "again with": those of a job."""
        settings = job.read().get(CHOSEN) or {}
        content = shown_copy(job, job.value('-content_image'))
        style, *more = [shown_copy(job, name) for name in job.value('-style_image').split(',')]
        blend = self.blend.values_of(more, settings.get('weights', []))
        simple = [settings.get(name, gr.skip()) for name in SIMPLE]
        advanced = settings.get('advanced', {})
        others = [advanced.get(name) for name in self.advanced]
        return [content, style, None, None, *blend, *simple, *others]


def shown_copy(job: Job, name: str) -> str | None:
    """Copy a picture of a job to where gradio may read it; the results are none of its business."""
    if not name or not job.has(name):
        return None
    path = str(job.file(name))
    if is_video(path):
        return clip_upload.stand_in_for(path, 1)[0]
    if style_files.is_style_file(path):
        return style_files.stand_in_for(path)
    folder = tempfile.mkdtemp(dir=os.environ.get('GRADIO_TEMP_DIR'))
    return shutil.copy(job.file(name), folder)


def make_controls(arguments: Arguments) -> Controls:
    """Make the controls, within gr.Blocks."""
    controls = Controls()
    with gr.Row(equal_height=False):
        with gr.Column(min_width=150):
            controls.content = picture_with_examples(
                'Photograph', 'ns-content', example_paths(CONTENTS)
            )
            make_clip_upload(controls.content, arguments)
        with gr.Column(min_width=150):
            controls.style = picture_with_examples(
                'Style', 'ns-style', [*example_paths(STYLES), *style_files.samples()]
            )
            make_style_upload(controls.style, arguments)
    with gr.Tabs():
        with gr.Tab('Simple'):
            make_simple(controls, arguments)
        with gr.Tab('Regions'):
            editors = make_regions(
                controls.content, controls.style, int(arguments.max_upload) << 20
            )
            controls.content_strokes, controls.style_strokes = editors.content, editors.style
            controls.simple['keeps_rest'] = editors.keeps_rest
        with gr.Tab('All settings'):
            make_advanced(controls)
    return controls


def make_simple(controls: Controls, arguments: Arguments) -> None:
    """Make the presets as pictures, and the four controls."""
    names = choices.shown_presets()
    preset = gr.State(choices.PRESET)
    thumbs = gr.Gallery(
        [(str(PICTURES / f'preset_{name or "original"}.jpg'), CAPTIONS[name]) for name in names],
        columns=4,
        label='Preset',
        show_label=False,
        allow_preview=False,
        interactive=False,
        selected_index=0,
        object_fit='cover',
        buttons=[],
        elem_id='ns-presets',
        elem_classes=['ns-thumbs'],
    )
    controls.simple['preset'] = preset
    make_sliders(controls, arguments)
    steps, size = controls.simple['steps'], controls.simple['size']

    def choose(event: gr.SelectData) -> Any:
        name = names[event.index]
        size = choices.preset_size(name)
        if name == choices.FAST:  # which knows no steps
            return name, gr.skip(), size
        return name, int(choices.preset_value(name, 'num_iterations')), size

    thumbs.select(choose, None, [preset, steps, size], **UNSEEN)


def make_sliders(controls: Controls, arguments: Arguments) -> None:
    """Make the four controls: strength, size, detail, colours."""
    max_size, max_steps = int(arguments.max_image_size), int(arguments.max_iterations)
    strength = slider(choices.STRENGTH, 'strength')
    size = slider(choices.SIZE, 'size', max_size)
    steps = slider(choices.STEPS, 'steps', min(choices.STEPS.highest, max_steps))
    keeps_colors = gr.Checkbox(False, label=choices.KEEPS_COLORS, elem_id='ns-colors')
    controls.blend = make_blend(picture_input, slider)
    controls.simple |= {
        'strength': strength,
        'size': size,
        'steps': steps,
        'keeps_colors': keeps_colors,
    }


def slider(of: Slider, name: str, highest: int | None = None, label: str = '') -> Any:
    """Make a slider.  highest: a limit of this page.  label: in the place of its own."""
    return gr.Slider(
        of.lowest,
        of.highest if highest is None else highest,
        of.start,
        step=of.step,
        label=label or of.label,
        info=of.info,
        elem_id=f'ns-{name}',
    )


def make_advanced(controls: Controls) -> None:
    """Make a component for every other flag, under the headings of the documentation."""
    gr.Markdown('Empty is what the preset says, or else the default.')
    groups: dict[str, list[Flag]] = {}
    for flag in choices.shown_flags().values():
        groups.setdefault(flag.group, []).append(flag)
    for group, flags in groups.items():
        with gr.Accordion(group, open=False):
            for flag in flags:
                controls.advanced[flag.name] = flag_component(flag)


def flag_component(flag: Flag) -> Any:
    """Make the component of a flag."""
    options: dict[str, Any] = {
        'label': f'-{flag.name}',
        'info': flag.description,
        'elem_id': f'ns-flag-{flag.name}',
    }
    if isinstance(flag.default, bool):
        return gr.Checkbox(False, **options)
    values = choices.values_of(flag)
    if values:
        return gr.Dropdown(['', *values], value='', **options)
    placeholder = 'empty' if flag.default == '' else f'{flag.default}'
    return gr.Textbox(placeholder=placeholder, max_lines=1, max_length=200, **options)
