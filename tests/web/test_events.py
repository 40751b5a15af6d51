"""What the page says when something is refused."""

import pytest

pytest.importorskip('gradio', reason='needs the extra [web]')

from neural_style.web.events import refusal  # noqa: E402


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('choose a style first', 'Choose a style first.'),
        ('size: give a number from 32 to 64', 'Size: give a number from 32 to 64.'),
        ('clip.mp4: not a video that can be read', 'clip.mp4: not a video that can be read.'),
        ('-color: needs the style images', '-color: needs the style images.'),
    ],
)
def test_refusals_are_sentences_and_keep_names_of_files_and_flags(text, shown):
    assert refusal(ValueError(text)).message == shown
