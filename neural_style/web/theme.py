"""The looks of the page: fonts of the system, colours for light and dark."""

from typing import Any

import gradio as gr

FONT = ('system-ui', 'sans-serif')
MONO = ('ui-monospace', 'monospace')


def theme() -> Any:
    """Return the theme; nothing of it is fetched from anywhere."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        font=FONT,
        font_mono=MONO,
    )
    return base.set(
        body_background_fill='#f6f4f0',
        body_background_fill_dark='#16171a',
        background_fill_primary='#ffffff',
        background_fill_primary_dark='#1f2125',
        background_fill_secondary='#f6f4f0',
        background_fill_secondary_dark='#16171a',
        block_background_fill='#ffffff',
        block_background_fill_dark='#1f2125',
        block_border_width='0px',
        block_border_width_dark='0px',
        block_shadow='0 1px 3px rgb(0 0 0 / .14)',
        block_shadow_dark='0 1px 3px rgb(0 0 0 / .4)',
        block_label_background_fill='transparent',
        block_label_background_fill_dark='transparent',
        block_label_border_width='0px',
        block_label_text_color='#5b5e66',
        block_label_text_color_dark='#a8abb4',
        block_info_text_color='#5b5e66',
        block_info_text_color_dark='#a8abb4',
        border_color_primary='#dedad2',
        border_color_primary_dark='#34373d',
        input_background_fill='#faf9f6',
        input_background_fill_dark='#16171a',
        button_primary_background_fill='#2f5d9b',
        button_primary_background_fill_hover='#274e83',
        button_primary_background_fill_dark='#3d6fb3',
        button_primary_background_fill_hover_dark='#4a7dc4',
        button_primary_text_color='#ffffff',
        slider_color='#2f5d9b',
        slider_color_dark='#8ab4f0',
    )
