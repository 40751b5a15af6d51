"""The nodes: what they take, and how they paint.  Names and values are those of the web page."""

from typing import Any

from comfy import model_management
from torch import Tensor

from neural_style.web.choices import (
    CAPTIONS,
    KEEPS_COLORS,
    PRESET,
    SIZE,
    STEPS,
    STRENGTH,
    Choices,
    Slider,
    presets,
)

from .painting import paint, paint_fast, paint_trained
from .styles import saved_styles, style_path, trained_styles

HIGHEST_SIZE, HIGHEST_STEPS = 16384, 10000
HIGHEST_SEED = 2**32 - 1
STYLE = 'The painting; a batch of several pictures is a blend of their styles'


def number(slider: Slider, highest: int, zero: str = '') -> tuple[str, dict[str, Any]]:
    """Return the widget of a slider of the page.  zero: what 0 stands for, if it may be given."""
    return 'INT', {
        'default': 0 if zero else slider.start,
        'min': 0 if zero else slider.lowest,
        'max': highest,
        'step': slider.step,
        'tooltip': f'{slider.label}: {slider.info}{"; 0 " if zero else ""}{zero}',
    }


def image(tooltip: str) -> tuple[str, dict[str, Any]]:
    return 'IMAGE', {'tooltip': tooltip}


KEEPS_COLORS_WIDGET = ('BOOLEAN', {'default': False, 'tooltip': KEEPS_COLORS})
CONTENT_WIDGET = image('The photograph; those of a batch are painted one after the other')
SEED_WIDGET = (
    'INT',
    {
        'default': 0,
        'min': 0,
        'max': HIGHEST_SEED,
        'control_after_generate': True,
        'tooltip': 'The same number gives the same picture',
    },
)


def painting_widgets() -> dict[str, Any]:
    """Return the widgets of a node that optimises, beside those of its pictures."""
    captions = [CAPTIONS[name] for name in presets()]
    of_preset = 'takes the preset’s'
    return {
        'preset': (captions, {'default': CAPTIONS[PRESET]}),
        'strength': number(STRENGTH, STRENGTH.highest),
        'size': number(SIZE, HIGHEST_SIZE, of_preset),
        'steps': number(STEPS, HIGHEST_STEPS, of_preset),
        'keeps_colors': KEEPS_COLORS_WIDGET,
        'seed': SEED_WIDGET,
    }


def at_once_widgets() -> dict[str, Any]:
    """Return the widgets of a node that paints at once, beside those of its pictures."""
    strength = {'default': 1.0, 'min': 0.0, 'max': 1.0, 'step': 0.05}
    return {
        'strength': ('FLOAT', {**strength, 'tooltip': STRENGTH.label}),
        'size': number(SIZE, HIGHEST_SIZE, 'takes the photograph’s'),
        'keeps_colors': KEEPS_COLORS_WIDGET,
    }


class Node:
    """What ComfyUI asks of every node here."""

    CATEGORY = 'image/neural_style'
    RETURN_TYPES = ('IMAGE',)
    FUNCTION = 'paint'


class NeuralStyle(Node):
    """The node that paints by optimisation: minutes, and all of the style."""

    DESCRIPTION = 'Paint a photograph in the style of a painting, by optimisation.'

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            'required': {'content': CONTENT_WIDGET, 'style': image(STYLE), **painting_widgets()}
        }

    def paint(
        self,
        content: Tensor,
        style: Tensor | str,
        preset: str,
        strength: int,
        size: int,
        steps: int,
        keeps_colors: bool,
        seed: int,
    ) -> tuple[Tensor]:
        """Paint a batch (B, H, W, C) in [0, 1]; returns one of a size of its own."""
        model_management.unload_all_models()  # an optimisation needs what memory there is
        name = {caption: name for name, caption in CAPTIONS.items()}[preset]
        chosen = Choices(name, strength, size, steps, keeps_colors, {'seed': seed})
        return (paint(content, style, chosen, HIGHEST_SIZE, HIGHEST_STEPS),)


class SavedNeuralStyle(NeuralStyle):
    """The node that paints by optimisation in a style that was saved."""

    DESCRIPTION = 'Paint a photograph in a style of -save_style: a file in models/neural_style.'

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        style = {'tooltip': 'A file of -save_style; choose the preset that it was saved with'}
        return {
            'required': {
                'content': CONTENT_WIDGET,
                'style': (saved_styles(), style),
                **painting_widgets(),
            }
        }

    def paint(self, content: Tensor, style: str, *values: Any, **named: Any) -> tuple[Tensor]:
        """Paint a batch (B, H, W, C) in [0, 1]; returns one of a size of its own."""
        return super().paint(content, style_path(style), *values, **named)


class FastNeuralStyle(Node):
    """The node that paints at once: seconds, and less of the style."""

    DESCRIPTION = 'Paint a photograph in the style of a painting at once, by a trained network.'

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {'required': {'content': CONTENT_WIDGET, 'style': image(STYLE), **at_once_widgets()}}

    def paint(
        self, content: Tensor, style: Tensor, strength: float, size: int, keeps_colors: bool
    ) -> tuple[Tensor]:
        """Paint a batch (B, H, W, C) in [0, 1]; returns one of a size of its own."""
        return (paint_fast(content, style, strength, size, keeps_colors),)


class TrainedNeuralStyle(Node):
    """The node that paints at once in a style that a network was trained for."""

    DESCRIPTION = 'Paint a photograph at once in a trained style: a file in models/neural_style.'

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        style = {'tooltip': 'A style that comes with the program, or a file of neural_style-train'}
        return {
            'required': {
                'content': CONTENT_WIDGET,
                'style': (trained_styles(), style),
                **at_once_widgets(),
            }
        }

    def paint(
        self, content: Tensor, style: str, strength: float, size: int, keeps_colors: bool
    ) -> tuple[Tensor]:
        """Paint a batch (B, H, W, C) in [0, 1]; returns one of a size of its own."""
        return (paint_trained(content, style_path(style), strength, size, keeps_colors),)
