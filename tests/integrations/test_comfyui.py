"""The nodes for ComfyUI: without it, and inside a checkout where COMFYUI names one."""

import importlib.util
import os
import shutil
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from comfyui_server import CHECKOUT, FOLDER, WORKFLOW, ComfyUI, prompt, prompt_inputs
from PIL import Image
from samples import DATA

from neural_style import load, main, save
from neural_style.command.trained_styles import shipped_styles
from neural_style.web import choices


class Interrupted(Exception):
    """The exception of ComfyUI."""


class Bar:
    """The progress bar of ComfyUI, which notes what it is told."""

    told: list = []

    def __init__(self, total):
        self.told.clear()

    def update_absolute(self, value, total, preview):
        self.told.append((value, total, preview))


def check_interruption(after):
    if len(Bar.told) >= after:
        raise Interrupted


def model_folders(models):
    """Return what the pack asks of ComfyUI's module for the files of models."""
    folders = {}
    (models / 'neural_style').mkdir(parents=True)
    return SimpleNamespace(
        models_dir=str(models),
        add_model_folder_path=folders.__setitem__,
        get_filename_list=lambda name: sorted(os.listdir(folders[name])),
        get_full_path_or_raise=lambda name, file: os.path.join(folders[name], file),
    )


@pytest.fixture
def pack(monkeypatch, tmp_path):
    """Return the module of the pack, as ComfyUI loads it, beside what it asks of ComfyUI."""
    management = SimpleNamespace(
        get_torch_device=lambda: torch.device('cpu'),
        throw_exception_if_processing_interrupted=lambda: None,
        unload_all_models=lambda: None,
    )
    comfy = ModuleType('comfy')
    comfy.utils, comfy.model_management = SimpleNamespace(ProgressBar=Bar), management
    monkeypatch.setitem(sys.modules, 'comfy', comfy)
    monkeypatch.setitem(sys.modules, 'folder_paths', model_folders(tmp_path / 'models'))
    spec = importlib.util.spec_from_file_location(
        'neural_style_nodes', FOLDER / '__init__.py', submodule_search_locations=[str(FOLDER)]
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module
    for name in ('nodes', 'painting', 'styles'):
        sys.modules.pop(f'{spec.name}.{name}', None)


def batch(name, count=1):
    """Return a picture of the tests as ComfyUI has it: (B, H, W, 3)."""
    picture = load(DATA / 'inputs' / f'{name}.jpg')[:, ::4, ::4].movedim(0, -1).float()
    return torch.stack([picture.flip(1) if index else picture for index in range(count)])


def inputs(node, **values):
    """Return the inputs of a node: its defaults, and other values."""
    widgets = node.INPUT_TYPES()['required']
    defaults = {
        name: widget[1]['default'] for name, widget in widgets.items() if 'default' in widget[1]
    }
    return {**defaults, 'content': batch('scene'), 'style': batch('strokes'), **values}


def test_nodes_take_what_the_simple_view_of_the_page_has(pack):
    for name, node in pack.NODE_CLASS_MAPPINGS.items():
        assert name in pack.NODE_DISPLAY_NAME_MAPPINGS
        assert node.RETURN_TYPES == ('IMAGE',) and callable(getattr(node, node.FUNCTION))
        assert {'strength', 'size', 'keeps_colors'} < set(node.INPUT_TYPES()['required'])
    widgets = pack.NODE_CLASS_MAPPINGS['NeuralStyle'].INPUT_TYPES()['required']
    assert widgets['strength'][1]['default'] == choices.STRENGTH.start
    assert widgets['preset'][0] == [choices.CAPTIONS[name] for name in choices.presets()]


def test_example_workflow_gives_every_node_what_it_takes(pack):
    nodes = [node for node in WORKFLOW['nodes'] if node['type'] in pack.NODE_CLASS_MAPPINGS]
    assert len(nodes) == 3
    for node in nodes:
        given = prompt_inputs(node, pack.NODE_CLASS_MAPPINGS[node['type']].INPUT_TYPES()).items()
        widgets = pack.NODE_CLASS_MAPPINGS[node['type']].INPUT_TYPES()['required']
        assert dict(given).keys() == widgets.keys()
        for name, value in given:
            kind, options = widgets[name]
            if isinstance(kind, list):
                assert value in kind
            elif kind == 'IMAGE':
                assert value[0] in ('1', '2')
            else:
                assert isinstance(value, type(options['default']))
                assert kind == 'BOOLEAN' or options['min'] <= value <= options['max']


def test_node_paints_a_batch_and_shows_its_progress(pack):
    node = pack.NODE_CLASS_MAPPINGS['NeuralStyle']
    with torch.inference_mode():  # as ComfyUI calls it
        (painted,) = node().paint(**inputs(node, content=batch('scene', 2), size=48, steps=2))
    assert painted.shape[0] == 2 and max(painted.shape[1:3]) == 48 and painted.shape[3] == 3
    assert painted.dtype == torch.float32 and 0 <= painted.min() and painted.max() <= 1
    assert not torch.allclose(painted[0], painted[1].flip(1), atol=1e-3)
    assert [(value, total) for value, total, _ in Bar.told] == [(n, 6) for n in range(1, 7)]
    assert Bar.told[0][2][1].size == (24, 18)  # at half the size


# style scale and paper; keeping colours; the start of -fast, and several scales
@pytest.mark.parametrize(
    'preset', ['gongbi', 'qinglu', pytest.param('fast', marks=pytest.mark.slow)]
)
def test_node_paints_the_picture_of_the_command(pack, preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = choices.Choices(preset, 6, 40, 2, preset == 'qinglu', {'seed': 3})
    files = [str(DATA / 'inputs' / f'{name}.png') for name in ('scene_64', 'strokes')]
    words = choices.flags(chosen, 2000, 2000)
    assert main([*words, '-content_image', files[0], '-style_image', files[1], '-gpu', '-1']) == 0
    content, style = (load(path).movedim(0, -1)[None] for path in files)
    node = pack.NODE_CLASS_MAPPINGS['NeuralStyle']
    caption = choices.CAPTIONS[preset]
    (painted,) = node().paint(content, style, caption, 6, 40, 2, chosen.keeps_colors, 3)
    command = load(tmp_path / 'picture.png').movedim(0, -1)
    # Inputs of float32 would be rounded, and L-BFGS amplifies that; bytes are.
    assert (painted[0] - command).abs().max() < 2 / 255
    assert Bar.told[-1][:2] == ((6, 6) if preset == 'fast' else (2, 2))


def test_fast_node_paints_a_batch_in_its_own_size(pack):
    node = pack.NODE_CLASS_MAPPINGS['FastNeuralStyle']
    content = batch('scene', 2)
    (painted,) = node().paint(**inputs(node, content=content))
    assert painted.shape == content.shape
    (recolored,) = node().paint(**inputs(node, content=content, size=64, keeps_colors=True))
    assert max(recolored.shape[1:3]) == 64
    assert Bar.told[-1][:2] == (2, 2)


def test_trained_node_paints_with_files_and_styles_of_the_program(pack, tmp_path):
    node = pack.NODE_CLASS_MAPPINGS['TrainedNeuralStyle']
    folder = tmp_path / 'models' / 'neural_style'
    shutil.copy(shipped_styles()['swirls'], folder / 'mine.safetensors')
    (folder / 'other.txt').touch()
    names, _ = node.INPUT_TYPES()['required']['style']
    assert names == ['mine.safetensors', *shipped_styles()]
    content = batch('scene', 2)
    painted = [
        node().paint(**inputs(node, content=content, style=style))[0]
        for style in ('mine.safetensors', 'swirls', 'ink_landscape')
    ]
    assert painted[0].shape == content.shape
    assert torch.equal(painted[0], painted[1]) and not torch.equal(painted[1], painted[2])
    (folder / 'bad.safetensors').write_bytes(b'hello')
    with pytest.raises(ValueError, match='not a .safetensors file'):
        node().paint(**inputs(node, style='bad.safetensors'))


def test_saved_node_paints_as_with_the_picture(pack, tmp_path):
    node, of_picture = (pack.NODE_CLASS_MAPPINGS[f'{kind}NeuralStyle'] for kind in ('Saved', ''))
    folder = tmp_path / 'models' / 'neural_style'
    style = tmp_path / 'style.png'
    save(style, batch('strokes')[0].movedim(-1, 0).double())
    content = ['-content_image', str(DATA / 'inputs' / 'scene_64.png'), '-image_size', '32']
    words = [*content, '-style_image', str(style), '-preset', 'quick', '-num_iterations', '0']
    saved = str(folder / 'mine, new.safetensors')
    assert main([*words, '-save_style', saved, '-gpu', '-1']) == 0
    (folder / 'bad.safetensors').write_bytes(b'hello')
    shutil.copy(shipped_styles()['swirls'], folder / 'trained.safetensors')
    names, _ = node.INPUT_TYPES()['required']['style']
    assert names == ['bad.safetensors', 'mine, new.safetensors']
    given = inputs(of_picture, size=32, steps=2, style=load(style).movedim(0, -1)[None])
    with torch.inference_mode():  # as ComfyUI calls it
        (expected,) = of_picture().paint(**given)
        (painted,) = node().paint(**{**given, 'style': 'mine, new.safetensors'})
    assert torch.equal(painted, expected)
    for name, preset, message in (
        ('bad.safetensors', 'Quick', '^-style_image bad.safetensors: damaged, or not'),
        ('mine, new.safetensors', 'Ink', 'its -style_tint 1: needs the style image'),
        ('mine, new.safetensors', 'Bold', 'with -style_statistic gram, not wasserstein'),
    ):
        with pytest.raises(ValueError, match=message):
            node().paint(**{**given, 'style': name, 'preset': preset})


def test_interruption_ends_the_painting(pack, monkeypatch):
    node = pack.NODE_CLASS_MAPPINGS['NeuralStyle']
    monkeypatch.setattr(
        sys.modules['comfy'].model_management,
        'throw_exception_if_processing_interrupted',
        lambda: check_interruption(after=1),
    )
    with pytest.raises(Interrupted):
        node().paint(**inputs(node, size=48, steps=5))
    assert len(Bar.told) == 1


@pytest.fixture(scope='module')
def comfyui(tmp_path_factory):
    """Return a ComfyUI that runs."""
    if not os.environ.get(CHECKOUT):
        pytest.skip(f'needs ComfyUI: set {CHECKOUT} to the path of a checkout')
    with ComfyUI(tmp_path_factory.mktemp('comfyui')).running() as server:
        yield server


@pytest.mark.slow
def test_example_workflow_runs_in_comfyui(comfyui):
    status, _ = comfyui.result(comfyui.queue(prompt(comfyui)))
    assert status == 'success', comfyui.log()
    for name in ('neural_style', 'neural_style_fast', 'neural_style_trained'):
        with Image.open(comfyui.folder / 'output' / f'{name}_00001_.png') as picture:
            assert max(picture.size) == 64
            assert np.asarray(picture).std() > 10


@pytest.mark.slow
def test_comfyui_lists_styles_in_its_folder(comfyui):
    shutil.copy(
        shipped_styles()['swirls'], comfyui.folder / 'models' / 'neural_style' / 'my.safetensors'
    )
    info = comfyui.get('object_info/TrainedNeuralStyle')['TrainedNeuralStyle']
    assert info['input']['required']['style'][0] == ['my.safetensors', *shipped_styles()]
    changed = prompt(comfyui, TrainedNeuralStyle={'style': 'my.safetensors'})
    assert comfyui.result(comfyui.queue(changed))[0] == 'success', comfyui.log()


@pytest.mark.slow
def test_comfyui_interrupts_a_node(comfyui):
    name = comfyui.queue(prompt(comfyui, NeuralStyle={'steps': 10000}))
    comfyui.wait_until(lambda: comfyui.get('queue')['queue_running'])
    comfyui.wait_until(lambda: comfyui.post('interrupt') or comfyui.get(f'history/{name}'))
    status, events = comfyui.result(name)
    assert status == 'error' and 'execution_interrupted' in events
