"""Saved styles: the same bits as from the pictures, and nothing of another network."""

import errno
import logging
from dataclasses import replace

import pytest
import torch
from samples import mini_vgg19

from neural_style import SavedStyle, StyleRecorder, stylize, stylize_multiscale
from neural_style.errors import SettingError
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.losses.targets import Targets
from neural_style.transfer.session import Session


def picture(seed, size=32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, size, size, generator=generator, dtype=torch.float64)


HALF = torch.ones(1, 32, 32).triu()  # of an image
CONTENT, STYLES = picture(1), [picture(2, 40), picture(3, 24)]


def paint(styles, content=CONTENT, cnn=None, method=stylize, path=None, session=None, **settings):
    session = session if path is None else Session(on_network=StyleRecorder(path))
    settings = {'seed': 1, 'num_iterations': 3} | settings
    return method(cnn or mini_vgg19(), content, styles, session=session, **settings)


@pytest.fixture
def saved(tmp_path):
    """Return the path of a saved style."""
    paint(STYLES, path=tmp_path / 's.safetensors')
    return tmp_path / 's.safetensors'


@pytest.mark.parametrize(
    'settings',
    [
        {},
        {'optimizer': 'adam', 'init': 'image'},
        {'losses': 'paper'},
        {'pooling': 'avg', 'padding': 'replicate'},
        {'style_statistic': 'covariance'},
        {'luminance_only': 1},
    ],
    ids=str,
)
def test_saved_style_paints_the_same_bits(tmp_path, settings):
    path = tmp_path / 's.safetensors'
    expected = paint(STYLES, path=path, **settings)
    assert torch.equal(paint(SavedStyle.load(path), **settings), expected)
    assert torch.equal(paint(path, **settings), expected)
    assert torch.equal(paint([str(path)], **settings), expected)


def test_saved_style_paints_another_content_as_the_pictures_do(saved):
    other = picture(7)
    assert torch.equal(paint(saved, other), paint(STYLES, other))


def test_saved_style_of_several_scales_paints_the_same_bits(tmp_path):
    path = tmp_path / 's.safetensors'
    options = {'method': stylize_multiscale, 'multiscale': '16'}
    expected = paint(STYLES, path=path, **options)
    assert sorted(SavedStyle.load(path).sizes) == [16, 32]
    assert torch.equal(paint(path, **options), expected)


def test_style_of_a_run_resumed_in_a_later_scale_has_all_sizes(tmp_path):
    options = {'method': stylize_multiscale, 'multiscale': '16,24', 'num_iterations': 2}
    expected = paint(STYLES, path=tmp_path / 'whole.safetensors', **options)
    checkpoints = []

    def stop(checkpoint):
        if checkpoint.scale == 1:
            raise KeyboardInterrupt(checkpoints.append(checkpoint))

    with pytest.raises(KeyboardInterrupt):
        paint(STYLES, session=Session(on_evaluation_start=stop), **options)
    recorder = StyleRecorder(tmp_path / 's.safetensors')
    session = Session(on_network=recorder, resume_from=checkpoints[0])
    assert torch.equal(paint(STYLES, session=session, **options), expected)
    whole, resumed = (tmp_path / f'{name}.safetensors' for name in ('whole', 's'))
    assert resumed.read_bytes() == whole.read_bytes()


def test_style_is_saved_without_the_content(saved):
    tensors, _ = read_tensors(saved)
    assert tensors and all(name.startswith('32/style:0:relu') for name in tensors)


def test_other_size_takes_the_nearest_and_says_so(tmp_path, caplog):
    path = tmp_path / 's.safetensors'
    for size in (16, 32):
        paint(STYLES, picture(1, size), path=path)
    with caplog.at_level(logging.WARNING):
        paint(path, picture(1, 28))
    assert 'for images of 16, 32 pixels; for 28, that for 32 is taken' in caplog.text
    assert len(caplog.records) == 1


def test_style_of_other_inputs_replaces_the_file(tmp_path):
    path = tmp_path / 's.safetensors'
    for size, name in ((16, 'a'), (32, 'b')):
        recorder = StyleRecorder(path, {'picture': name})
        session = Session(on_network=recorder)
        stylize(mini_vgg19(), picture(1, size), STYLES, session=session, num_iterations=1)
    assert sorted(SavedStyle.load(path).sizes) == [32]


def test_file_that_cannot_be_read_at_the_moment_is_kept(saved, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, 'Permission denied')

    former = saved.read_bytes()
    monkeypatch.setattr('neural_style.transfer.saved_style.read_tensors', refuse)
    with pytest.raises(PermissionError):
        paint(STYLES, path=saved, num_iterations=1, style_layers='relu1_1')
    assert saved.read_bytes() == former


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'pooling': 'avg'}, '`pooling` max, not avg'),
        ({'padding': 'reflect'}, '`padding` zero, not reflect'),
        ({'losses': 'paper'}, '`losses` neural_style, not paper'),
        ({'style_layers': 'relu1_1'}, '`style_layers`'),
        ({'style_statistic': 'mean_std'}, '`style_statistic` gram, not mean_std'),
    ],
    ids=str,
)
def test_style_of_other_settings_is_refused(saved, settings, message):
    with pytest.raises(SettingError, match='save the style again') as error:
        paint(saved, **settings)
    assert message in str(error.value)


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_style_of_another_precision_is_taken(saved, precision):
    style = SavedStyle.load(saved)
    other = replace(style, network={**style.network, 'precision': precision})
    assert torch.equal(paint(other), paint(STYLES))


