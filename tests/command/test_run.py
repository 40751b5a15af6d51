"""The command: its text, its files, and how it meets bad input."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from samples import ROOT

import loadcaffe
from neural_style.command import run, terminal
from neural_style.command.process import main
from neural_style.command.saving import build_filename
from neural_style.losses.style import StyleLoss


def files(folder='.'):
    return sorted(os.listdir(folder))


def test_a_run_writes_its_picture_and_nothing_else(command, capsys):
    assert command() == 0
    assert files() == ['out.png']
    assert np.asarray(Image.open('out.png')).shape == (36, 48, 3)
    assert capsys.readouterr().err == ''


def test_stdout_ends_every_line_of_th_with_a_tab(command, capsys):
    command('-print_iter 1 -optimizer adam')
    out = capsys.readouterr().out
    assert 'Capturing content targets\t\nnn.Sequential {\n' in out
    assert 'Running optimization with ADAM\t\nIteration 1 / 2\t\n' in out
    assert out.startswith('Successfully loaded ')
    assert '\nconv1_1: 8 3 3 3\n' in out
    assert 'Setting up style layer  \t2\t:\trelu1_1\t\n' in out


def test_intermediate_pictures_are_named_after_their_evaluation(command):
    command('-num_iterations 5 -save_iter 2 -output_image my.out.png')
    assert files() == ['my.out.png', 'my.out_2.png', 'my.out_4.png']


@pytest.mark.parametrize(
    ('name', 'want'),
    [
        ('out.png', './out_100.png'),
        ('dir/out.png', 'dir/out_100.png'),
        ('runs/x/my.out.v2.png', 'runs/x/my.out.v2_100.png'),
        ('/abs/out.jpg', '/abs/out_100.jpg'),
        ('../out.png', '../out_100.png'),
        ('.png', './_100.png'),
        ('dir/sub dir/o ut.PNG', 'dir/sub dir/o ut_100.PNG'),
    ],
)
def test_build_filename_is_the_originals(name, want):
    assert build_filename(name, 100) == want


def test_two_dashes_work_as_well_as_one(command):
    assert command('--num_iterations 1 --output_image two.png') == 0
    assert files() == ['two.png']


def test_same_seed_gives_the_same_picture_and_another_another(command):
    for seed, name in ((1, 'a'), (1, 'b'), (2, 'c')):
        command(f'-seed {seed} -num_iterations 6 -output_image {name}.png')
    a, b, c = (np.asarray(Image.open(f'{name}.png')) for name in 'abc')
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_original_colors_keep_the_colours_of_the_content(command, data):
    command('-original_colors 1 -num_iterations 8')
    out = np.asarray(Image.open('out.png').convert('YCbCr'), float)
    content = Image.open(data / 'inputs' / 'scene.jpg').resize((48, 36), Image.Resampling.BOX)
    want = np.asarray(content.convert('YCbCr'), float)
    # Clipping and JPEG move single pixels; on the whole the chrominance is the content's.
    assert np.abs(out[..., 1:] - want[..., 1:]).mean() < 6
    command('-num_iterations 8')
    plain = np.asarray(Image.open('out.png').convert('YCbCr'), float)
    assert np.abs(plain[..., 1:] - want[..., 1:]).mean() > 6


def test_init_image_starts_from_a_picture_of_any_size(command, data):
    start = data / 'inputs' / 'waves.jpg'
    command(f'-init image -init_image {start} -num_iterations 1')
    out = np.asarray(Image.open('out.png'), float)
    want = Image.open(start).resize((48, 36), Image.Resampling.BOX)
    assert np.abs(out - np.asarray(want, float)).mean() < 12


def test_a_cpu_without_cuda_runs_old_commands_and_says_so(command, capsys):
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    for gpu in ('0', '0,1'):
        assert command(f'-gpu {gpu} -backend cudnn -cudnn_autotune') == 0
        assert 'no CUDA device here, running on the CPU' in capsys.readouterr().err
    assert command('-gpu -1') == 0
    assert capsys.readouterr().err == ''


def test_default_gpu_runs_anywhere(command):
    assert command('-gpu 0') == 0


BAD = [
    # flags, what the message must name
    ('-content_image nosuch.jpg', ['-content_image nosuch.jpg', 'JPEG']),
    ('-style_image nosuch.jpg', ['-style_image nosuch.jpg']),
    ('-style_image {inputs}/scene.jpg,nosuch.jpg', ['nosuch.jpg']),
    ('-style_image ,', ['-style_image']),
    ('-init image -init_image nosuch.jpg', ['-init_image nosuch.jpg']),
    ('-content_image {inputs}/not_an_image.png', ['-content_image', 'not_an_image.png']),
    ('-content_image .', ['-content_image', 'there is no picture in it']),
    ('-model_file nosuch.caffemodel', ['nosuch.caffemodel', 'download_models.sh']),
    ('-model_file {models}/mini_vgg19.prototxt', ['mini_vgg19.prototxt']),
    ('-model_file ' + 'x' * 300, ['-model_file', 'name too long']),
    ('-output_image nosuchdir/out.png', ['-output_image', 'nosuchdir']),
    ('-output_image out', ['-output_image', '.png']),
    ('-output_image out.bmp', ['-output_image', '.png']),
    ('-output_image .', ['-output_image']),
    ('-optimizer sgd', ['-optimizer', 'lbfgs', 'adam']),
    ('-init noise', ['-init', 'random', 'image']),
    ('-backend caffe -gpu 0', ['-backend', 'nn', 'cudnn', 'clnn']),
    ('-gpu abc', ['-gpu', 'abc']),
    ('-gpu 0,-1', ['-gpu']),
    ('-gpu ,', ['-gpu']),
    ('-style_blend_weights 1,2', ['-style_blend_weights: 2 weights for 1 style']),
    ('-style_blend_weights x', ['-style_blend_weights', 'x']),
    ('-image_size 1', ['-image_size', '-tv_weight 0']),
    ('-image_size nan', ['-image_size']),
    ('-style_scale inf', ['-style_scale']),
    ('-num_iterations inf', ['-num_iterations']),
    ('-num_iterations nan -optimizer adam', ['-num_iterations']),
    ('-lbfgs_num_correction inf', ['-lbfgs_num_correction']),
    ("-content_layers '' -style_layers '' -tv_weight 0", ['-content_layers', '-tv_weight']),
    ('-pooling avg -image_size 4', ['-pooling avg', '-image_size']),
]


@pytest.mark.parametrize(('flags', 'named'), BAD, ids=[flags for flags, _ in BAD])
def test_bad_input_is_named_with_its_remedy(command, data, capsys, flags, named):
    status = command(flags.format(inputs=data / 'inputs', models=data / 'models'))
    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.startswith('neural_style: ')
    for name in named:
        assert name in captured.err
    assert 'Traceback' not in captured.err
    assert 'Iteration' not in captured.out
    assert files() == []


NOT_FINITE = ['content_weight', 'style_weight', 'tv_weight', 'num_iterations', 'noise_scale']
NOT_FINITE += ['lbfgs_num_correction', 'optimizer adam -learning_rate', 'seed']
NOT_FINITE += ['image_size', 'style_scale']
VALUES = [f'-{flag} {value}' for flag in NOT_FINITE for value in ('nan', 'inf', '-inf')]
VALUES += [
    f'-{flag} {value}' for flag in ('image_size', 'style_scale') for value in ('1e30', '1e308')
]
VALUES += ['-image_size 20000', '-style_scale 1e3', '-style_size_by width -style_scale 1e3']
VALUES += ['-multiscale 2 -num_iterations inf', '-multiscale 2 -num_iterations nan']
VALUES += ['-image_size 0', '-image_size 0.5', '-image_size -3']
VALUES += [f'-style_blend_weights {value}' for value in ('nan', 'inf', '1,2', "''")]
VALUES += [f'-adam_beta1 {value}' for value in ('nan', '1', '-0.1')] + ['-adam_epsilon 0']
VALUES += ['-lbfgs_max_step 1e300', '-optimizer adam -learning_rate 1e300']
VALUES += ['-lbfgs_max_step -1', '-lbfgs_max_step nan', '-recolor_content 1.5']
VALUES += ['-luminance_only 2', '-keep_alpha 0.5', '-exif_orientation -1', '-icc_profile nan']
VALUES += ['-optimizer sgd', '-init noise', '-precision fp8', '-losses l1', '-missing_layers no']
VALUES += ['-jpeg_quality 0', '-paper_range 1,0', '-multiscale 0']
VALUES += ['-content_layers relu4_2:nan', '-gpu 1e30', '-style_tint nan']


@pytest.mark.parametrize('flags', VALUES)
def test_values_without_sense_are_refused_before_the_network_is_loaded(command, capsys, flags):
    assert command(flags) == 1
    captured = capsys.readouterr()
    flag = flags.split()[-2]
    assert captured.err.startswith(f'neural_style: {flag}')
    assert captured.err.count('\n') == 1
    assert captured.out == ''
    assert files() == []


@pytest.mark.parametrize(
    'flags',
    [
        *('-content_weight -1', '-style_weight -1', '-tv_weight -1', '-learning_rate -1'),
        *('-tv_weight 0 -image_size 0', '-style_scale 0', '-style_scale -1'),
        *('-lbfgs_num_correction -1', '-lbfgs_num_correction 1e30', '-print_iter nan'),
        *('-save_iter -1', '-save_iter inf', '-style_blend_weights -2', '-seed 1e30'),
        *('-optimizer adam -lbfgs_num_correction nan', '-learning_rate inf', '-backend caffe'),
        *('-multigpu_strategy x', '-gpu -1.5', '-gpu nan'),
    ],
)
def test_odd_values_that_the_original_takes_are_taken(command, capsys, flags):
    assert command(flags) == 0
    assert capsys.readouterr().err == ''
    assert files() == ['out.png']


def test_without_style_layers_no_style_picture_is_needed(command, capsys):
    assert command("-style_image '' -style_layers ''") == 0
    assert 'Capturing style target' not in capsys.readouterr().out
    assert files() == ['out.png']
    assert command("-style_image '' -style_layers '' -style_tint 1") == 1
    assert '-style_image : name at least one picture' in capsys.readouterr().err


def test_losses_are_printed_as_luajit_rounds_them(command, capsys, monkeypatch):
    def between(loss, features, statistic):
        return torch.tensor(0.0078125)

    monkeypatch.setattr(StyleLoss, 'value', between)
    assert command('-print_iter 1 -num_iterations 1 -style_weight 1 -content_layers relu1_1') == 0
    assert '  Style 1 loss: 0.007813\t\n' in capsys.readouterr().out


@pytest.mark.parametrize('number', ['0', '-1', '1.5'])
def test_iterations_that_never_write_the_picture_are_named(command, capsys, number):
    assert command(f'-num_iterations {number}') == 0
    assert f'-num_iterations {number}: no evaluation' in capsys.readouterr().err
    assert files() == []


def test_a_jpeg_wider_than_the_format_is_refused(command, capsys, tmp_path):
    Image.new('RGB', (4000, 1)).save(tmp_path / 'line.png')
    flags = '-content_image line.png -image_size 70000 -tv_weight 0'
    assert command(f'{flags} -output_image out.jpg') == 1
    assert '65500' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        (['-bogus', '1'], 'invalid argument: -bogus'),
        (['foo'], 'invalid argument: foo'),
        (['-normalize_gradients', 'true'], 'invalid argument: true'),
        (['-image_size', 'big'], 'invalid type for option -image_size (should be number)'),
        (['-image_size'], 'missing argument for option -image_size'),
    ],
)
def test_unknown_flags_and_values_show_the_usage(capsys, argv, message):
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.err == message + '\n'
    assert captured.out.startswith('\t\n\t\nUsage: [options]\n  -style_image ')


@pytest.mark.parametrize('argv', [['-help'], ['-h'], ['--help'], ['-gpu', '-1', '-help', '-bogus']])
def test_help_shows_the_flags_and_succeeds(capsys, argv):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert out.startswith('Usage: ')
    assert '  -tv_weight            [0.001]\n' in out


def test_a_picture_that_was_there_stays_when_a_run_fails(command):
    with open('out.png', 'wb') as file:
        file.write(b'precious')
    assert command('-model_file nosuch.caffemodel') == 1
    with open('out.png', 'rb') as file:
        assert file.read() == b'precious'
    assert files() == ['out.png']


def test_a_directory_that_vanishes_during_the_run_ends_it_with_a_message(
    command, capsys, monkeypatch
):
    os.mkdir('gone')

    def load(*args):
        os.rmdir('gone')
        return real(*args)

    real = loadcaffe.load
    monkeypatch.setattr(loadcaffe, 'load', load)
    assert command('-output_image gone/out.png') == 1
    assert 'gone/out.png' in capsys.readouterr().err


def test_progress_goes_to_a_terminal_on_stderr_and_stdout_stays_clean(command, capsys, monkeypatch):
    command('-print_iter 1')
    plain = capsys.readouterr()
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    command('-print_iter 1')
    shown = capsys.readouterr()
    assert '2/2' in shown.err
    assert plain.err == ''
    assert shown.out == plain.out


def script(data):
    """The script, for a process of its own, with flags for one evaluation."""
    flags = [
        *('-gpu', '-1', '-image_size', '32', '-num_iterations', '1'),
        *('-content_image', data / 'inputs' / 'scene.jpg'),
        *('-style_image', data / 'inputs' / 'strokes.jpg'),
        *('-proto_file', data / 'models' / 'mini_vgg19_conv.prototxt'),
        *('-model_file', data / 'models' / 'mini_vgg19_conv.caffemodel'),
    ]
    return [sys.executable, ROOT / 'neural_style.py', *flags]


def test_the_installed_module_runs_as_a_script(data, tmp_path):
    done = subprocess.run(script(data), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert files(tmp_path) == ['out.png']


def unread(words, folder):
    """Exit status and stderr of a command whose stdout is a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    pipes = {'stdout': write, 'stderr': subprocess.PIPE}
    done = subprocess.run([sys.executable, *words], cwd=folder, text=True, **pipes)
    os.close(write)
    return done.returncode, done.stderr


