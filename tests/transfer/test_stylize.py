"""The driver, from Python: what it takes, what it returns, what it refuses."""

import weakref

import pytest
import torch
from samples import mini_vgg19, noise

import loadcaffe
from neural_style import Settings, stylize
from neural_style.errors import SettingError
from neural_style.transfer.session import Session


def short_run(**settings):
    arguments = {'num_iterations': 2, 'seed': 1} | settings
    return stylize(mini_vgg19(), noise(3, 32, 40, seed=1), [noise(3, 30, 30, seed=2)], **arguments)


@pytest.mark.parametrize('optimizer', ['lbfgs', 'adam'])
def test_result_is_the_image_of_the_last_evaluation(optimizer):
    images = []
    result = short_run(
        num_iterations=4,
        optimizer=optimizer,
        callback=lambda iterate: images.append(iterate.image),
    )
    assert len(images) == 4
    assert torch.equal(result, images[-1])


def test_settings_may_be_keywords_or_an_object_or_both():
    want = short_run(content_weight=7, pooling='avg')
    settings = Settings(num_iterations=2, seed=1, pooling='avg', content_weight=1)
    assert torch.equal(short_run(settings=settings, content_weight=7), want)


def test_layers_may_be_lists_and_weights():
    want = short_run(content_layers='relu3_1:0.5', style_layers='relu1_1,relu2_1')
    layers = {'content_layers': {'relu3_1': 0.5}, 'style_layers': ['relu1_1', 'relu2_1']}
    assert torch.equal(short_run(**layers), want)


def test_style_statistic_may_be_text_or_weights_by_name():
    want = short_run(style_statistic='mean_std:2,histogram:0.5')
    result = short_run(style_statistic={'mean_std': 2, 'histogram': 0.5})
    assert torch.equal(result, want)
    assert not torch.equal(short_run(style_statistic='gram'), want)


def test_style_statistics_take_several_style_images():
    styles = [noise(3, 30, 30, seed=2), noise(3, 20, 44, seed=3)]
    for statistic in ('mean_std', 'covariance', 'wasserstein', 'histogram'):
        result = stylize(
            mini_vgg19(),
            noise(3, 32, 40, seed=1),
            styles,
            style_blend_weights=[3, 1],
            style_statistic=statistic,
            optimizer='adam',
            num_iterations=2,
            seed=1,
        )
        assert result.isfinite().all() and result.std() > 0


def test_losses_of_an_iterate_add_up_to_its_loss():
    iterates = []
    short_run(style_layers='relu1_1,relu2_1', callback=iterates.append)
    for iterate in iterates:
        assert (len(iterate.content_losses), len(iterate.style_losses)) == (1, 2)
        losses = iterate.content_losses + iterate.style_losses
        assert sum(losses) == pytest.approx(float(iterate.loss), rel=1e-12)


def test_hooks_are_called_in_the_order_of_a_run():
    events = []
    session = Session(
        on_plan=lambda plan: events.append('plan'),
        on_network=lambda network: events.append(len(network.style_losses)),
        on_evaluation_start=lambda checkpoint: events.append(checkpoint.iteration),
    )
    short_run(session=session, callback=lambda iterate: events.append('done'))
    assert events == ['plan', 5, 0, 'done', 1, 'done']


def test_keywords_that_are_no_settings_are_refused_with_the_nearest():
    with pytest.raises(TypeError, match='`num_iteration`; did you mean `num_iterations`?'):
        short_run(num_iteration=3)
    with pytest.raises(TypeError, match='no setting `xyz`$'):
        short_run(xyz=3)


