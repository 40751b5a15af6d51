"""Events of the page: how they are wired, and what they say when something is refused."""

from typing import Any

import gradio as gr

# Options of events that show no progress and are no part of an interface for programs.
UNSEEN: dict[str, Any] = {'show_progress': 'hidden', 'api_visibility': 'private'}


def refusal(error: ValueError) -> gr.Error:
    """Return an error for the page."""
    text = str(error)
    first_word = text.partition(' ')[0].rstrip(':,')
    if first_word.isalpha():  # no name of a file or a flag
        text = text[:1].upper() + text[1:]
    title = 'That does not work'
    return gr.Error(f'{text}.', title=title, print_exception=False)
