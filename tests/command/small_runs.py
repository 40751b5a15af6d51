"""Flags and processes of small runs, and what ends them."""

import os
import sys

from samples import ROOT

# Flags of a run that prints, saves and goes on for a while.
SEVEN_ITERATIONS = '-num_iterations 7 -print_iter 1 -save_iter 2'


def script(data):
    """Return the arguments of a process that runs the script for one evaluation."""
    flags = [
        *('-gpu', '-1', '-image_size', '32', '-num_iterations', '1'),
        *('-content_image', data / 'inputs' / 'scene.jpg'),
        *('-style_image', data / 'inputs' / 'strokes.jpg'),
        *('-proto_file', data / 'models' / 'mini_vgg19_conv.prototxt'),
        *('-model_file', data / 'models' / 'mini_vgg19_conv.caffemodel'),
    ]
    return [sys.executable, ROOT / 'neural_style.py', *flags]


def send(number):
    """Return an action that sends a signal to this process."""
    return lambda: os.kill(os.getpid(), number)


def fail(error):
    """Return an action that raises an error."""

    def action():
        raise error

    return action
