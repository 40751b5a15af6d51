"""The process: `neural_style …`, `python -m neural_style …`, `python neural_style.py …`."""

import signal
import sys


def main() -> None:
    """Run the command; SystemExit carries its exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while the modules are loading
    from neural_style.command import run

    sys.exit(run.main())


if __name__ == '__main__':
    main()
