"""The process: `neural_style …`, `python -m neural_style …`, `python neural_style.py …`."""

import signal
import sys


def main() -> int:
    """Run the command; returns its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while the modules are loading
    from neural_style.command import terminal, usage

    with terminal.open_streams():
        status = usage.answer(sys.argv[1:])
    if status is not None:
        return status
    from neural_style.command import process

    return process.main()


if __name__ == '__main__':
    sys.exit(main())
