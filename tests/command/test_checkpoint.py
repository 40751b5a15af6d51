"""-checkpoint and -resume: the state of a run in a file."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import SEVEN_ITERATIONS, send
from written import files, pixels

from neural_style.command.process import main
from neural_style.files.tensors import read_tensors, write_tensors


@pytest.fixture
def half(command, capsys):
    """Finish a run, and keep its state as it was before the last evaluation."""
    assert command(f'{SEVEN_ITERATIONS} -checkpoint state -checkpoint_iter 3') == 0
    capsys.readouterr()


def test_checkpoint_is_as_old_as_checkpoint_iter_says(command, at_evaluation):
    at_evaluation(6, lambda: (_ for _ in ()).throw(ValueError('stop')))
    command(f'{SEVEN_ITERATIONS} -checkpoint state -checkpoint_iter 3')
    assert read_tensors('state')[0]['image'].shape == (3, 36, 48)
    assert main(['-resume', 'state', '-print_iter', '0', '-num_iterations', '3']) == 1
    assert main(['-resume', 'state', '-print_iter', '0', '-num_iterations', '4']) == 0


def test_more_iterations_give_the_picture_of_a_longer_run(command, half):
    assert main('-resume state -num_iterations 10 -output_image more.png'.split()) == 0
    command('-num_iterations 10 -output_image long.png')
    assert np.array_equal(pixels('more.png'), pixels('long.png'))


def test_resumed_run_has_the_padding_of_its_checkpoint(command):
    flags = '-padding replicate -noise_scale 20 -checkpoint state -checkpoint_iter 3'
    command(f'{SEVEN_ITERATIONS} {flags}')
    assert main('-resume state -num_iterations 10 -output_image more.png'.split()) == 0
    command('-num_iterations 10 -noise_scale 20 -padding replicate -output_image long.png')
    assert np.array_equal(pixels('more.png'), pixels('long.png'))
    command('-num_iterations 10 -noise_scale 20 -output_image zero.png')
    assert not np.array_equal(pixels('long.png'), pixels('zero.png'))


@pytest.mark.slow
def test_resumed_run_compares_the_statistics_of_its_checkpoint(command):
    flags = '-style_statistic wasserstein:0.1,histogram -optimizer adam -noise_scale 20'
    command(f'{SEVEN_ITERATIONS} {flags} -checkpoint state -checkpoint_iter 3')
    assert main('-resume state -num_iterations 10 -output_image more.png'.split()) == 0
    command(f'-num_iterations 10 {flags} -output_image long.png')
    assert np.array_equal(pixels('more.png'), pixels('long.png'))


def test_resuming_a_finished_run_makes_its_picture_again(half):
    want = pixels()
    os.remove('out.png')
    assert main(['-resume', 'state']) == 0
    assert np.array_equal(pixels(), want)


def test_inputs_that_changed_during_the_run_are_refused(command, capsys, data, at_evaluation):
    """Checksums are those of the files at the start of the run, not at the interruption."""
    shutil.copy(data / 'inputs' / 'scene.jpg', 'in.jpg')
    at_evaluation(2, lambda: shutil.copy(data / 'inputs' / 'strokes.jpg', 'in.jpg'))
    at_evaluation(3, send(signal.SIGINT))
    assert command(f'{SEVEN_ITERATIONS} -content_image in.jpg') == 130
    assert main(['-resume', 'out.checkpoint']) == 1
    assert 'in.jpg is not what the run started with' in capsys.readouterr().err


REFUSED = [
    ('-seed 2', ['-seed 1', 'not 2']),
    ('-style_weight 7', ['-style_weight 100', 'not 7']),
    ('-optimizer adam', ['-optimizer lbfgs']),
    ('-paper_mask auto', ['-paper_mask']),
    ('-preset ink', ['-resume state: the run started with -']),
    ('-num_iterations 6', ['-num_iterations', 'done 6 of 6 evaluations already']),
    ('-content_image {inputs}/waves.jpg', ['-content_image', 'waves.jpg', 'start a new run']),
    ('-init_image {inputs}/waves.jpg', ['-init_image', 'start a new run']),
    ('-style_image {inputs}/strokes.jpg,{inputs}/waves.jpg', ['-style_image', 'start a new run']),
    ('-model_file {models}/lenet_v1.caffemodel', ['-model_file', 'start a new run']),
    ('-content_image nosuch.jpg', ['-content_image', 'nosuch.jpg does not exist']),
    ('-resume nosuch', ['-resume nosuch', 'No such file']),
    ('-resume out.png', ['-resume out.png', 'not a .safetensors']),
    ('-resume other', ['-resume other', 'not a checkpoint']),
    ('-checkpoint out.png', ['-checkpoint out.png', '-output_image']),
    ('-checkpoint out_5.png', ['-checkpoint out_5.png', 'intermediate picture']),
    ('-checkpoint notes', ['-checkpoint notes', 'not a checkpoint; name another']),
    ('-checkpoint {inputs}/scene.jpg', ['-checkpoint', '-content_image; name another']),
    ('-checkpoint {models}/mini_vgg19_conv.caffemodel', ['-model_file; name another']),
    ('-checkpoint nodir/state', ['-checkpoint nodir/state', 'nodir']),
]


@pytest.mark.parametrize(('flags', 'named'), REFUSED, ids=[flags for flags, _ in REFUSED])
def test_flags_that_do_not_fit_a_checkpoint_are_refused(half, data, capsys, flags, named):
    write_tensors('other', {'a': torch.zeros(2)}, {})
    Path('notes').write_text('of another kind')
    before = {name: os.stat(name).st_mtime_ns for name in files()}
    arguments = flags.format(inputs=data / 'inputs', models=data / 'models').split()
    assert main(['-resume', 'state', *arguments]) == 1
    captured = capsys.readouterr()
    for name in named:
        assert name in captured.err
    assert captured.err.count('\n') == 1
    assert 'Iteration' not in captured.out
    assert {name: os.stat(name).st_mtime_ns for name in files()} == before


def test_moved_input_is_known_by_its_contents(half, data):
    shutil.copy(data / 'inputs' / 'scene.jpg', 'moved.jpg')
    assert main('-resume state -content_image moved.jpg -print_iter 0'.split()) == 0


def test_truncated_checkpoint_is_refused(half, capsys):
    content = Path('state').read_bytes()
    Path('state').write_bytes(content[: len(content) // 2])
    assert main(['-resume', 'state']) == 1
    assert 'state: damaged' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('path', 'value'),
    [
        *(((name,), None) for name in ('torch', 'settings', 'sums', 'state')),
        *((('settings', name), []) for name in ('image_size', 'content_image', 'seed')),
        *((('state', name), value) for name in ('iteration', 'scale') for value in ('3', None, -1)),
        *((('state', name), 5) for name in ('image', 'optimizer', 'generator_state', 'precision')),
        (('settings', 'image_size'), 33),
    ],
    ids=str,
)
def test_damaged_states_are_refused(half, capsys, path, value):
    tensors, metadata = read_tensors('state')
    content = part = json.loads(metadata['neural_style'])
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    write_tensors('state', tensors, {'neural_style': json.dumps(content)})
    assert main(['-resume', 'state']) == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -resume') and err.count('\n') == 1
