"""-losses paper against the formulas of Gatys et al. 2015, written out here, in float64."""

import numpy as np
import pytest
import torch
from torch import nn

import loadcaffe
from neural_style import LossNetwork, evaluate, stylize
from neural_style.torch7.random import Generator

CONTENT = {'conv2_1': 0.25, 'conv4_2': 1.0}
STYLE = {'conv1_1': 0.5, 'relu2_2': 0.3, 'conv3_1': 0.2}
ALPHA, BETA = 3.0, 40.0


@pytest.fixture
def cnn(data):
    stem = data / 'models' / 'mini_vgg19_conv'
    return loadcaffe.load(f'{stem}.prototxt', f'{stem}.caffemodel').double()


def picture(seed, height=32, width=48):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator, dtype=torch.float64) * 50


def features(cnn, x):
    """Every layer's output by name, average pooling in the place of max pooling."""
    outputs, y = {}, x.unsqueeze(0)
    for layer in cnn:
        if isinstance(layer, nn.MaxPool2d):
            y = nn.functional.avg_pool2d(y, 2, 2)
        elif isinstance(layer, nn.ReLU):
            y = nn.functional.relu(y)
        else:
            y = layer(y)
        outputs[layer.name] = y[0].flatten(1)  # F, N x M
    return outputs


def eq_1(f, p):
    """Content loss: half the sum of squared differences."""
    return 0.5 * ((f - p) ** 2).sum()


def eq_4(f, a):
    """Style loss of a layer, from the features of both images: E_l, with G_ij = sum_k F_ik F_jk."""
    n, m = f.shape
    g, target = (torch.einsum('ik,jk->ij', x, x) for x in (f, a))
    return ((g - target) ** 2).sum() / (4 * n**2 * m**2)


def network(cnn, content=CONTENT, style=STYLE, **settings):
    defaults = {
        'content_weight': ALPHA,
        'style_weight': BETA,
        'tv_weight': 0,
        'content_layers': list(content),
        'style_layers': list(style),
        'normalize_gradients': False,
        'pooling': 'avg',
        'generator': Generator(),
        'losses': 'paper',
        'content_layer_weights': content,
        'style_layer_weights': style,
    }
    return LossNetwork(cnn, **defaults | settings)


def test_network_matches_autograd_of_the_printed_formulas(cnn):
    x, content, style = picture(0), picture(1), picture(2)
    net = network(cnn)
    net.capture_content(content)
    net.capture_style(style, 1.0)
    loss, gradient = evaluate(net, x)

    x = x.requires_grad_()
    f, p, a = features(cnn, x), features(cnn, content), features(cnn, style)
    want = ALPHA * sum(w * eq_1(f[name], p[name]) for name, w in CONTENT.items())
    want = want + BETA * sum(w * eq_4(f[name], a[name]) for name, w in STYLE.items())
    want.backward()
    # float64 throughout; the order of the sums differs
    assert float(loss) == pytest.approx(want.item(), rel=1e-12)
    assert (gradient - x.grad).norm() <= 1e-11 * x.grad.norm()
    for single, (name, w) in zip(net.style_losses, STYLE.items(), strict=True):
        written = (BETA * w * eq_4(f[name], a[name])).item()
        assert float(single.loss) == pytest.approx(written, rel=1e-12)


def test_style_weights_are_equal_and_sum_to_one_by_default(cnn):
    net = network(cnn, style_layer_weights={})
    assert [loss.strength for loss in net.style_losses] == [pytest.approx(BETA / 3)] * 3


def test_conversion_to_the_weights_of_neural_style(cnn):
    """content_weight = a N M / 2 and style weight b N² / (4 · 5) of a layer: the same gradient."""
    n, m = 64, 8 * 12 // 4  # relu4_2 of the small network, 32 x 48 pixels
    images = picture(0), picture(1), picture(2)
    paper = network(cnn, {'relu4_2': 1.0}, {'relu4_2': 0.2})
    lua = network(
        cnn,
        {'relu4_2': ALPHA * n * m / 2},
        {'relu4_2': BETA * n**2 / 20},
        content_weight=1.0,
        style_weight=1.0,
        losses='neural_style',
    )
    results = []
    for net in (paper, lua):
        net.capture_content(images[1])
        net.capture_style(images[2], 1.0)
        results.append(evaluate(net, images[0]))
    assert float(results[0][0]) == pytest.approx(float(results[1][0]), rel=1e-12)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-9, atol=1e-12)


def test_conv_layers_have_the_textbook_gradient_only_with_the_papers_losses(cnn):
    gradients = []
    for losses in ('paper', 'neural_style'):
        net = network(cnn, {'conv2_1': 1.0, 'conv3_1': 1.0}, {}, losses=losses)
        net.capture_content(picture(1))
        gradients.append(evaluate(net, picture(0))[1])
    assert net.content_losses[0].precedes_relu
    a, b = (g / g.norm() for g in gradients)
    assert (a - b).norm() > 0.1


def images(data):
    rng = np.random.default_rng(1)
    return [torch.from_numpy(rng.random((3, 24, 32))) for _ in range(2)]


def run(cnn, data, **settings):
    content, style = images(data)
    values = []
    stylize(
        cnn.float(),
        content,
        [style],
        num_iterations=1,
        seed=1,
        callback=lambda it: values.extend(it.content_losses + it.style_losses),
        **settings,
    )
    return values


def test_weight_after_a_layer_name_multiplies_its_loss(cnn, data):
    layers = {'content_layers': 'relu2_2,relu4_2', 'style_layers': 'relu1_1,relu2_1'}
    plain = run(cnn, data, **layers)
    weighted = run(
        cnn, data, content_layers='relu2_2:2,relu4_2:0.5', style_layers='relu1_1,relu2_1:3e-1'
    )
    factors = [2, 0.5, 1, 0.3]
    assert weighted == [pytest.approx(x * f) for x, f in zip(plain, factors, strict=True)]


def test_weighted_layers_may_be_named_in_any_order(cnn, data):
    result = run(cnn, data, style_layers='relu1_1:2,relu2_1:3')
    reordered = run(cnn, data, style_layers='relu2_1:3,relu1_1:2')
    assert reordered == result


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        ({'losses': 'paper', 'content_layers': 'relu9_1'}, ["`content_layers`: .*'relu9_1'"]),
        ({'style_layers': 'relu1_1,conv7:2'}, ["`style_layers`: .*'conv7'"]),
        ({'missing_layers': 'error', 'style_layers': 'relu1_1, relu9_1'}, ["'relu9_1'"]),
        ({'missing_layers': 'error', 'style_layers': 'pool1,pool1'}, ['pool1 is named twice']),
        ({'style_layers': 'relu1_1:inf'}, ['`style_layers` relu1_1:inf: give a finite']),
        ({'losses': 'gatys'}, ['`losses` gatys: choose neural_style or paper']),
        ({'missing_layers': 'x'}, ['`missing_layers` x: choose warn or error']),
    ],
)
def test_unusable_layers_are_refused(cnn, data, settings, named):
    for pattern in named:
        with pytest.raises(ValueError, match=pattern):
            run(cnn, data, **settings)


def test_error_lists_the_layers_of_the_network(cnn, data):
    names = ', '.join(layer.name for layer in cnn)
    with pytest.raises(ValueError, match=f'it has {names}$'):
        run(cnn, data, losses='paper', style_layers='relu9_1')
