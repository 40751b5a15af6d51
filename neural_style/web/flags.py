"""The flags of neural_style-web."""

import ipaddress
import math
import os

from neural_style.command.arguments import Arguments
from neural_style.command.places import data_folder
from neural_style.torch7.cmdline import CmdLine

PROGRAM = 'neural_style-web'
PORT = 7860  # as programs on Gradio have it
LOCAL_NAMES = ('localhost', '')
RANGES = {
    'port': (1, 65535),
    'queue': (1, 1000),
    'max_upload': (1, 1000),
    'max_image_size': (64, 20000),
    'max_iterations': (1, 100000),
    'max_frames': (1, 1000000),
    'max_cameras': (0, 100),
}


def command_line() -> CmdLine:
    """Return the flags of neural_style-web."""
    cmd = CmdLine()
    cmd.option('-host', '127.0.0.1', 'address to listen on; 0.0.0.0 is all of the machine')
    cmd.option('-port', PORT, 'port to listen on')
    cmd.option('-auth', '', 'password that the page asks for; needed for other machines')
    cmd.option('-output_dir', '', "folder of the results; by default in the user's data folder")
    cmd.option('-queue', 10, 'pictures that may wait while another is painted')
    cmd.option('-max_upload', 32, 'largest picture or video that is taken, in megabytes')
    cmd.option('-max_image_size', 2048, 'largest -image_size that is painted')
    cmd.option('-max_iterations', 2000, 'most evaluations of a picture')
    cmd.option('-max_frames', 300, 'most frames of a video')
    cmd.option('-max_cameras', 4, 'cameras that are painted live at the same time; 0: none')
    return cmd


def with_single_dashes(argv: list[str]) -> list[str]:
    """Write --port=80 and --port 80, as other programs have them, as -port 80."""
    words: list[str] = []
    for word in argv:
        name, equals, value = word.partition('=')
        if word.startswith('--') and len(word) > 2:
            words += [name[1:], value] if equals else [word[1:]]
        else:
            words.append(word)
    return words


def checked(arguments: Arguments) -> Arguments:
    """Refuse values that make no sense, and an open door.  Raises ValueError."""
    for name, (lowest, highest) in RANGES.items():
        value = getattr(arguments, name)
        if not math.isfinite(value) or value != int(value) or not lowest <= value <= highest:
            raise ValueError(f'-{name} {value}: give a whole number from {lowest} to {highest}')
    auth = str(arguments.auth)
    if not auth and not is_local(str(arguments.host)):
        raise ValueError(
            f'-host {arguments.host}: other machines could open the page; give a password with'
            ' -auth PASSWORD as well'
        )
    folder = str(arguments.output_dir) or os.path.join(data_folder(), 'pictures')
    return arguments.with_values(output_dir=os.path.abspath(folder))


def is_local(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return host in LOCAL_NAMES
