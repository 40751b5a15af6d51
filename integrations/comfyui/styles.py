"""Styles in files: those that come with the program, and files in ComfyUI's folder models."""

import os

import folder_paths

from neural_style.command.trained_styles import shipped_styles
from neural_style.fast.trained import is_trained_style
from neural_style.transfer.saved_style import SUFFIX

FOLDER = 'neural_style'  # in ComfyUI's folder models, or as its extra_model_paths.yaml says

folder_paths.add_model_folder_path(FOLDER, os.path.join(folder_paths.models_dir, FOLDER))


def trained_styles() -> list[str]:
    """Return the names of trained styles: files with their suffix, then what the program has."""
    return [*(name for name in files() if is_trained_style(style_path(name))), *shipped_styles()]


def saved_styles() -> list[str]:
    """Return the names of files of saved styles, and of those that may be damaged ones."""
    return [name for name in files() if not is_trained_style(style_path(name))]


def files() -> list[str]:
    """Return the names of the files in ComfyUI's folder, with their suffix."""
    names: list[str] = folder_paths.get_filename_list(FOLDER)
    return [name for name in names if name.endswith(SUFFIX)]


def style_path(name: str) -> str:
    """Return the path of a style, by its name."""
    if not name.endswith(SUFFIX):
        return shipped_styles()[name]
    return folder_paths.get_full_path_or_raise(FOLDER, name)
