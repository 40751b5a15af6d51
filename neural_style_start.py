"""The installed command: `python -m neural_style`, which minds signals before it has loaded."""

import runpy


def main() -> None:
    """Run it; SystemExit has its status."""
    runpy.run_module('neural_style', run_name='__main__')
