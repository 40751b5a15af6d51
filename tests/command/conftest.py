"""Fixtures of the command: ways to run it, and to do something while it runs."""

import shutil
from fractions import Fraction

import pytest
from PIL import Image

from neural_style import stylize
from neural_style.command import run as run_module
from neural_style.command.process import main
from neural_style.torch7.image import to_bytes
from neural_style.transfer import objective
from neural_style.video import flow_cache
from neural_style.video.clip import ClipFormat
from neural_style.video.encoding import encode_video
from neural_style.video.flow import dis_flow
from tools.drawing.sequences import sequence


@pytest.fixture
def small_command(data, tmp_path, monkeypatch):
    """Run the command once over an image of 32 pixels; takes flags one by one."""
    monkeypatch.chdir(tmp_path)
    stem = data / 'models' / 'mini_vgg19_conv'
    defaults = [
        *('-gpu', '-1', '-seed', '1', '-num_iterations', '1', '-image_size', '32'),
        *('-content_image', str(data / 'inputs' / 'scene.jpg')),
        *('-style_image', str(data / 'inputs' / 'strokes.jpg')),
        *('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel'),
    ]
    return lambda *flags: main([*defaults, *map(str, flags)])


@pytest.fixture
def traced_command(data, tmp_path, monkeypatch):
    """Run the command; returns its exit status and the keywords that stylize was called with."""
    monkeypatch.chdir(tmp_path)
    calls = {}

    def traced(cnn, content_image, style_images, **keywords):
        content_image, style_images = (
            images() if callable(images) else images for images in (content_image, style_images)
        )
        calls.update(keywords, content_image=content_image, style_images=style_images)
        return stylize(cnn, content_image, style_images, **keywords)

    monkeypatch.setattr(run_module, 'stylize', traced)
    stem = data / 'models' / 'mini_vgg19_conv'
    defaults = [
        *('-gpu', '-1', '-seed', '1', '-num_iterations', '2', '-image_size', '48'),
        *('-content_image', str(data / 'inputs' / 'scene.jpg')),
        *('-style_image', str(data / 'inputs' / 'strokes.jpg')),
        *('-proto_file', f'{stem}.prototxt', '-model_file', f'{stem}.caffemodel'),
    ]

    def run(*flags):
        calls.clear()
        status = main([*defaults, *flags])
        return status, dict(calls)

    return run


@pytest.fixture
def at_evaluation(monkeypatch):
    """Do something during the evaluation of a number, from 1."""
    evaluations = []

    def wrap(number, action):
        def evaluate(*args):
            evaluations.append(number)
            if len(evaluations) == number:
                action()
            return real(*args)

        real = objective.evaluate
        monkeypatch.setattr(objective, 'evaluate', evaluate)

    return wrap


@pytest.fixture
def private_command(data, tmp_path, monkeypatch):
    """Run the command in an empty folder, on inputs in another folder, `private`."""
    private = tmp_path / 'private'
    private.mkdir()
    for name in ('scene.jpg', 'strokes.jpg', 'waves.jpg', 'grey_gray.png', 'harbour_alpha.png'):
        shutil.copy(data / 'inputs' / name, private)
    for suffix in ('prototxt', 'caffemodel'):
        shutil.copy(data / 'models' / f'mini_vgg19_conv.{suffix}', private)
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    network = private / 'mini_vgg19_conv'
    defaults = {
        '-gpu': '-1',
        '-image_size': '48',
        '-num_iterations': '3',
        '-noise_scale': '20',  # else nothing of the noise is seen after three iterations
        '-content_image': private / 'scene.jpg',
        '-style_image': private / 'strokes.jpg',
        '-proto_file': f'{network}.prototxt',
        '-model_file': f'{network}.caffemodel',
    }

    def run(*flags):
        explicit = [str(flag) for flag in flags]
        pairs = [pair for pair in defaults.items() if pair[0] not in explicit]
        return main([str(word) for pair in pairs for word in pair] + explicit)

    run.private = private
    return run


@pytest.fixture
def rerun(private_command):
    """Repeat a run with the inputs in the folder of the picture."""

    def run(path, *flags):
        for file in private_command.private.iterdir():
            shutil.copy(file, '.')
        return main(['-rerun', str(path), *map(str, flags)])

    return run


def drawn_frames(count, name='pan', size=(36, 48)):
    picture = sequence(name, *size)
    return [to_bytes(picture.frame(time)) for time in range(count)]


@pytest.fixture
def clip(tmp_path):
    """Write a clip of four frames of a camera pan."""
    frames = [(Fraction(number, 10), frame) for number, frame in enumerate(drawn_frames(4))]
    encode_video(str(tmp_path / 'clip.mp4'), frames, ClipFormat(Fraction(10)), crf=5)
    return 'clip.mp4'


@pytest.fixture
def numbered(tmp_path):
    """Write the frames of a sequence as f1.png, f2.png and so on; returns their pattern."""

    def write(count, name='pan'):
        for number, frame in enumerate(drawn_frames(count, name), start=1):
            Image.fromarray(frame).save(tmp_path / f'f{number}.png')
        return 'f%d.png'

    return write


@pytest.fixture
def computed(monkeypatch):
    """Note the pictures of every flow that is computed."""
    noted = []

    def traced(source, target):
        noted.append((source.tobytes(), target.tobytes()))
        return dis_flow(source, target)

    monkeypatch.setattr(flow_cache, 'dis_flow', traced)
    return noted