@pytest.mark.parametrize(
    ('keywords', 'name', 'message'),
    [
        ({'init_image': noise(3, 16, 40)}, 'init_image', r'\(3, 16, 40\).*: scale it'),
        ({'style_blend_weights': [1.0, 2.0]}, 'style_blend_weights', '2 weights for 1 style'),
        ({'paper_mask': torch.ones(1, 9, 9)}, 'paper_mask', 'scale it'),
        ({'style_layers': ['relu1_1', 2]}, 'style_layers', 'give names of layers'),
        ({'num_iterations': float('nan')}, 'num_iterations', 'give a finite number'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(keywords, name, message):
    with pytest.raises(SettingError, match=message) as error:
        short_run(**keywords)
    assert error.value.name == name


@pytest.mark.parametrize(
    ('content', 'styles', 'name'),
    [
        (noise(3, 32, 40), [], 'style_image'),
        (noise(1, 32, 40), [noise(3, 8, 8)], 'content_image'),
        (noise(3, 32, 40), [noise(3, 8, 8).to(torch.int16)], 'style_images[0]'),
        (noise(3, 1, 40), [noise(3, 8, 8)], 'image_size'),
    ],
)
def test_images_that_do_not_fit_are_refused(content, styles, name):
    with pytest.raises(SettingError) as error:
        stylize(mini_vgg19(), content, styles)
    assert error.value.name == name


def test_settings_are_checked_before_the_network_is_loaded():
    with pytest.raises(SettingError, match='`optimizer` sgd: choose lbfgs or adam'):
        stylize(lambda: pytest.fail('loaded'), noise(3, 8, 8), [noise(3, 8, 8)], optimizer='sgd')


def test_a_checkpoint_of_a_finished_run_is_refused():
    checkpoints = []
    short_run(session=Session(on_evaluation_start=checkpoints.append))
    with pytest.raises(SettingError, match='done 1 of 1 evaluations already') as error:
        short_run(num_iterations=1, session=Session(resume_from=checkpoints[-1]))
    assert error.value.name == 'num_iterations'


def test_a_checkpoint_of_another_image_is_refused():
    checkpoints = []
    short_run(session=Session(on_evaluation_start=checkpoints.append))
    session = Session(resume_from=checkpoints[-1])
    with pytest.raises(SettingError, match='an image of another size than 16 x 16'):
        stylize(mini_vgg19(), noise(3, 16, 16), [noise(3, 8, 8)], session=session)


def test_layers_above_the_last_loss_are_released(data):
    """VGG-19's fully connected layers are 494 of its 575 MB."""
    models = data / 'models'
    released = []

    def load():
        cnn = loadcaffe.load(
            str(models / 'mini_vgg19.prototxt'), str(models / 'mini_vgg19.caffemodel')
        )
        fc6 = next(layer for layer in cnn if layer.name == 'fc6')
        weakref.finalize(fc6, released.append, 'fc6')
        return cnn

    content = noise(3, 32, 32)
    seen = []
    stylize(
        load(),
        content,
        [content],
        num_iterations=1,
        callback=lambda iterate: seen.extend(released),
    )
    assert seen == ['fc6']


def test_images_from_functions_are_released_once_targets_are_captured():
    settings = {'num_iterations': 2, 'init': 'image', 'optimizer': 'adam'}
    content, style = noise(3, 48, 40, seed=1), noise(3, 30, 30, seed=2)
    want = stylize(mini_vgg19(), content, [style], **settings)
    alive = [weakref.ref(content), weakref.ref(style)]
    left = []
    functions = [content].pop, [[style]].pop
    del content, style
    result = stylize(
        mini_vgg19(),
        *functions,
        callback=lambda iterate: left.append([reference() for reference in alive]),
        **settings,
    )
    assert left == [[None, None]] * 2
    assert torch.equal(result, want)


def test_noise_scale_is_the_spread_of_the_start():
    starts = []
    for noise_scale in (0.001, 0.256):
        stylize(
            mini_vgg19(),
            torch.zeros(3, 40, 50, dtype=torch.float64),
            [torch.zeros(3, 40, 50, dtype=torch.float64)],
            num_iterations=1,
            seed=3,
            noise_scale=noise_scale,
            callback=lambda iterate: starts.append(iterate.x.clone()),
        )
    torch.testing.assert_close(starts[1], starts[0] * 256, rtol=1e-6, atol=0)
    assert float(starts[1].std()) == pytest.approx(0.256, rel=0.05)
