"""neural_style-train: files, progress, samples, checkpoints."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from written import pixels

from neural_style.command.process import main as neural_style
from neural_style.fast.trained import TrainedStyle
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.train.__main__ import main
from neural_style.train.flags import command_line
from neural_style.train.state import METADATA


def tensors_of(path):
    return read_tensors(path)[0]


def are_equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def test_style_is_trained_and_painted_with(train, capsys):
    assert train('-print_iter 1 -save_iter 1 -sample_image strokes.jpg') == 0
    captured = capsys.readouterr()
    assert 'Iteration 2 / 2: content loss' in captured.out
    assert f'neural_style-train: the style is in {os.path.abspath("s.safetensors")}' in captured.err
    assert {'s_1.jpg', 's_2.jpg', 's.checkpoint'} <= set(os.listdir())
    style = TrainedStyle.load('s.safetensors')
    assert style.names == ['strokes'] and style.training['iterations'] == 2
    flags = '-gpu -1 -image_size 40 -content_image photos/1.png -style_image s.safetensors'
    assert neural_style(flags.split()) == 0
    assert pixels('out.png').shape == (32, 40, 3)


def test_several_styles_are_trained_with_one_scale_for_all(train):
    shutil.copy('photos/1.png', 'other.png')
    assert train('-style_image strokes.jpg,other.png -style_scale 1.5') == 0
    style = TrainedStyle.load('s.safetensors')
    assert style.names == ['strokes', 'other'] and style.network.shape.styles == 2


def test_resumed_training_ends_in_the_same_bits(train):
    assert train('-num_iterations 4 -output whole.safetensors') == 0
    assert train() == 0
    assert main('-resume s.checkpoint -num_iterations 4'.split()) == 0
    assert are_equal(tensors_of('s.safetensors'), tensors_of('whole.safetensors'))
    assert are_equal(tensors_of('s.checkpoint'), tensors_of('whole.checkpoint'))


def test_interrupted_training_says_how_to_continue(train, capsys, monkeypatch):
    from neural_style.train import session

    real = session.progress

    def interrupted(*arguments):
        session.os.kill(os.getpid(), 2)
        return real(*arguments)

    monkeypatch.setattr(session, 'progress', interrupted)
    assert train('-print_iter 1 -num_iterations 9') == 130
    assert 'after iteration 1; continue with: neural_style-train -resume s.ch' in (
        capsys.readouterr().err
    )
    assert not Path('s.safetensors').exists() and Path('s.checkpoint').exists()


def test_broken_photographs_are_named(train, capsys):
    Path('photos/1.png').write_text('no picture')
    assert train('-num_iterations 6') == 0
    assert 'photos/1.png: skipped, as it cannot be read' in capsys.readouterr().err


@pytest.mark.parametrize(
    'flags, message',
    [
        ('-photos nowhere', '-photos nowhere: No such file or directory; name a folder'),
        ('-photos empty', '-photos empty: there is no picture in it'),
        ('-style_image none.jpg', '-style_image none.jpg: no such file'),
        ('-output s.png', '-output s.png: name a .safetensors file'),
        ('-output no/s.safetensors', '-output no/s.safetensors: cannot write in'),
        ('-output other.safetensors', 'the file exists and is no trained style'),
        ('-checkpoint other.safetensors', 'the file exists and is no checkpoint of a training'),
        ('-width 20', '-width 20: give a multiple of 8'),
        ('-batch_size 0', '-batch_size 0: give a whole number from 1'),
        ('-image_size 7', '-image_size 7: give a whole number from 32'),
        ('-learning_rate 0', '-learning_rate 0: give a number above 0'),
        ('-style_weight -1', '-style_weight -1: give a number from 0'),
        ('-style_layers relu9_9', 'relu9_9'),
        ('-resume other.safetensors', '-resume other.safetensors: damaged, or not a .safetensors'),
        ('-resume none', '-resume none: No such file or directory; name a checkpoint'),
        ('-batchsize 2', 'did you mean -batch_size?'),
    ],
)
def test_bad_flags_are_refused(train, capsys, flags, message):
    os.mkdir('empty')
    Path('other.safetensors').write_text('something else')
    assert train(flags) == 1
    assert message in capsys.readouterr().err
    assert Path('other.safetensors').read_text() == 'something else'
    assert not Path('s.safetensors').exists()


def test_training_is_not_resumed_with_other_numbers(train, capsys):
    assert train() == 0
    assert main('-resume s.checkpoint -seed 5'.split()) == 1
    assert 'the training started with -seed 1, not 5; omit the flag' in capsys.readouterr().err
    Path('strokes.jpg').write_bytes(Path('photos/1.png').read_bytes())
    assert main('-resume s.checkpoint'.split()) == 1
    changed = '-style_image: strokes.jpg is not what the training started with; start a new'
    assert changed in capsys.readouterr().err
    Path('strokes.jpg').unlink()
    assert main('-resume s.checkpoint'.split()) == 1
    missing = '-style_image: strokes.jpg does not exist; continue in the same folder, or name it'
    assert missing in capsys.readouterr().err


def test_training_is_resumed_with_other_photographs_if_they_are_named(train, capsys):
    assert train() == 0
    shutil.move('photos', 'moved')
    flags = '-resume s.checkpoint -num_iterations 3'
    assert main(flags.split()) == 1
    assert '-photos photos: No such file' in capsys.readouterr().err
    assert main(f'{flags} -photos moved'.split()) == 0
    assert 'not the photographs' not in capsys.readouterr().err
    shutil.copy('moved/1.png', 'moved/2 more.png')
    assert main('-resume s.checkpoint -num_iterations 4'.split()) == 1
    message = '-photos: moved does not have the photographs that the training started with; restore'
    assert message in capsys.readouterr().err
    assert main('-resume s.checkpoint -num_iterations 4 -photos moved'.split()) == 0
    message = '-photos moved: not the photographs that the training started with; it continues'
    assert message in capsys.readouterr().err
    assert main('-resume s.checkpoint -num_iterations 5'.split()) == 0


def test_checkpoint_of_format_1_is_continued(train, capsys):
    assert train() == 0
    tensors, metadata = read_tensors('s.checkpoint')
    content = json.loads(metadata[METADATA])
    content['sums'].pop('photos')
    content |= {'format': 1, 'sums': sum(content['sums'].values(), [])}
    write_tensors('s.checkpoint', tensors, {METADATA: json.dumps(content)})
    assert main('-resume s.checkpoint -num_iterations 3'.split()) == 0
    content['sums'][0] = '0' * 64
    write_tensors('s.checkpoint', tensors, {METADATA: json.dumps(content)})
    assert main('-resume s.checkpoint -num_iterations 3'.split()) == 1
    assert 'strokes.jpg is not what the training started with' in capsys.readouterr().err


def test_trained_style_is_converted(train, capsys):
    pytest.importorskip('onnx', reason='needs the extra [onnx]')
    assert train() == 0
    assert main('-style_image s.safetensors -output s.onnx'.split()) == 0
    assert os.path.getsize('s.onnx') > 10_000
    for flags, message in (
        ('-style_image strokes.jpg', '-output s.onnx: is written of a trained style; name one'),
        ('-style_image s.safetensors -width 8', '-width: means nothing where a network'),
        ('-photos photos', '-photos: means nothing where a network'),
    ):
        assert main([*flags.split(), '-output', 's.onnx']) == 1
        assert message in capsys.readouterr().err


def test_network_for_any_style_is_converted(tmp_path, monkeypatch, capsys):
    pytest.importorskip('onnx', reason='needs the extra [onnx]')
    monkeypatch.chdir(tmp_path)
    assert main('-output fast.onnx'.split()) == 0
    assert os.path.getsize('fast.onnx') > 1_000_000
    assert 'the network of -fast, for any style, is in' in capsys.readouterr().err
    assert main('-output missing/fast.onnx'.split()) == 1
    assert '-output missing/fast.onnx' in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, 'onnx', None)
    assert main('-output other.onnx'.split()) == 1
    assert 'needs the onnx package: pip install' in capsys.readouterr().err
    assert not os.path.exists('other.onnx')


def test_every_flag_is_described():
    assert all(flag.description for flag in command_line().flags)
