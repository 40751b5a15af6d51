"""Signals: those that would end the process end a run after the current iteration."""

import contextlib
import os
import signal
import threading
from typing import Any

# Sent by somebody who waits.
INSISTENT = ('SIGINT', 'SIGTERM', 'SIGBREAK')
# Repeated by shells, terminals and the kernel before a state can be saved: a terminal or a
# connection is closed, a scheduler's time is nearly up, the CPU time is used up.
REPEATED = ('SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGXCPU')


def numbers(names: tuple[str, ...]) -> list[int]:
    """Return the signals that this system has, of these."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """A run was ended by a signal; status is the exit status that a shell gives such a process."""

    def __init__(self, text: str, number: int):
        super().__init__(text)
        self.number = number
        self.status = 128 + number

    def pass_on(self) -> None:
        """Call the handler of a program around the run, which waited until the run had ended."""
        handler = signal.getsignal(self.number)
        if callable(handler) and handler is not signal.default_int_handler and in_main_thread():
            handler(self.number, None)


class Interruption:
    """Handle SIGINT (Ctrl-C), SIGTERM, SIGHUP and their like for the time of a run.

    Before the first iteration, until gentle is set, a signal ends the run: Interrupted is raised.
    Then it is only noted, in signal.  A second Ctrl-C or SIGTERM finds the former
    handlers, which end the process at once.  They are restored at the end; signals that are
    ignored, as SIGHUP under nohup, stay ignored.
    """

    def __init__(self) -> None:
        self.gentle = False
        self.signal = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> 'Interruption':
        if in_main_thread():  # others may not set handlers
            for number in numbers(INSISTENT + REPEATED):
                self._handle(number, self._receive)
            # A host may have undone what Python does at its start: a reader that is gone kills.
            for number in numbers(('SIGPIPE',)):
                self._handle(number, signal.SIG_IGN)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _handle(self, number: int, handler: Any) -> None:
        """Set a handler, unless the signal is ignored, or handled by C code (None)."""
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            self._former[number] = signal.signal(number, handler)

    def _receive(self, number: int, frame: object) -> None:
        insists = number in numbers(INSISTENT)
        if self.signal and not insists:
            return
        self.signal = number
        if insists:
            for handled in self._former.keys() & set(numbers(INSISTENT)):
                signal.signal(handled, self._former[handled])
        if not self.gentle:
            raise Interrupted('interrupted before the first iteration; nothing to save', number)
        with contextlib.suppress(OSError):  # print might be at work already
            os.write(
                2, b'\nneural_style: stopping after this iteration; a second signal stops at once\n'
            )


def in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
