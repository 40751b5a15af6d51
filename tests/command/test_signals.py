"""Signals: what they end, what they save, and that a run goes on."""

import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from samples import ROOT
from small_runs import SEVEN_ITERATIONS, script, send
from written import files, pixels

import loadcaffe
from neural_style.command.process import main
from neural_style.command.signals import INSISTENT, REPEATED, Interrupted, Interruption


def iterations(out):
    """Return the text from the first iteration on."""
    return out[re.search(r'Iteration \d', out).start() :]


@pytest.mark.parametrize(
    ('flags', 'number'),
    [
        ('', signal.SIGINT),
        ('-optimizer adam', signal.SIGTERM),
        ('-multiscale 2', signal.SIGINT),
        ('', signal.SIGHUP),
    ],
)
def test_interrupted_run_goes_on_to_the_same_picture_and_text(
    command, capsys, at_evaluation, flags, number
):
    command(f'{SEVEN_ITERATIONS} {flags}')
    want, text = pixels(), iterations(capsys.readouterr().out)
    pictures = {name: pixels(name) for name in files()}
    for name in files():
        os.remove(name)
    at_evaluation(4, send(number))
    assert command(f'{SEVEN_ITERATIONS} {flags}') == 128 + number
    captured = capsys.readouterr()
    assert 'out.checkpoint' in files()
    assert 'interrupted after iteration 4; the picture is in out.png' in captured.err
    (arguments,) = re.findall(r'continue with: .*?(-resume \S+)$', captured.err, re.M)
    assert not np.array_equal(pixels(), want)
    begun = iterations(captured.out)
    assert main(arguments.split()) == 0
    assert begun + iterations(capsys.readouterr().out) == text
    assert np.array_equal(pixels(), want)
    assert {name: pixels(name).tolist() for name in files() if name.endswith('.png')} == {
        name: picture.tolist() for name, picture in pictures.items()
    }


def test_interrupt_at_a_coarse_scale_saves_a_picture_of_full_size(command, at_evaluation):
    at_evaluation(2, send(signal.SIGINT))
    assert command(f'{SEVEN_ITERATIONS} -multiscale 2 -original_colors 1') == 130
    assert pixels().shape == (36, 48, 3)


def test_interrupt_during_the_last_evaluation_leaves_the_finished_picture(
    command, at_evaluation, capsys
):
    command(SEVEN_ITERATIONS)
    want = pixels()
    at_evaluation(7, send(signal.SIGTERM))
    assert command(SEVEN_ITERATIONS) == 143
    assert 'out.png is complete' in capsys.readouterr().err
    assert np.array_equal(pixels(), want)
    assert 'out.checkpoint' not in files()


def test_interrupt_while_loading_saves_nothing(command, capsys, monkeypatch):
    real = loadcaffe.load
    for number in (signal.SIGINT, signal.SIGTERM):

        def load(*args, number=number, **keywords):
            send(number)()
            return real(*args, **keywords)

        monkeypatch.setattr(loadcaffe, 'load', load)
        assert command() == 128 + number
        assert 'interrupted before the first iteration' in capsys.readouterr().err
        assert files() == []


def test_handlers_of_signals_are_restored(command, at_evaluation):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    at_evaluation(1, send(signal.SIGINT))
    command(SEVEN_ITERATIONS)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_run_outside_the_main_thread_sets_no_handlers(command):
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(command()))
    thread.start()
    thread.join()
    assert statuses == [0]


@pytest.mark.slow
def test_run_in_tiles_outside_the_main_thread_starts_its_processes(command):
    statuses = []
    thread = threading.Thread(
        target=lambda: statuses.append(command('-gpu -1,-1 -parallel tiles -num_iterations 1'))
    )
    thread.start()
    thread.join()
    assert statuses == [0]
    assert files() == ['out.png']


@pytest.mark.parametrize('name', INSISTENT + REPEATED)
def test_signals_that_end_a_process_end_a_run_gently(name):
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f'this system has no {name}')
    former = signal.getsignal(number)
    with Interruption() as interruption:
        interruption.gentle = True
        os.kill(os.getpid(), number)
        assert interruption.signal == number
    assert signal.getsignal(number) == former


@pytest.mark.parametrize('name', REPEATED)
def test_signals_that_come_repeatedly_do_not_end_the_process(name):
    number = getattr(signal, name)
    with Interruption() as interruption:
        interruption.gentle = True
        for _ in range(3):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # as at a shutdown
        assert interruption.signal == signal.SIGTERM
    with pytest.raises(Interrupted), Interruption():
        os.kill(os.getpid(), number)


def test_ignored_signals_stay_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            interruption.gentle = True
            os.kill(os.getpid(), signal.SIGHUP)
            assert interruption.signal == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


def test_handler_of_a_host_is_called_once_the_state_is_saved(command, at_evaluation):
    calls = []

    def handler(number, frame):
        calls.append((number, files()))

    former = signal.signal(signal.SIGTERM, handler)
    try:
        at_evaluation(3, send(signal.SIGTERM))
        assert command(SEVEN_ITERATIONS) == 143
        assert signal.getsignal(signal.SIGTERM) == handler
    finally:
        signal.signal(signal.SIGTERM, former)
    ((number, saved),) = calls
    assert number == signal.SIGTERM and 'out.checkpoint' in saved


def test_second_interrupt_reaches_the_host(command, at_evaluation, capsys):
    def twice():
        send(signal.SIGINT)()
        send(signal.SIGINT)()

    at_evaluation(2, twice)
    assert command(SEVEN_ITERATIONS) == 130
    assert capsys.readouterr().err.endswith('neural_style: interrupted\n')


@pytest.mark.skipif(os.name == 'nt', reason='needs a pseudoterminal')
def test_terminal_that_is_closed_ends_a_run_with_picture_and_state(data, tmp_path):
    import pty

    read, write = pty.openpty()
    code = (
        'import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);'
        ' os.execv(sys.argv[1], sys.argv[1:])'
    )
    flags = ['-num_iterations', '100000', '-print_iter', '1']
    process = subprocess.Popen(
        [sys.executable, '-c', code, *map(str, script(data)), *flags],
        cwd=tmp_path, stdin=write, stdout=write, stderr=write,
    )  # fmt: skip
    os.close(write)
    text = b''
    while b'Iteration 2 ' not in text:
        text += os.read(read, 4096)
    os.close(read)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert files(tmp_path) == ['out.checkpoint', 'out.png']


def test_second_signal_ends_the_process_at_once(data, tmp_path):
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
    assert 'a second signal stops at once' in done.stderr
    assert 'still there' not in done.stdout
    assert os.listdir(tmp_path) == []
