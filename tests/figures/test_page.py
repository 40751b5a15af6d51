"""The HTML page."""

import html.parser
import os
import shutil
from pathlib import Path

from neural_style.figures.page import curve, number


class CheckedPage(html.parser.HTMLParser):
    """Fails at a tag that is closed out of turn; notes tags, references and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.text = [], [], [], ''
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for key, value in attributes if key in ('src', 'href')]
        if tag not in ('meta', 'img'):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_page_is_well_formed_and_needs_nothing_else(command, data):
    shutil.copy(data / 'inputs' / 'strokes.jpg', 'a<b>&"c.jpg')
    assert command('2', "-style_image 'a<b>&\"c.jpg'") == 0
    text = Path('out', 'index.html').read_text(encoding='utf-8')
    page = CheckedPage(text)
    assert 'http' not in text and 'script' not in page.tags
    assert all(os.path.exists(os.path.join('out', name)) for name in page.references)
    assert page.tags.count('svg') == 1 and 'b' not in page.tags
    assert 'a<b>&"c.jpg' in page.text
    for label in ('evaluation', 'total loss', 'relu4_2', 'sha256', 'Reading: code'):
        assert label in page.text


def test_losses_that_are_not_finite_are_shown_as_such():
    assert number(None) == 'not a number'
    assert curve([None, None], 'x').startswith('<p>')
    CheckedPage(curve([1.0, None, 1e-7], 'x'))
