"""Pictures that stand for another file on the page: the first frame of a video for the video.

They go through the places of pictures as any picture does; the name tells what they stand for.
"""

import os
import re
import secrets
import shutil

NAME = re.compile(r'stand-in-([0-9a-f]{32})\.jpg')


def new_stand_in(path: str) -> str:
    """Copy a file to where the page keeps it; returns the path of the picture to be written."""
    folder = os.path.join(root(), secrets.token_hex(16))
    os.makedirs(folder, mode=0o700)
    shutil.copy(path, os.path.join(folder, os.path.basename(path)))
    pictures = os.path.join(root(), 'pictures')
    os.makedirs(pictures, mode=0o700, exist_ok=True)
    return os.path.join(pictures, f'stand-in-{os.path.basename(folder)}.jpg')


def stands_for(picture: str | None) -> str | None:
    """Return the path of the file that a picture stands for; its own if it is for itself."""
    match = NAME.fullmatch(os.path.basename(picture or ''))
    folder = os.path.join(root(), match[1]) if match else ''
    if not os.path.isdir(folder):
        return picture
    (name,) = os.listdir(folder)
    return os.path.join(folder, name)


def root() -> str:
    """Return the folder of files of this page, which is removed with it."""
    return os.path.join(os.environ.get('GRADIO_TEMP_DIR', ''), 'stand_ins')
