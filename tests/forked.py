"""Runs of the command in processes that are forked from one that has imported it.

Of a process that Python starts anew, most of the time goes into its imports.  What is particular to
such a start is tested in tests/command/test_entry_points.py.
"""

import functools
import multiprocessing
import os
import signal
import sys
import types
from multiprocessing import forkserver
from unittest import mock

import torch
from samples import ROOT

from neural_style import distributed
from neural_style.command import process

# What the server of processes imports, and its environment; tests may add what only they need.
PRELOADED = ['forked']
ENVIRONMENT = {'PYTHONPATH': os.pathsep.join(map(str, (ROOT, ROOT / 'tests')))}
STREAMS = (1, 'out.txt'), (2, 'err.txt')
# As they are where a program begins; the process that forks it may handle them.
DEFAULT_HANDLERS = {'SIGINT': signal.default_int_handler} | dict.fromkeys(
    ('SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'), signal.SIG_DFL
)


def server():
    """Return what makes processes that are forked from a server, which has a single thread."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    with mock.patch.dict(os.environ, ENVIRONMENT):
        forkserver.ensure_running()
    return context


class Forked:
    """A process like that of subprocess.Popen, which calls a function or runs the command.

    command: a function and its arguments, or Python, the script and its flags.
    """

    def __init__(self, command, context=None, streams=None, **options):
        context = context or server()
        options = {'cwd': os.getcwd(), 'env': os.environ.copy(), **options}
        self.streams = streams
        self._process = context.Process(target=work, args=(command, streams), kwargs=options)
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        self._process.join(timeout)
        assert self.returncode is not None, f'still running after {timeout} s'
        return self.returncode

    def communicate(self, timeout):
        """Wait for the end; return what was written to stdout and to stderr."""
        self.wait(timeout)
        return [(self.streams / name).read_text() for _, name in STREAMS]

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def work(command, streams, cwd, env):
    """Be the process: write to files in the folder streams, unless it is None."""
    for name, handler in DEFAULT_HANDLERS.items():
        signal.signal(getattr(signal, name), handler)
    if streams is not None:
        os.setsid()
        for number, name in STREAMS:
            os.dup2(os.open(streams / name, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    torch.set_num_threads(1)
    fork = functools.partial(Forked, context=multiprocessing.get_context('fork'))
    distributed.subprocess = types.SimpleNamespace(Popen=fork)
    function, *arguments = command
    if function == sys.executable:
        function, arguments = process.main, [arguments[2 if arguments[0] == '-c' else 1 :]]
        sys.argv[0] = str(ROOT / 'neural_style.py')
    sys.exit(function(*arguments))