def test_style_of_a_network_in_float64_is_refused(saved):
    style = SavedStyle.load(saved)
    with pytest.raises(SettingError, match='`precision` float64, not float32'):
        paint(replace(style, network={**style.network, 'precision': 'float64'}))


def test_style_of_another_network_is_refused(saved):
    cnn = mini_vgg19()
    with torch.no_grad():
        cnn[0].weight[0, 0, 0, 0] += 1e-3
    with pytest.raises(SettingError, match='another network'):
        paint(saved, cnn=cnn)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('recolor_content', 0.5),
        ('color', 'match'),
        ('color', 'luminance'),
        ('paper_mask', 'auto'),
        ('style_image_layers', 'relu1_1'),
        ('style_blend_weights', [1.0]),
        ('content_regions', [HALF]),
    ],
)
def test_setting_that_needs_the_pictures_is_refused(saved, name, value):
    with pytest.raises(SettingError, match=f'{name}.*a saved style has none'):
        paint(saved, **{name: value})


def test_saved_style_is_not_blended(saved):
    with pytest.raises(SettingError, match='give it alone'):
        paint([saved, STYLES[0]])


@pytest.mark.parametrize(
    'settings',
    [{'paper_mask': 'auto'}, {'content_regions': [HALF, 1 - HALF]}],
    ids=['paper', 'regions'],
)
def test_style_tied_to_its_content_is_not_saved(tmp_path, settings):
    with pytest.raises(SettingError, match='save the style without them'):
        paint(STYLES, path=tmp_path / 's.safetensors', **settings)
    assert list(tmp_path.iterdir()) == []


def damage_tensors(tensors):
    name = min(tensors)
    yield {}
    yield {name.replace('32/', 'x/'): tensors[name]}
    yield {name.replace('32/', '0/'): tensors[name]}
    yield {name.replace('32/', '032/'): tensors[name]}
    yield {name.replace('32/', '9' * 5000 + '/'): tensors[name]}
    yield {name.replace('style', 'nothing'): tensors[name]}
    yield tensors | {name.replace(':0:', ':2:'): tensors[name]}


def test_file_with_other_tensors_is_refused(saved, tmp_path):
    tensors, metadata = read_tensors(saved)
    for number, damaged in enumerate(damage_tensors(tensors)):
        path = tmp_path / f'{number}.safetensors'
        write_tensors(path, damaged, metadata)
        with pytest.raises(ValueError, match=f'{number}.safetensors: '):
            SavedStyle.load(path)


@pytest.mark.parametrize(
    'name', ['77/style:0:relu1_1', '77/content:relu4_2', '77/fast:relu3_1:mean', '32/style:0:relu9']
)
def test_file_with_a_stray_tensor_of_a_size_is_refused(tmp_path, name):
    path = tmp_path / 's.safetensors'
    targets = Targets(style={'relu1_1': [torch.ones(2, 2)], 'relu2_1': [torch.ones(2, 2)]})
    statistics = {'relu3_1:mean': torch.ones(2), 'relu4_1:mean': torch.ones(2)}
    style = SavedStyle({16: targets, 32: targets}, {}, at_once={16: statistics, 32: statistics})
    style.save(path)
    assert sorted(SavedStyle.load(path).sizes) == [16, 32]
    tensors, metadata = read_tensors(path)
    write_tensors(path, tensors | {name: torch.ones(2)}, metadata)
    size = name.partition('/')[0]
    with pytest.raises(ValueError, match=f'for {size} pixels it holds other tensors than for 16'):
        SavedStyle.load(path)


@pytest.mark.parametrize(
    'change',
    [
        lambda target: target[:1],
        lambda target: target.to(torch.int64),
        lambda target: target.double(),
        lambda target: target.half(),
        lambda target: target / 0,
        lambda target: target.reshape(-1),
    ],
)
def test_target_of_another_shape_or_type_is_refused(saved, change):
    style = SavedStyle.load(saved)
    targets = style.sizes[32]
    layer = next(iter(targets.style))
    changed = replace(targets, style={**targets.style, layer: [change(targets.style[layer][0])]})
    with pytest.raises(SettingError, match='damaged'):
        paint(replace(style, sizes={32: changed}))


@pytest.mark.parametrize(
    'description',
    [
        None,
        '[]',
        '[' * 100_000,
        '{"format": 1, "network": "ab", "inputs": {}}',
        '{"format": 1, "network": {"pooling": "a\\u001b[31m"}, "inputs": {}}',
        '{"format": 1, "network": {"pooling": 1}, "inputs": {}}',
    ],
    ids=lambda description: str(description)[:45],
)
def test_other_file_is_no_saved_style(tmp_path, description):
    path = tmp_path / 's.safetensors'
    metadata = {} if description is None else {'neural_style.saved_style': description}
    write_tensors(path, {'32/style:0:relu1_1': torch.ones(2, 2)}, metadata)
    with pytest.raises(ValueError, match='not a saved style'):
        SavedStyle.load(path)


def test_large_file_is_not_read(tmp_path):
    path = tmp_path / 's.safetensors'
    with open(path, 'wb') as file:
        file.truncate(2 << 30)  # no blocks on the disk
    with pytest.raises(ValueError, match='those are smaller'):
        SavedStyle.load(path)
