"""Arguments of stylize that make no sense: errors name them."""

import pytest
import torch
from samples import mini_vgg19, noise
from torch import nn

from neural_style import stylize
from neural_style.errors import SettingError


def run(cnn=None, **arguments):
    arguments = {'num_iterations': 1, 'seed': 1} | arguments
    return stylize(cnn or mini_vgg19(), noise(3, 32, 40), [noise(3, 30, 30)], **arguments)


@pytest.mark.parametrize('devices', ['cpu', torch.device('cpu'), ('cpu',)])
def test_device_alone_is_a_list_of_one(devices):
    assert torch.equal(run(devices=devices), run())


@pytest.mark.parametrize('devices', [None, [], 5, 'nonsense', ['cpu', None], ['xla'], {'cpu'}])
def test_devices_that_are_none_are_refused(devices):
    with pytest.raises(SettingError, match='^`devices`'):
        run(devices=devices)


@pytest.mark.parametrize(
    ('cnn', 'error', 'message'),
    [
        ('vgg.caffemodel', TypeError, 'str is no network; give what loadcaffe.load returns'),
        (nn.Linear(2, 2), TypeError, 'Linear is no network'),
        (lambda: None, TypeError, 'the function returned NoneType'),
        (nn.Sequential(), SettingError, 'no layers'),
        (mini_vgg19().half(), SettingError, 'weights are torch.float16; call its method float'),
    ],
)
def test_what_is_no_network_is_refused(cnn, error, message):
    with pytest.raises(error, match=f'^`cnn`: .*{message}'):
        stylize(cnn, noise(3, 32, 40), [noise(3, 30, 30)])


def test_callback_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match='^`callback`: int is no function'):
        run(callback=5)


@pytest.mark.parametrize('weights', ['1', 5.0, [None], [1, 2], [[1], [2]], {'a': 1}])
def test_blend_weights_that_do_not_fit_are_refused(weights):
    if weights == 5.0:  # one style image
        assert torch.equal(run(style_blend_weights=weights), run())
        return
    with pytest.raises(SettingError, match='^`style_blend_weights`'):
        run(style_blend_weights=weights)


def test_settings_that_are_no_settings_are_refused():
    with pytest.raises(TypeError, match='^`settings`: dict is no Settings'):
        run(settings={'seed': 1})
