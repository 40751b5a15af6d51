"""How often the page of -preview gets pictures."""

import itertools

import pytest
import torch

from neural_style.command import preview
from neural_style.command.parsing import parse_arguments
from neural_style.command.preview import Preview
from neural_style.command.saving import OutputImage
from neural_style.command.schedule import Schedule
from neural_style.command.signals import Interruption
from neural_style.transfer.session import Iterate


class Clock:
    """A clock that goes as the test says."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


# seconds that a picture takes; between two of them, at least and at most
@pytest.mark.parametrize(
    ('cost', 'least', 'most'), [(0.0001, 0.3, 0.41), (0.01, 2.0, 2.11), (1, 5, 6.11)]
)
def test_pictures_take_little_of_the_run_and_come_soon_enough(monkeypatch, cost, least, most):
    clock = Clock()

    def shrink(picture):
        clock.now += cost
        return picture

    arguments = parse_arguments([])
    output = OutputImage(arguments, (8, 8), None, None, None)
    view = Preview()
    view.begin(arguments, output, torch.zeros(3, 8, 8), Schedule([8], [1000]), Interruption())
    monkeypatch.setattr(preview, 'time', clock)
    monkeypatch.setattr(preview, 'shrunk', shrink)
    times, last = [], None
    for number in range(300):  # evaluations of a tenth of a second
        picture = view.state()['picture']
        if picture != last:
            times.append(clock.now)
            last = picture
        clock.now += 0.1
        image = torch.zeros(3, 8, 8)
        view.show(Iterate(number, 1000, image, torch.zeros(()), image))
    intervals = [b - a for a, b in itertools.pairwise(times)]
    assert least <= min(intervals) + 1e-6 and max(intervals) <= most
