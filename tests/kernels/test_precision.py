"""-precision: low precision in the convolutions, and nowhere else."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image
from samples import DATA, loss_network
from torch import nn

import loadcaffe
from neural_style import evaluate, stylize
from neural_style.command.process import main
from neural_style.kernels import precision
from neural_style.kernels.convolution import FrozenConvolution
from neural_style.kernels.precision import choose_precision
from neural_style.network.loss_network import INITIAL_FLOAT16_SCALE

CPU = torch.device('cpu')
STEM = DATA / 'models' / 'mini_vgg19_conv'


def picture(seed, height=60, width=80):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator) * 50


def network(**settings):
    cnn = loadcaffe.load(f'{STEM}.prototxt', f'{STEM}.caffemodel')
    net = loss_network(cnn, **{'style_layers': ['relu1_1', 'relu2_1', 'relu3_1']} | settings)
    net.capture_content(picture(1))
    net.capture_style(picture(2), 1.0)
    return net


@pytest.mark.parametrize('padding', [(0, 0), (1, 1), (0, 2)])
@pytest.mark.parametrize('rectify', [False, True])
@pytest.mark.parametrize('bias', [False, True])
def test_fixed_convolution_is_the_layer_and_its_gradient(padding, rectify, bias):
    torch.manual_seed(0)
    layer = nn.Conv2d(5, 7, 3, padding=padding, bias=bias)
    fixed = FrozenConvolution(layer, torch.float32, CPU)
    x = torch.randn(1, 5, 9, 8, requires_grad=True)
    want, got = layer(x), fixed(x, count=1 + rectify)
    want = want.relu() if rectify else want
    above = torch.randn_like(want)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(
        torch.autograd.grad(got, x, above.clone()), torch.autograd.grad(want, x, above)
    )


@pytest.mark.parametrize(
    ('options', 'fits'),
    [
        ({}, True),
        ({'padding': 2}, True),
        ({'padding': 3}, False),
        ({'stride': 2}, False),
        ({'dilation': 2}, False),
        ({'groups': 2}, False),
    ],
)
def test_only_plain_convolutions_are_fixed(options, fits):
    assert FrozenConvolution.fits(nn.Conv2d(4, 4, 3, **options)) == fits


@pytest.mark.parametrize('kind', ['bf16', 'fp16'])
@pytest.mark.parametrize('settings', [{}, {'normalize_gradients': True}, {'pooling': 'avg'}])
@pytest.mark.parametrize('layer', ['relu3_1', 'conv3_1'])
def test_low_precision_is_close_to_float32(kind, settings, layer):
    x, results = picture(0), []
    for name in ('fp32', kind):
        net = network(style_layers=['relu1_1', 'relu2_1', layer], precision=name, **settings)
        results.append(evaluate(net, x))
    (loss, gradient), (low_loss, low_gradient) = results
    assert low_gradient.dtype == torch.float32
    assert low_gradient.isfinite().all()
    # Eight bits a value; maxima between near-equal neighbours change places.
    assert float(low_loss) == pytest.approx(float(loss), rel=0.01)
    cosine = nn.functional.cosine_similarity(gradient.flatten(), low_gradient.flatten(), dim=0)
    assert cosine > 0.98
    assert low_gradient.norm() == pytest.approx(gradient.norm().item(), rel=0.03)


@pytest.mark.parametrize('kind', ['bf16', 'fp16'])
def test_a_cpu_that_has_no_such_convolution_takes_a_plain_one(monkeypatch, kind):
    net = network(style_layers=['relu1_1', 'relu3_1'], precision=kind)
    loss, _ = evaluate(net, picture(0))
    ops = torch.ops.mkldnn
    monkeypatch.setattr(ops, f'_is_mkldnn_{kind}_supported', lambda: False)
    monkeypatch.setattr(ops, '_convolution_pointwise', None)
    plain, gradient = evaluate(net, picture(0))
    assert gradient.isfinite().all()
    assert float(plain) == pytest.approx(float(loss), rel=0.01)


def test_targets_and_losses_are_float32():
    net = network(precision='bf16')
    evaluate(net, picture(0))
    for loss in net.losses:
        assert loss.target.dtype == torch.float32
        assert loss.loss.dtype == torch.float64


@pytest.mark.parametrize('kind', ['bf16', 'fp16'])
def test_layers_with_weights_that_stay_float32_take_float32(kind):
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2)
    cnn = nn.Sequential(first, nn.PReLU(8), last).requires_grad_(False)
    losses = {'content_layers': ['1'], 'style_layers': ['2']}
    plain, low = (loss_network(cnn, precision=name, **losses) for name in ('fp32', kind))
    gradients = []
    for net in (plain, low):
        net.capture_content(picture(1))
        net.capture_style(picture(2), 1.0)
        gradients.append(evaluate(net, picture(0))[1])
    assert (gradients[1] - gradients[0]).norm() < 0.05 * gradients[0].norm()


def test_float16_scales_gradients_that_it_could_not_hold():
    plain = evaluate(network(content_weight=1e-4, style_weight=1e-6, tv_weight=0), picture(0))[1]
    assert plain.abs().median() < 2e-6, 'float16 holds 6e-5 and more with all its bits'
    net = network(content_weight=1e-4, style_weight=1e-6, tv_weight=0, precision='fp16')
    low = evaluate(net, picture(0))[1]
    assert (low - plain).norm() < 0.2 * plain.norm()
    assert net.scale == INITIAL_FLOAT16_SCALE


@pytest.mark.parametrize('content_weight', [1e5, 1e10])
def test_float16_lowers_its_scale_where_gradients_overflow(content_weight):
    weights = {'content_weight': content_weight, 'style_weight': 0.0}
    plain = evaluate(network(**weights), picture(0))[1]
    net = network(precision='fp16', **weights)
    low = evaluate(net, picture(0))[1]
    assert net.scale < INITIAL_FLOAT16_SCALE
    assert low.isfinite().all()
    assert (low - plain).norm() < 0.2 * plain.norm()


def test_features_that_float16_cannot_hold_are_refused(monkeypatch):
    monkeypatch.setattr(precision, 'speedup', lambda kind, device: 8.0)
    cnn = loadcaffe.load(f'{STEM}.prototxt', f'{STEM}.caffemodel')
    cnn[2].weight *= 1e4
    pictures = [(picture(k, 30, 40) / 256 + 0.5).clamp(0, 1).double() for k in (3, 4)]
    settings = {'num_iterations': 2, 'optimizer': 'adam', 'init': 'image'}
    run = functools.partial(stylize, cnn, pictures[0], [pictures[1]], **settings)
    with pytest.raises(ValueError, match='`precision` fp16: the features .* exceed 65504'):
        run(precision='fp16')
    assert run(precision='bf16').isfinite().all()
    cnn[2].weight /= 1e4
    assert run(precision='fp16').isfinite().all()


def test_runs_in_low_precision_reach_the_loss_of_float32(monkeypatch):
    content, style = ((picture(k) / 256 + 0.5).clamp(0, 1).double() for k in (3, 4))
    final = {}
    # bf16 need not be fast here
    monkeypatch.setattr(precision, 'speedup', lambda kind, device: 8.0)
    for kind in ('fp32', 'bf16'):
        found = []
        result = stylize(
            loadcaffe.load(f'{STEM}.prototxt', f'{STEM}.caffemodel'),
            content,
            [style],
            num_iterations=40,
            init='image',
            seed=1,
            precision=kind,
            callback=lambda it, found=found: found.append(float(it.loss)),
        )
        assert result.isfinite().all()
        final[kind] = found[-1]
    assert final['bf16'] < 1.1 * final['fp32']


@pytest.fixture
def fast(monkeypatch):
    """A machine on which bfloat16 is fast and float16 is not."""
    monkeypatch.setattr(precision, 'speedup', lambda kind, device: {'bf16': 8.0, 'fp16': 0.5}[kind])


@pytest.mark.usefixtures('fast')
def test_choose_precision_measures_the_device():
    assert choose_precision('fp32', CPU) == 'fp32'
    assert choose_precision('bf16', CPU) == 'bf16'
    assert choose_precision('auto', CPU) == 'bf16'
    with pytest.raises(
        ValueError, match=r'-precision fp16: on this device \(cpu\) it is 0.5 times'
    ):
        choose_precision('fp16', CPU)
    with pytest.raises(ValueError, match='-precision half: choose fp32, bf16, fp16 or auto'):
        choose_precision('half', CPU)


def test_auto_is_float32_where_nothing_is_faster(monkeypatch):
    monkeypatch.setattr(precision, 'speedup', lambda kind, device: 1.1)
    assert choose_precision('auto', CPU) == 'fp32'


def test_speedup_of_what_cannot_be_had_is_zero(monkeypatch):
    def refuse(dtype, device):
        raise RuntimeError('no kernel')

    threads = torch.get_num_threads()
    monkeypatch.setattr(precision, '_seconds', refuse)
    assert precision.speedup('bf16', CPU) == 0
    assert torch.get_num_threads() == threads
    with pytest.raises(ValueError, match='it is not to be had; use fp32'):
        choose_precision('bf16', CPU)


def test_speedup_is_a_ratio_of_two_measurements():
    assert 0.01 < precision.speedup('bf16', CPU) < 100


FLAGS = [
    *('-gpu', '-1', '-image_size', '160', '-num_iterations', '3', '-seed', '1', '-init', 'image'),
    *('-content_image', str(DATA / 'inputs' / 'scene.jpg')),
    *('-style_image', str(DATA / 'inputs' / 'strokes.jpg')),
    *('-proto_file', f'{STEM}.prototxt', '-model_file', f'{STEM}.caffemodel'),
]


@pytest.mark.usefixtures('fast')
def test_the_flag_reaches_the_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pictures = []
    for kind in ('fp32', 'bf16', 'auto'):
        assert main([*FLAGS, '-precision', kind, '-lbfgs_max_step', '10']) == 0
        with Image.open('out.png') as out:
            pictures.append(np.asarray(out, float))
    full, low, auto = pictures
    assert np.array_equal(low, auto)
    assert 0 < np.abs(low - full).mean() < 3
    assert main([*FLAGS, '-precision', 'fp16']) == 1
    assert 'neural_style: -precision fp16' in capsys.readouterr().err


@pytest.mark.parametrize(('flag', 'limit'), [(0, 10), (3, 3)])
def test_low_precision_limits_the_steps_of_lbfgs(monkeypatch, flag, limit):
    monkeypatch.setattr(precision, 'speedup', lambda precision, device: 2.0)
    cnn = loadcaffe.load(f'{STEM}.prototxt', f'{STEM}.caffemodel')
    content, style = (picture(seed, 40, 50).sigmoid().double() for seed in (1, 2))
    points = []
    stylize(
        cnn,
        content,
        [style],
        num_iterations=6,
        precision='bf16',
        lbfgs_max_step=flag,
        seed=1,
        callback=lambda iterate: points.append(iterate.x.clone()),
    )
    steps = [
        (b - a).square().mean().sqrt().item() for a, b in zip(points, points[1:], strict=False)
    ]
    assert max(steps) == pytest.approx(limit, rel=1e-4)
