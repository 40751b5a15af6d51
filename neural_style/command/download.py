"""neural_style-download: run download_models.sh for the user's data folder."""

import contextlib
import os
import subprocess
import sys

from neural_style.command.networks import MODELS
from neural_style.command.places import data_folder
from neural_style.command.terminal import warn

PROGRAM = 'neural_style-download'


def main(argv: list[str] | None = None) -> int:
    """Download models to where every later run finds them; returns the script's exit status.

    argv: the script's options and names, without the program's name.
    """
    argv = sys.argv[1:] if argv is None else argv
    script = os.path.join(MODELS, 'download_models.sh')
    defaults = ['--into', os.path.join(data_folder(), 'models'), '--python', sys.executable]
    try:
        process = subprocess.Popen(['sh', script, *defaults, *argv])
    except OSError as error:
        warn(f'cannot run sh {script}: {error.strerror}', PROGRAM)
        return 1
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the script ends with a message
            return process.wait()


if __name__ == '__main__':
    sys.exit(main())
