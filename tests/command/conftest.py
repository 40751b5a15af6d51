"""Fixtures of the command: runs whose inputs are in a folder of their own."""

import shutil

import pytest

from neural_style.command.process import main


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
