"""-checkpoint, -resume, and the ends of a run that are not its own: signals, full disks, NaN."""

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples import ROOT

import loadcaffe
from neural_style import LossNetwork
from neural_style.command.process import main
from neural_style.files.atomic import write_whole
from neural_style.files.tensors import read_tensors, write_tensors
from neural_style.torch7 import image
from neural_style.transfer import objective

RUN = '-num_iterations 7 -print_iter 1 -save_iter 2'


def files():
    return sorted(os.listdir())


def pixels(name='out.png'):
    return np.asarray(Image.open(name))


def iterations(out):
    """The text from the first iteration on."""
    return out[re.search(r'Iteration \d', out).start() :]


@pytest.fixture
def at(monkeypatch):
    """Do something during the evaluation of a number, from 1."""
    seen = []

    def wrap(number, do):
        def evaluate(*args):
            seen.append(number)
            if len(seen) == number:
                do()
            return real(*args)

        real = objective.evaluate
        monkeypatch.setattr(objective, 'evaluate', evaluate)

    return wrap


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ('flags', 'number'),
    [
        ('', signal.SIGINT),
        ('-optimizer adam', signal.SIGTERM),
        ('-multiscale 2', signal.SIGINT),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_picture_and_text(
    command, capsys, at, flags, number
):
    command(f'{RUN} {flags}')
    want, text = pixels(), iterations(capsys.readouterr().out)
    pictures = {name: pixels(name) for name in files()}
    for name in files():
        os.remove(name)
    at(4, send(number))
    assert command(f'{RUN} {flags}') == 128 + number
    captured = capsys.readouterr()
    assert 'out.checkpoint' in files()
    assert 'interrupted after iteration 4; the picture is in out.png' in captured.err
    (words,) = re.findall(r'go on with: .*?(-resume \S+)$', captured.err, re.M)
    assert not np.array_equal(pixels(), want)
    begun = iterations(captured.out)
    assert main(words.split()) == 0
    assert begun + iterations(capsys.readouterr().out) == text
    assert np.array_equal(pixels(), want)
    assert {name: pixels(name).tolist() for name in files() if name.endswith('.png')} == {
        name: picture.tolist() for name, picture in pictures.items()
    }


def test_a_file_that_is_there_keeps_its_name_when_a_state_is_kept(command, capsys, at):
    Path('out.checkpoint').write_text('of another kind')
    at(2, send(signal.SIGINT))
    assert command(RUN) == 130
    assert 'the state is in out1.checkpoint' in capsys.readouterr().err
    assert Path('out.checkpoint').read_text() == 'of another kind'
    at(5, send(signal.SIGINT))  # counted on, and by both
    assert main(['-resume', 'out1.checkpoint', '-output_image', 'out1.png']) == 130
    assert 'the state is in out1.checkpoint' in capsys.readouterr().err  # in place of the older one


def test_inputs_that_changed_during_a_run_are_refused(command, capsys, data, at):
    """It began with the former ones, which are summed at the start, not when it is interrupted."""
    shutil.copy(data / 'inputs' / 'scene.jpg', 'in.jpg')
    at(2, lambda: shutil.copy(data / 'inputs' / 'strokes.jpg', 'in.jpg'))
    at(3, send(signal.SIGINT))
    assert command(f'{RUN} -content_image in.jpg') == 130
    assert main(['-resume', 'out.checkpoint']) == 1
    assert 'in.jpg is not what the run began with' in capsys.readouterr().err


def test_an_interrupt_at_a_coarse_scale_saves_a_picture_of_the_full_size(command, at):
    at(2, send(signal.SIGINT))
    assert command(f'{RUN} -multiscale 2 -original_colors 1') == 130
    assert pixels().shape == (36, 48, 3)


def test_an_interrupt_during_the_last_evaluation_leaves_the_finished_picture(command, at, capsys):
    command(RUN)
    want = pixels()
    at(7, send(signal.SIGTERM))
    assert command(RUN) == 143
    assert 'out.png is ready' in capsys.readouterr().err
    assert np.array_equal(pixels(), want)
    assert 'out.checkpoint' not in files()


def test_an_interrupt_while_loading_saves_nothing(command, capsys, monkeypatch):
    real = loadcaffe.load
    for number in (signal.SIGINT, signal.SIGTERM):

        def load(*args, number=number):
            send(number)()
            return real(*args)

        monkeypatch.setattr(loadcaffe, 'load', load)
        assert command() == 128 + number
        assert 'interrupted before the first iteration' in capsys.readouterr().err
        assert files() == []


def test_handlers_of_signals_are_put_back(command, at):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    at(1, send(signal.SIGINT))
    command(RUN)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_run_outside_the_main_thread_sets_no_handlers(command):
    found = []
    thread = threading.Thread(target=lambda: found.append(command()))
    thread.start()
    thread.join()
    assert found == [0]


def test_a_second_signal_ends_at_once(data, tmp_path):
    code = (
        'import os, signal\n'
        'from neural_style.command import process\n'
        'from neural_style.transfer import objective\n'
        'def evaluate(*args):\n'
        '    os.kill(os.getpid(), signal.SIGINT)\n'
        '    os.kill(os.getpid(), signal.SIGTERM)\n'
        '    print("still there")\n'
        'objective.evaluate = evaluate\n'
        'process.main(["-gpu", "-1", "-image_size", "32", "-content_image", "{0}",'
        ' "-style_image", "{0}"])'
    ).format(data / 'inputs' / 'scene.jpg')
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
    assert done.returncode == -signal.SIGTERM
    assert 'once more ends at once' in done.stderr
    assert 'still there' not in done.stdout
    assert os.listdir(tmp_path) == []


@pytest.fixture
def half(command, capsys):
    """A finished run with its state, as it was before the last evaluation."""
    assert command(f'{RUN} -checkpoint state -checkpoint_iter 3') == 0
    capsys.readouterr()


def test_a_checkpoint_is_as_old_as_checkpoint_iter_says(command, at):
    at(6, lambda: (_ for _ in ()).throw(ValueError('stop')))
    command(f'{RUN} -checkpoint state -checkpoint_iter 3')
    assert read_tensors('state')[0]['image'].shape == (3, 36, 48)
    assert main(['-resume', 'state', '-print_iter', '0', '-num_iterations', '3']) == 1
    assert main(['-resume', 'state', '-print_iter', '0', '-num_iterations', '4']) == 0


def test_more_iterations_go_on_to_the_picture_of_a_longer_run(command, half):
    assert main('-resume state -num_iterations 10 -output_image more.png'.split()) == 0
    command('-num_iterations 10 -output_image long.png')
    assert np.array_equal(pixels('more.png'), pixels('long.png'))


def test_a_finished_run_makes_its_picture_again(half):
    want = pixels()
    os.remove('out.png')
    assert main(['-resume', 'state']) == 0
    assert np.array_equal(pixels(), want)


REFUSED = [
    ('-seed 2', ['-seed 1', 'not 2']),
    ('-style_weight 7', ['-style_weight 100', 'not 7']),
    ('-optimizer adam', ['-optimizer lbfgs']),
    ('-paper_mask auto', ['-paper_mask']),
    ('-preset ink', ['-resume state: the run began with -']),
    ('-num_iterations 6', ['-num_iterations', 'done 6 of 6; give more']),
    ('-content_image {inputs}/waves.jpg', ['-content_image', 'waves.jpg', 'begin anew']),
    ('-init_image {inputs}/waves.jpg', ['-init_image', 'begin anew']),
    ('-style_image {inputs}/strokes.jpg,{inputs}/waves.jpg', ['-style_image', 'begin anew']),
    ('-model_file {models}/lenet_v1.caffemodel', ['-model_file', 'begin anew']),
    ('-content_image nosuch.jpg', ['-content_image', 'nosuch.jpg is not there']),
    ('-resume nosuch', ['-resume nosuch', 'No such file']),
    ('-resume out.png', ['-resume out.png', 'not a .safetensors']),
    ('-resume other', ['-resume other', 'not a checkpoint']),
    ('-checkpoint out.png', ['-checkpoint out.png', '-output_image']),
    ('-checkpoint out_5.png', ['-checkpoint out_5.png', 'on the way']),
    ('-checkpoint notes', ['-checkpoint notes', 'no checkpoint; name another']),
    ('-checkpoint {inputs}/scene.jpg', ['-checkpoint', '-content_image; name another']),
    ('-checkpoint {models}/mini_vgg19_conv.caffemodel', ['-model_file; name another']),
    ('-checkpoint nodir/state', ['-checkpoint nodir/state', 'nodir']),
]


@pytest.mark.parametrize(('flags', 'named'), REFUSED, ids=[flags for flags, _ in REFUSED])
def test_what_does_not_go_with_a_checkpoint_is_refused(half, data, capsys, flags, named):
    write_tensors('other', {'a': torch.zeros(2)}, {})
    Path('notes').write_text('of another kind')
    before = {name: os.stat(name).st_mtime_ns for name in files()}
    words = flags.format(inputs=data / 'inputs', models=data / 'models').split()
    assert main(['-resume', 'state', *words]) == 1
    captured = capsys.readouterr()
    for name in named:
        assert name in captured.err
    assert captured.err.count('\n') == 1
    assert 'Iteration' not in captured.out
    assert {name: os.stat(name).st_mtime_ns for name in files()} == before


def test_an_input_that_has_moved_is_known_by_its_contents(half, data):
    shutil.copy(data / 'inputs' / 'scene.jpg', 'moved.jpg')
    assert main('-resume state -content_image moved.jpg -print_iter 0'.split()) == 0


def test_a_damaged_checkpoint_is_refused(half, capsys):
    content = Path('state').read_bytes()
    Path('state').write_bytes(content[: len(content) // 2])
    assert main(['-resume', 'state']) == 1
    assert 'state: damaged' in capsys.readouterr().err


def no_space(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_intermediate_pictures_and_states_only(command, at, capsys, monkeypatch):
    def full(path, content):
        if 'out.png' not in str(path):
            no_space()
        real(path, content)

    real = write_whole
    monkeypatch.setattr('neural_style.files.tensors.write_whole', full)
    monkeypatch.setattr('neural_style.torch7.image.write_whole', full)
    assert command(f'{RUN} -checkpoint state -checkpoint_iter 3') == 0
    err = capsys.readouterr().err
    assert './out_2.png: cannot write the image: No space left on device; going on' in err
    assert err.count('state: cannot write the state: No space left on device') == 2
    assert files() == ['out.png']


def test_the_last_picture_is_saved_elsewhere_if_it_must(command, capsys):
    os.mkdir('gone')
    command('-num_iterations 1')

    class Vanishing(io.StringIO):
        def write(self, text):
            if 'Iteration 1 ' in text and os.path.exists('gone'):
                os.rmdir('gone')
            return super().write(text)

    capsys.readouterr()
    out, sys.stdout = sys.stdout, Vanishing()
    try:
        assert command('-num_iterations 1 -print_iter 1 -output_image gone/out.png') == 1
    finally:
        sys.stdout = out
    assert re.search(
        r'gone/out.png: cannot write .*; the picture is in .*/out1.png$', capsys.readouterr().err
    )
    assert torch.equal(image.load('out1.png'), image.load('out.png'))


def test_a_read_only_picture_is_refused_at_the_start(command, capsys, monkeypatch):
    Path('out.png').write_bytes(b'precious')
    # root may write everything
    monkeypatch.setattr(os, 'access', lambda path, mode: not str(path).endswith('out.png'))
    assert command() == 1
    assert 'out.png: the file is read-only' in capsys.readouterr().err
    assert Path('out.png').read_bytes() == b'precious'


def test_numbers_that_are_lost_end_the_run_with_the_best_picture(command, capsys, monkeypatch):
    monkeypatch.setattr('neural_style.kernels.precision.speedup', lambda *args: 2.0)
    run = '-precision fp16 -style_weight 1e4 -lbfgs_max_step 1e9 -num_iterations {} -print_iter 0'
    run += ' -output_image {}'
    assert command(run.format(40, 'out.png')) == 1
    captured = capsys.readouterr()
    (number,) = re.findall(r'out.png: that of iteration (\d+)', captured.err)
    assert 'no longer finite; float16 ends at 65504: give -precision bf16' in captured.err
    assert command(run.format(number, 'short.png')) == 0
    assert np.array_equal(pixels(), pixels('short.png'))


@pytest.mark.parametrize(
    ('flags', 'cause'),
    [
        ('-optimizer adam -learning_rate 1e38', '-learning_rate 1e+38 or the weights'),
        ('-style_weight 1e25', '-lbfgs_max_step 10'),
    ],
)
def test_the_likely_cause_of_lost_numbers_is_named(command, capsys, flags, cause):
    assert command(f'{flags} -num_iterations 30 -print_iter 0') == 1
    captured = capsys.readouterr()
    assert cause in captured.err
    assert files() == ['out.png']


def test_a_loss_that_was_never_a_number_goes_on_as_in_the_original(command, data, capsys):
    picture = data / 'inputs' / 'strokes.jpg'
    flags = f'-style_image {picture},{picture} -style_blend_weights 0,0 -print_iter 1'
    assert command(flags) == 0
    assert 'Total loss: nan' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        *(((name,), None) for name in ('torch', 'settings', 'sums', 'state')),
        *((('settings', name), []) for name in ('image_size', 'content_image', 'seed')),
        *((('state', name), value) for name in ('iteration', 'scale') for value in ('3', None, -1)),
        *((('state', name), 5) for name in ('image', 'optimizer', 'generator_state', 'precision')),
        (('settings', 'image_size'), 33),
    ],
    ids=str,
)
def test_damaged_states_are_refused(half, capsys, place, value):
    tensors, metadata = read_tensors('state')
    content = part = json.loads(metadata['neural_style'])
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    write_tensors('state', tensors, {'neural_style': json.dumps(content)})
    assert main(['-resume', 'state']) == 1
    err = capsys.readouterr().err
    assert err.startswith('neural_style: -resume') and err.count('\n') == 1


def test_a_killed_run_leaves_a_readable_state():
    script = [sys.executable, ROOT / 'tests' / 'stress' / 'kill_checkpoint.py', '--times', '2']
    done = subprocess.run(script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


def fail(error):
    def do():
        raise error

    return do


def test_a_run_without_memory_names_a_size_and_keeps_picture_and_state(command, at, capsys):
    command(RUN)
    want = pixels()
    at(4, fail(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to")))
    assert command(RUN) == 1
    err = capsys.readouterr().err
    assert re.search(r'out of memory at 48 x 36.*: -image_size 32 should fit.*-optimizer adam', err)
    (words,) = re.findall(r'go on with: .*?(-resume \S+)$', err, re.M)
    assert pixels().std() > 0
    assert main(words.split()) == 0
    assert np.array_equal(pixels(), want)


def test_a_run_without_memory_to_begin_with_saves_nothing(command, at, capsys):
    at(1, fail(MemoryError()))
    assert command('-optimizer adam') == 1
    err = capsys.readouterr().err
    assert 'should fit\n' in err
    assert files() == []


def test_memory_that_lacks_for_the_next_scale_costs_the_state_but_not_the_picture(
    command, capsys, monkeypatch
):
    def capture(network, picture):
        if picture.shape[2] == 48:
            raise MemoryError
        real(network, picture)

    real = LossNetwork.capture_content
    monkeypatch.setattr(LossNetwork, 'capture_content', capture)
    assert command(f'{RUN} -multiscale 2') == 1
    assert 'the picture is in out.png\n' in capsys.readouterr().err
    assert files() == ['out.png']


def test_an_error_that_is_not_about_memory_is_not_taken_for_one(command, at):
    at(2, fail(RuntimeError('something else')))
    with pytest.raises(RuntimeError, match='something else'):
        command()


LIMITED = """
import resource, sys
from neural_style.command import process
pages = int(open('/proc/self/statm').read().split()[0])
limit = pages * resource.getpagesize() + 800_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(process.main(sys.argv[1:]))
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='needs limits as Linux has them')
def test_the_size_named_within_a_limit_of_addresses_fits(data, tmp_path):
    stem = data / 'models' / 'mini_vgg19_conv'

    def run(size):
        flags = f"""-gpu -1 -image_size {size} -num_iterations 1 -print_iter 0 -save_iter 0
            -content_image {data}/inputs/scene.jpg -style_image {data}/inputs/strokes.jpg
            -init image -proto_file {stem}.prototxt -model_file {stem}.caffemodel"""
        return subprocess.run(
            [sys.executable, '-c', LIMITED, *flags.split()], cwd=tmp_path, capture_output=True,
            text=True, env=os.environ | {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        )  # fmt: skip

    done = run(2000)
    assert done.returncode == 1
    found = re.findall(
        r'an image of 2000 x 1500 pixels needs .*; -image_size (\d+) would', done.stderr
    )
    done = run(found[0])
    assert done.returncode == 0
    assert re.fullmatch(r'neural_style: .* in tiles .*\n', done.stderr)