def test_a_pipe_that_nobody_reads_stops_no_run(data, tmp_path):
    assert unread(script(data)[1:], tmp_path) == (0, '')
    assert files(tmp_path) == ['out.png']


EMBEDDED = ROOT / 'neural_style' / 'models' / 'small_vgg19'
PICTURES = ['-content_image', 'examples/inputs/harbour.jpg', '-style_image']
PICTURES += ['examples/inputs/swirls.jpg', '-gpu', '-1', '-memory', '4G']
PICTURES += ['-model_file', f'{EMBEDDED}.caffemodel', '-proto_file', f'{EMBEDDED}.prototxt']


@pytest.mark.parametrize(
    ('words', 'status', 'said'),
    [
        (['neural_style.py', '-preset', 'list'], 0, ''),
        (['neural_style.py', '-dry_run', *PICTURES], 0, ''),
        (['neural_style.py', '-help'], 0, 'Further options, which the original has not:'),
        (['neural_style.py', '-no_such_flag'], 1, 'invalid argument: -no_such_flag'),
        (['-m', 'neural_style.figures', 'list'], 0, ''),
        (['-m', 'loadcaffe', f'{EMBEDDED}.prototxt', f'{EMBEDDED}.caffemodel'], 0, ''),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else '',
)
def test_a_pipe_that_nobody_reads_brings_no_traceback(words, status, said):
    returned, stderr = unread(words, ROOT)
    assert (returned, stderr.partition('\n')[0]) == (status, said)
    assert 'Traceback' not in stderr and 'Broken pipe' not in stderr


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs a /dev/full')
def test_a_full_disk_under_the_log_stops_no_run(data, tmp_path):
    with open('/dev/full', 'w') as log:
        done = subprocess.run(
            [*script(data), '-print_iter', '1'],
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        )
    want = 'neural_style: stdout: No space left on device; going on without it\n'
    assert (done.returncode, done.stderr) == (0, want)
    assert files(tmp_path) == ['out.png']


@pytest.mark.skipif(os.name == 'nt', reason='needs a POSIX shell')
@pytest.mark.parametrize('closed', ['>&-', '2>&-', '>&- 2>&-'])
def test_a_closed_stream_stops_no_run(data, tmp_path, closed):
    words = ['sh', '-c', f'"$@" {closed}', 'sh', *map(str, script(data))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert 'Traceback' not in done.stderr
    assert files(tmp_path) == ['out.png']


@pytest.mark.skipif(os.name == 'nt', reason='needs POSIX signals')
@pytest.mark.parametrize(
    'run',
    [
        "runpy.run_path(sys.argv[0], run_name='__main__')",
        'from neural_style.__main__ import main; main()',
    ],
    ids=['script', 'installed'],
)
def test_an_interrupt_while_modules_load_leaves_no_traceback(data, tmp_path, run):
    code = f"""
import builtins, os, runpy, signal, sys
real = builtins.__import__
def load(name, *rest, **more):
    if name == 'torch':
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest, **more)
builtins.__import__ = load
sys.argv[:] = {[str(word) for word in script(data)[1:]]!r}
sys.path.insert(0, {str(ROOT)!r})
{run}
"""
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, '', '')


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        ('-content_image out.png', '-output_image out.png: the run writes over its -content_image'),
        ('-style_image out_1.png -save_iter 1', 'the run writes over its -style_image out_1.png'),
        ('-style_image out_1.png -save_iter 0', ''),
        ('-style_image out_x.png -save_iter 1', ''),
    ],
)
def test_inputs_that_are_written_over_are_named(command, data, capsys, flags, said):
    for name in ('out.png', 'out_1.png', 'out_x.png'):
        Image.open(data / 'inputs' / 'strokes.jpg').save(name)
    assert command(flags) == 0
    err = capsys.readouterr().err
    assert said in err and err.count('\n') == bool(said)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
@pytest.mark.parametrize('flag', ['-output_image', '-checkpoint'])
def test_what_is_no_file_is_not_replaced(command, capsys, flag):
    os.mkfifo('pipe.png')
    os.symlink('loop.png', 'loop.png')
    for name, words in (('pipe.png', 'no file that can be replaced'), ('loop.png', 'cannot write')):
        assert command(f'{flag} {name}') == 1
        err = capsys.readouterr().err
        assert err.startswith(f'neural_style: {flag} {name}: ') and words in err
    assert files() == ['loop.png', 'pipe.png']


def test_interrupt_ends_without_a_traceback(command, capsys, monkeypatch):
    def interrupted(*args, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, 'stylize', interrupted)
    assert command() == 130
    assert 'Traceback' not in capsys.readouterr().err


def test_warnings_name_settings_as_flags(capsys):
    terminal.warn('`image_size` 9: too small; give a larger one, or `tv_weight` 0')
    assert capsys.readouterr().err == (
        'neural_style: -image_size 9: too small; give a larger one, or -tv_weight 0\n'
    )
