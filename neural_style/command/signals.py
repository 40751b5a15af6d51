"""Signals: Ctrl-C and SIGTERM end a run after the current iteration."""

import contextlib
import os
import signal
import threading
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A run was ended by a signal; status is the exit status that a shell gives such a process."""

    def __init__(self, text: str, number: int):
        super().__init__(text)
        self.status = 128 + number


class Interruption:
    """Handle SIGINT (Ctrl-C) and SIGTERM for the time of a run.

    Before the first iteration, until gentle is set, a signal ends the run: Interrupted is raised.
    Then it is only noted, in signal.  A second one ends the process at once.
    """

    def __init__(self) -> None:
        self.gentle = False
        self.signal = 0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> 'Interruption':
        # other threads may not set handlers, and nohup's SIG_IGN is to stay
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._former[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: object) -> None:
        self.signal = number
        for handled in self._former:
            signal.signal(handled, signal.SIG_DFL)
        if not self.gentle:
            raise Interrupted('interrupted before the first iteration; nothing to save', number)
        with contextlib.suppress(OSError):  # print might be at work already
            os.write(
                2, b'\nneural_style: stopping after this iteration; a second signal stops at once\n'
            )
