"""A run that continues from a checkpoint ends in the bits of an uninterrupted one."""

import json
from dataclasses import replace

import pytest
import torch
from samples import mini_vgg19, network_with_dropout

from neural_style import stylize
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.transfer.checkpoint import Checkpoint, flatten, to_device, unflatten
from neural_style.transfer.multiscale import stylize_multiscale
from neural_style.transfer.session import Session


def picture(seed, height=24, width=32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator, dtype=torch.float64)


class Recorder:
    """Record the evaluations of a run, and write its checkpoints."""

    def __init__(self, folder, kept=(), resume_from=None):
        self.folder, self.kept = folder, kept
        self.seen, self.paths, self.scales = [], [], []
        self.session = Session(on_evaluation_start=self.keep, resume_from=resume_from)

    def callback(self, iterate):
        numbers = iterate.iteration, iterate.loss.item(), self.scales[-1]
        self.seen.append((numbers, iterate.x.clone()))

    def keep(self, checkpoint):
        self.scales.append(checkpoint.network_scale)
        if len(self.seen) in self.kept:
            tensors, structure = flatten(checkpoint.state())
            path = self.folder / f'{len(self.seen)}.safetensors'
            write_tensors(path, tensors, {'structure': json.dumps(structure)})
            self.paths.append((len(self.seen), path))


def checkpoints(recorder):
    for done, path in recorder.paths:
        tensors, metadata = read_tensors(path)
        state = unflatten(tensors, json.loads(metadata['structure']))
        yield done, Checkpoint.from_state(state)


ONE = {'content_layers': 'relu4_2', 'style_layers': 'relu1_1', 'tv_weight': 0}
RUNS = {
    'lbfgs': {'num_iterations': 13},
    'lbfgs, the history full': {'num_iterations': 9, 'lbfgs_num_correction': 3},
    'lbfgs, pairs refused': {'num_iterations': 6, 'noise_scale': 1e-3},
    'lbfgs, short steps': {'num_iterations': 6, 'lbfgs_max_step': 2},
    'lbfgs, a fraction': {'num_iterations': 4.5},
    'lbfgs, no seed': {'num_iterations': 5, 'seed': -1},
    'adam': {'num_iterations': 6, 'optimizer': 'adam'},
    'bf16': {'num_iterations': 6, 'precision': 'bf16'},
    'fp16': {'num_iterations': 5, 'precision': 'fp16', 'style_weight': 1e3, 'optimizer': 'adam'},
    'dropout': {'num_iterations': 6, 'cnn': network_with_dropout, **ONE},
    'grey on paper': {'num_iterations': 5, 'luminance_only': 1, 'paper_mask': 'auto'},
    'frequencies': {'num_iterations': 5, 'fourier_decay': 0.5},
    'scales': {'num_iterations': 3, 'multiscale': '2', 'init': 'image'},
}
KEPT = {
    'lbfgs': (0, 1, 6, 12),
    'lbfgs, the history full': (4, 6, 7),
    'scales': (2, 6, 7),
}


CASES = [(name, False) for name in RUNS] + [(name, True) for name in RUNS if 'lbfgs' in name]


@pytest.mark.parametrize(('name', 'long'), CASES, ids=[f'{n}{", long" * k}' for n, k in CASES])
def test_a_resumed_run_ends_in_the_same_bits(name, long, tmp_path, monkeypatch):
    # noise so strong that L-BFGS keeps a pair at every step
    settings = {'seed': 7, 'noise_scale': 50, **RUNS[name]}
    if long:
        monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
        monkeypatch.setattr('neural_style.torch7.vector_blocks.BLOCK_ROWS', 4)
    monkeypatch.setattr('neural_style.kernels.precision.why_not', lambda *args: '')
    cnn = settings.pop('cnn', mini_vgg19)
    paint = stylize_multiscale if 'multiscale' in settings else stylize
    uninterrupted = Recorder(tmp_path, KEPT.get(name, (1, 4)))
    images = picture(1), [picture(2, 24, 24)]
    want = paint(
        cnn(), *images, callback=uninterrupted.callback, session=uninterrupted.session, **settings
    )
    assert len(uninterrupted.paths) == len(uninterrupted.kept)
    for done, checkpoint in checkpoints(uninterrupted):
        resumed = Recorder(tmp_path, resume_from=checkpoint)
        got = paint(cnn(), *images, callback=resumed.callback, session=resumed.session, **settings)
        assert torch.equal(got, want)
        assert len(resumed.seen) == len(uninterrupted.seen) - done
        if 'full' in name:
            history = checkpoint.optimizer['history']
            assert len(history['order'] if long else history['steps']) == 3
        for (numbers, x), (numbers_2, x_2) in zip(
            uninterrupted.seen[done:], resumed.seen, strict=True
        ):
            assert numbers == numbers_2
            assert torch.equal(x, x_2)


def test_the_scale_of_float16_gradients_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr('neural_style.kernels.precision.why_not', lambda *args: '')
    settings = {'num_iterations': 2, 'precision': 'fp16', 'style_weight': 1e-3, 'init': 'image'}
    images = picture(1), [picture(2)]
    run = Recorder(tmp_path, (1,))
    stylize(mini_vgg19(), *images, callback=run.callback, session=run.session, **settings)
    ((_, checkpoint),) = checkpoints(run)
    resumed = Recorder(tmp_path, resume_from=replace(checkpoint, network_scale=8.0))
    stylize(mini_vgg19(), *images, callback=resumed.callback, session=resumed.session, **settings)
    assert resumed.scales == [8]


def test_an_optimisers_state_is_moved_but_for_the_blocks_of_its_history():
    history = {'blocks': [torch.ones(2, 2, 3)], 'sy': torch.ones(2, 2)}
    moved = to_device(
        {'iteration': 3, 'd': torch.ones(3), 'history': history}, torch.device('meta')
    )
    assert moved['iteration'] == 3
    assert moved['d'].is_meta and moved['history']['sy'].is_meta
    assert not moved['history']['blocks'][0].is_meta  # the optimiser takes them to their place
