"""-multiscale: coarse to fine."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from samples import DATA, ROOT

import loadcaffe
from neural_style import stylize
from neural_style.command.networks import embedded_network
from neural_style.command.process import main
from neural_style.network import execution
from neural_style.torch7 import image
from neural_style.transfer import multiscale
from neural_style.transfer.image_files import read as load
from neural_style.transfer.multiscale import SAFE_MAX_STEP, iterations, scales, stylize_multiscale

EXAMPLES = ROOT / 'examples' / 'inputs'
PICTURES = ('harbour.jpg', 'swirls.jpg')
STEM = DATA / 'models' / 'mini_vgg19_conv'


def cnn():
    return loadcaffe.load(f'{STEM}.prototxt', f'{STEM}.caffemodel')


def picture(seed, height=48, width=64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ('flag', 'sizes'),
    [
        ('1', [512]),
        ('2', [256, 512]),
        ('3', [128, 256, 512]),
        ('100', [100, 512]),
        ('100,300', [100, 300, 512]),
        ('1/2', [256, 512]),
        ('1/3:5, 300 : 1/7', [170, 300, 512]),
        ('1/64,1/2', [256, 512]),
        (['1/4', 256], [128, 256, 512]),
    ],
)
def test_scales_are_halves_or_as_listed(flag, sizes):
    assert scales(flag, 512) == sizes


@pytest.mark.parametrize(
    'flag',
    [
        *('0', '-2', '1.5', 'x', '128,x', '300,100', '512', '600', '7', '8,100'),
        *('2/3', '1/1', '1/0', '1/2:0', '1/2:', '1/2:x', '3:20', '1/2,1/4'),
        f'1/2:{"9" * 400}',
    ],
)
def test_other_scales_are_refused(flag):
    with pytest.raises(ValueError, match=f'`multiscale` {flag}: '):
        scales(flag, 512)
    with pytest.raises(ValueError, match=f'`multiscale` {flag}: '):
        iterations(flag, 512, 100)


def test_half_the_size_gets_twice_the_evaluations():
    assert iterations('3', 512, 100) == [400, 200, 100]
    assert iterations('', 512, 7.5) == [7.5]


def test_times_as_many_evaluations_as_the_last_stand_behind_a_colon():
    assert iterations('1/4,1/2:1/3', 512, 75) == [300, 25, 75]
    assert iterations('128:2/3', 512, 2) == [2, 2]
    assert iterations('1/2:7/100', 512, 100.0) == [7, 100]
    assert iterations('1/2:1/3', 20, 100) == [100]


@pytest.fixture
def calls(monkeypatch):
    """Record the arguments and the result of every run of stylize."""
    recorded = []
    real = multiscale.stylize

    def spy(cnn, content_image, style_images, **settings):
        result = real(cnn, content_image, style_images, **settings)
        recorded.append((content_image, style_images, settings, result))
        return result

    monkeypatch.setattr(multiscale, 'stylize', spy)
    return recorded


def test_every_run_starts_from_the_picture_of_the_last(calls):
    out = stylize_multiscale(
        cnn(), picture(1), [picture(2, 40, 80)], multiscale='3', num_iterations=2, seed=1
    )
    assert [content.shape[2] for content, *_ in calls] == [16, 32, 64]
    assert [styles[0].shape[2] for _, styles, *_ in calls] == [20, 40, 80]
    assert [settings['settings'].num_iterations for *_, settings, _ in calls] == [8, 4, 2]
    assert [settings['settings'].init for *_, settings, _ in calls] == ['random', 'image', 'image']
    for before, after in zip(calls, calls[1:], strict=False):
        start, result = after[2]['init_image'], before[3]
        assert start.shape == after[0].shape
        height, width = start.shape[1:]
        change = image.scale_to(result, width, height) - image.scale_to(before[0], width, height)
        torch.testing.assert_close(start, after[0] + change)  # with the content's details
    assert torch.equal(out, calls[-1][3])
    assert torch.equal(calls[-1][0], picture(1)), 'the full size is not scaled'


@pytest.mark.parametrize(
    'settings', [{'content_layers': ''}, {'content_weight': 0}, {'content_detail': False}]
)
def test_enlarged_pictures_get_no_detail_of_a_content_that_does_not_count(calls, settings):
    stylize_multiscale(
        cnn(), picture(1), [picture(2)], multiscale='2', num_iterations=2, seed=1, **settings
    )
    coarse, fine = calls
    height, width = fine[0].shape[1:]
    assert torch.equal(fine[2]['init_image'], image.scale_to(coarse[3], width, height))


def test_one_scale_is_stylize(calls):
    settings = {'num_iterations': 4, 'seed': 3}
    result = stylize_multiscale(cnn(), picture(1), [picture(2)], multiscale='1', **settings)
    (call,) = calls
    assert call[2]['settings'].init == 'random' and call[2]['init_image'] is None
    assert torch.equal(result, multiscale.stylize(cnn(), picture(1), [picture(2)], **settings))


def test_small_scales_take_the_fast_convolutions(calls, monkeypatch):
    convolved = []
    real = execution.convolve
    monkeypatch.setattr(execution, 'convolve', lambda *a: convolved.append(a) or real(*a))
    pictures = picture(1), [picture(2)]
    stylize_multiscale(cnn(), *pictures, multiscale='2', num_iterations=1, seed=1)
    assert not convolved
    stylize_multiscale(cnn(), *pictures, multiscale='1', num_iterations=1, seed=1)
    assert convolved, 'one scale is the original'


def test_a_start_image_and_a_mask_are_scaled_with_the_rest(calls):
    mask = torch.zeros(1, 48, 64, dtype=torch.float64)
    mask[:, :, 32:] = 1
    stylize_multiscale(
        cnn(),
        picture(1),
        [picture(2)],
        multiscale='2',
        num_iterations=2,
        init='image',
        init_image=picture(5),
        paper_mask=mask,
    )
    for content, _, settings, _ in calls:
        assert settings['paper_mask'].shape == (1, *content.shape[1:])
        assert settings['paper_mask'].mean() == pytest.approx(0.5, abs=0.03)
    assert calls[0][2]['init_image'].shape == calls[0][0].shape


def test_a_start_image_does_not_count_with_a_random_start(calls):
    """As at a single scale, -init_image needs -init image."""
    for start in (picture(5), None):
        stylize_multiscale(
            cnn(),
            picture(1),
            [picture(2)],
            multiscale='2',
            num_iterations=2,
            init_image=start,
            seed=1,
        )
    assert [settings['settings'].init for *_, settings, _ in calls] == ['random', 'image'] * 2
    assert torch.equal(calls[1][3], calls[3][3])


def test_the_papers_content_weight_grows_where_pixels_are_fewer(calls):
    for losses in ('paper', 'neural_style'):
        stylize_multiscale(
            cnn(), picture(1), [picture(2)], multiscale='2', num_iterations=1, losses=losses
        )
    weights = [settings['settings'].content_weight for *_, settings, _ in calls]
    assert weights == [20, 5, 5, 5]


def test_the_sum_that_tv_is_does_not_change_with_the_size():
    """At half the size there are a quarter of the pixels, and differences are twice as large."""
    rows, columns = torch.meshgrid(torch.arange(192.0), torch.arange(256.0), indexing='ij')
    smooth = (torch.sin(rows / 25) + torch.cos(columns / 31)).expand(3, -1, -1).double()
    sums = []
    for picture in (smooth, image.scale(smooth, 128)):
        inner = picture[:, :-1, :-1]
        right, lower = picture[:, :-1, 1:], picture[:, 1:, :-1]
        sums.append(((inner - right) ** 2 + (inner - lower) ** 2).sum().item())
    assert sums[1] == pytest.approx(sums[0], rel=0.03)


FLAGS = [
    *('-gpu', '-1', '-image_size', '64', '-num_iterations', '3', '-seed', '1', '-save_iter', '1'),
    *('-content_image', str(DATA / 'inputs' / 'scene.jpg'), '-print_iter', '1'),
    *('-style_image', str(DATA / 'inputs' / 'strokes.jpg')),
    *('-proto_file', f'{STEM}.prototxt', '-model_file', f'{STEM}.caffemodel'),
]


def test_the_command_prints_every_scale_and_saves_the_last(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*FLAGS, '-multiscale', '2']) == 0
    out = capsys.readouterr().out
    assert 'Scale 32 x 24\t\n' in out and 'Scale 64 x 48\t\n' in out
    assert 'Iteration 6 / 6\t\n' in out and 'Iteration 3 / 3\t\n' in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ['out.png', 'out_1.png', 'out_2.png']
    for path in tmp_path.iterdir():
        with Image.open(path) as picture:
            assert np.asarray(picture).shape == (48, 64, 3)


@pytest.mark.parametrize('flag', ['x', '9,7', '64'])
def test_bad_scales_are_refused_at_the_start(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.chdir(tmp_path)
    assert main([*FLAGS, '-multiscale', flag]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f'neural_style: -multiscale {flag}: ')
    assert list(tmp_path.iterdir()) == []


def test_scales_limit_the_steps_of_lbfgs(calls):
    arguments = (cnn(), picture(1), [picture(2)])
    stylize_multiscale(*arguments, multiscale='2', num_iterations=1)
    stylize_multiscale(*arguments, multiscale='2', num_iterations=1, lbfgs_max_step=3)
    stylize_multiscale(*arguments, multiscale='1', num_iterations=1)
    limits = [settings['settings'].lbfgs_max_step for *_, settings, _ in calls]
    assert limits == [10, 10, 3, 3, 0]


def test_nothing_is_said_of_the_values_that_a_coarser_scale_has_left():
    content, style = picture(1), picture(2)
    noise = {'noise_scale': 1e3, 'seed': 1, 'lbfgs_max_step': 1}
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        result = stylize_multiscale(
            cnn(), content, [style], multiscale='32', num_iterations=1, **noise
        )
    assert result.min() < -1 and result.max() > 2


@pytest.mark.slow
@pytest.mark.parametrize(('size', 'init'), [(48, 'random'), (48, 'image'), (96, 'image')])
def test_no_run_with_the_embedded_network_ends_where_it_began(size, init):
    network = loadcaffe.load(*embedded_network())
    content, style = (image.scale(load(EXAMPLES / name), size) for name in PICTURES)
    for seed in range(1, 9) if init == 'random' else [1]:  # an image starts without chance
        losses = []
        stylize(
            network,
            content,
            [style],
            init=init,
            seed=seed,
            num_iterations=40,
            lbfgs_max_step=SAFE_MAX_STEP,
            callback=lambda iterate, losses=losses: losses.append(float(iterate.loss)),
        )
        assert losses[-1] < 0.9 * losses[0]
