"""Trained styles for the nodes: those that come with the program, and files in ComfyUI's models."""

import os

import folder_paths

from neural_style.command.trained_styles import shipped_styles
from neural_style.transfer.saved_style import SUFFIX

FOLDER = 'neural_style'  # in ComfyUI's folder models, or as its extra_model_paths.yaml says

folder_paths.add_model_folder_path(FOLDER, os.path.join(folder_paths.models_dir, FOLDER))


def style_names() -> list[str]:
    """Return the names of all styles: files with their suffix, then what comes with the program."""
    files = folder_paths.get_filename_list(FOLDER)
    return [*(name for name in files if name.endswith(SUFFIX)), *shipped_styles()]


def style_path(name: str) -> str:
    """Return the path of a style, by its name."""
    if not name.endswith(SUFFIX):
        return shipped_styles()[name]
    return folder_paths.get_full_path_or_raise(FOLDER, name)
