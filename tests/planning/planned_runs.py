"""Runs of the command in processes of their own, which tell their peak."""

import subprocess
import sys

from samples import ROOT

MODEL = ROOT / 'neural_style' / 'models' / 'small_vgg16'
INPUTS = ROOT / 'examples' / 'inputs'


def idle_mebibytes():
    """Measure a process that has done nothing yet: PyTorch for CUDA takes far more."""
    code = (
        'import neural_style.command.run\n'
        'from neural_style.memory.heap import resident_bytes\n'
        'print(resident_bytes() >> 20)'
    )
    return int(subprocess.check_output([sys.executable, '-c', code], cwd=ROOT))


def run(*flags):
    """Run the command on the project's images.

    Returns what subprocess.run does; the last word on stderr is the peak in bytes.
    """
    code = (
        'import re, sys; sys.path.insert(0, "."); from neural_style.command import process\n'
        'status = process.main(sys.argv[1:])\n'
        # not ru_maxrss, which remembers the process that this one was forked from
        'if sys.platform == "linux":\n'
        '    match = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())\n'
        '    print(int(match[1]) * 1024, file=sys.stderr)\n'
        'sys.exit(status)'
    )
    images = ['-content_image', INPUTS / 'harbour.jpg', '-style_image', INPUTS / 'swirls.jpg']
    models = ['-proto_file', f'{MODEL}.prototxt', '-model_file', f'{MODEL}.caffemodel']
    command = [sys.executable, '-c', code, '-gpu', '-1', *images, *models, *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
