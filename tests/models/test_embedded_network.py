"""The small network that comes with the program."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from samples import ROOT, without_location
from torch import nn

import loadcaffe
from neural_style import preprocess, stylize
from neural_style.command.networks import embedded_network
from neural_style.command.process import main
from neural_style.torch7 import image

INPUTS = ROOT / 'examples' / 'inputs'


def load():
    return loadcaffe.load(*embedded_network())


def picture(name, size):
    return image.scale(image.load(INPUTS / f'{name}.jpg'), size)


def test_files_are_small():
    sizes = [ROOT.joinpath(path).stat().st_size for path in embedded_network()]
    assert sum(sizes) < 3_000_000


def test_layers_are_vgg16s_up_to_relu5_1_with_pairs_of_convolutions():
    names = []
    for block, convolutions in enumerate((2, 2, 3, 3, 1), start=1):
        for number in range(1, convolutions + 1):
            convolution = f'conv{block}_{number}'
            names += [f'{convolution}_v', convolution, f'relu{block}_{number}']
        names.append(f'pool{block}')
    assert [layer.name for layer in load()] == names[:-1]


def test_layers_of_the_default_losses_are_as_wide_as_vgg16s():
    widths = {layer.name: layer.out_channels for layer in load() if isinstance(layer, nn.Conv2d)}
    names = ('conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv4_2', 'conv5_1')
    assert [widths[name] for name in names] == [64, 128, 256, 512, 512, 512]


def test_prototxt_describes_the_caffemodel():
    described, trained = (loadcaffe.read(path) for path in embedded_network())
    assert [(a.name, a.type) for a in described.layers] == [
        (b.name, b.type) for b in trained.layers
    ]


def test_weights_are_no_accident():
    """Finite, and not all of one size, as random ones of one scale are."""
    for layer in load():
        if isinstance(layer, nn.Conv2d):
            assert all(values.isfinite().all() for values in layer.parameters())
            norms = layer.weight.flatten(1).norm(dim=1)
            assert norms.std() > 0.05 * norms.mean(), layer.name


def test_every_filter_answers_to_some_picture():
    cnn = load()
    seen = {}
    for name in ('harbour', 'swirls', 'ink_landscape', 'waves'):
        features = preprocess(picture(name, 192)).float().unsqueeze(0)
        for layer in cnn:
            features = layer(features)
            if isinstance(layer, nn.ReLU):
                active = features.amax((0, 2, 3)) > 0
                seen[layer.name] = seen.get(layer.name, active) | active
    for name, active in seen.items():
        assert active.all(), name


def losses(size, **settings):
    content, style = picture('harbour', size), picture('swirls', size)
    values = []
    settings['callback'] = lambda iterate: values.append(iterate.loss.item())
    stylize(load(), content, [style], **settings)
    return values


def test_run_is_deterministic():
    first, second = (losses(48, seed=1, num_iterations=4) for _ in range(2))
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize(
    ('seed', 'size'), [*((seed, 64) for seed in range(1, 9)), (1, 128), (2, 128)]
)
def test_loss_falls_from_any_noise(seed, size):
    values = losses(size, seed=seed, num_iterations=60)
    assert all(map(math.isfinite, values))
    assert values[-1] < values[0] / 20


FLAGS = [
    *('-gpu', '-1', '-image_size', '48', '-num_iterations', '2', '-init', 'image'),
    *('-content_image', str(INPUTS / 'harbour.jpg'), '-style_image', str(INPUTS / 'swirls.jpg')),
]


def test_the_network_is_used_without_a_model_and_a_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(FLAGS) == 0
    captured = capsys.readouterr()
    (line,) = without_location(captured.err).splitlines()
    assert 'using the small embedded network' in line
    assert 'models/download_models.sh fetches VGG-19' in line
    assert captured.out.startswith('Successfully loaded ')
    assert np.asarray(Image.open('out.png')).shape == (36, 48, 3)


def test_a_model_in_its_place_is_used_instead(tmp_path, monkeypatch, capsys, data):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'models').mkdir()
    for end, name in (('prototxt', '_deploy.prototxt'), ('caffemodel', '.caffemodel')):
        target = tmp_path / 'models' / f'VGG_ILSVRC_19_layers{name}'
        target.symlink_to(data / 'models' / f'mini_vgg19.{end}')
    assert main(FLAGS) == 0
    captured = capsys.readouterr()
    assert without_location(captured.err) == ''
    assert captured.out.startswith('Successfully loaded models/VGG_ILSVRC_19_layers.caffemodel\n')


@pytest.mark.parametrize('flag', ['-model_file', '--model_file'])
def test_a_model_that_is_named_must_be_there(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.chdir(tmp_path)
    assert main([*FLAGS, flag, 'models/VGG_ILSVRC_19_layers.caffemodel']) == 1
    assert '-model_file models/VGG_ILSVRC_19_layers.caffemodel: no such file' in (
        capsys.readouterr().err
    )


def test_the_network_is_installed_with_the_package(wheel):
    for end in ('prototxt', 'caffemodel'):
        assert f'neural_style/models/small_vgg16.{end}' in wheel


def test_another_size_needs_no_other_weights():
    """Gram matrices are means over positions: a style at two sizes has losses of one order."""
    cnn = load()
    depth = [layer.name for layer in cnn].index('relu3_1') + 1
    means = []
    for size in (96, 192):
        features = preprocess(picture('swirls', size)).float().unsqueeze(0)
        with torch.no_grad():
            means.append(cnn[:depth](features).mean().item())
    assert means[0] == pytest.approx(means[1], rel=0.3)
