"""The tab where a camera is painted live: its style on the left, the painted picture on the right.

live.js sends the frames; it reads style, size and strength from the components.
"""

import html
import importlib.resources

import gradio as gr

from neural_style.command.arguments import Arguments
from neural_style.fast.trained import TrainedStyle
from neural_style.web import style_files, uploads
from neural_style.web.choices import WEIGHT
from neural_style.web.events import UNSEEN
from neural_style.web.live import Cameras
from neural_style.web.picture_input import example_paths, picture_with_examples
from neural_style.web.stand_ins import stands_for
from neural_style.web.style_upload import make_style_upload

TEMPLATES = importlib.resources.files('neural_style.web') / 'templates'
PAINTINGS = ('swirls', 'waves', 'ink_horse', 'qinglu')
FIRST = 'swirls'  # the trained style that is there at the beginning
START_SIZE = 384
SAVED = 'a saved style needs many steps for a picture; choose a trained style, or a painting'
SLOWER = 'A painting takes two to three times as long as a trained style.'


def make_live(arguments: Arguments, cameras: Cameras) -> None:
    """Make the tab, within gr.Blocks."""
    max_bytes = int(arguments.max_upload) << 20
    trained = list(style_files.samples())
    first = next((path for path in trained if style_files.name_of(path) == FIRST), None)

    def choose(picture: str | None) -> str:
        return choice(cameras, stands_for(picture), max_bytes)

    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            style = picture_with_examples(
                'Style',
                'ns-live-style',
                [*trained, *example_paths(PAINTINGS)],
                first and style_files.stand_in_for(first),
            )
            make_style_upload(style, arguments, 'ns-live-trained', lambda path: '')
            chosen = gr.HTML(choice(cameras, first, max_bytes), elem_id='ns-live-choice')
            gr.Radio(
                cameras.sizes,
                value=min(START_SIZE, cameras.sizes[-1]),
                label='Size',
                info='Longer side in pixels; smaller ones follow the camera faster',
                elem_id='ns-live-size',
                interactive=True,  # though no event of Gradio's reads it
            )
            gr.Slider(
                0,
                100,
                100,
                step=5,
                label='Style strength',
                info='Percent',
                elem_id='ns-live-strength',
                interactive=True,
            )
        with gr.Column(scale=7, min_width=320, elem_classes=['ns-right', 'ns-live-right']):
            gr.HTML(
                (TEMPLATES / 'live.html').read_text('utf-8'), elem_id='ns-live', js_on_load=None
            )
    style.change(choose, style, chosen, **UNSEEN)


def choice(cameras: Cameras, path: str | None, max_bytes: int) -> str:
    """Return a style for the script, with a control for each style in its file, or what is wrong.

    path: of a trained style or a painting.
    """
    if path is None:
        return ''
    try:
        names, note = looked_at(path, max_bytes)
    except ValueError as error:
        problem = html.escape(f'That does not work: {error}.')
        return f'<p role="alert" class="ns-failed">{problem}</p>'
    note = note and f'<p class="ns-faint">{note}</p>'
    weights = ''.join(map(weight, names))
    return f'<div data-style="{cameras.offer(path)}" class="ns-mixture">{weights}{note}</div>'


def looked_at(path: str, max_bytes: int) -> tuple[list[str], str]:
    """Return the names of the styles in a file, if there are several, and a note.

    Raises ValueError for what cannot be painted with.
    """
    if not style_files.is_style_file(path):
        uploads.check(path, max_bytes)
        return [], SLOWER
    style_files.check(path, max_bytes)
    if not style_files.paints_at_once(path):
        raise ValueError(SAVED)
    names = list(TrainedStyle.load(path).names)
    return (names, 'The styles are mixed by their weights.') if len(names) > 1 else ([], '')


def weight(name: str) -> str:
    """Return the control for the weight of a style."""
    return (
        f'<label><span>{html.escape(name)}</span><input type="range" min="0"'
        f' max="{WEIGHT.highest}" value="{WEIGHT.start}" step="0.5" data-weight></label>'
    )
