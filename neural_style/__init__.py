"""Neural style transfer by optimisation: tensors in, tensors out.

    from neural_style import load, save, stylize

The names in __all__ are imported when they are first used, so that the command can set its signal
handlers before PyTorch is loaded.
"""

import importlib
from typing import Any

_MODULES = {
    'ContentLoss': 'neural_style.losses.content',
    'DivergenceError': 'neural_style.transfer.divergence',
    'Iterate': 'neural_style.transfer.session',
    'SavedStyle': 'neural_style.transfer.saved_style',
    'StyleRecorder': 'neural_style.transfer.style_recorder',
    'LossNetwork': 'neural_style.network.loss_network',
    'Settings': 'neural_style.transfer.settings',
    'StyleLoss': 'neural_style.losses.style',
    'TVLoss': 'neural_style.losses.tv',
    'deprocess': 'neural_style.transfer.preprocessing',
    'evaluate': 'neural_style.transfer.evaluation',
    'gram_matrix': 'neural_style.losses.gram',
    'load': 'neural_style.torch7.image',
    'main': 'neural_style.command.process',
    'original_colors': 'neural_style.transfer.color',
    'preprocess': 'neural_style.transfer.preprocessing',
    'save': 'neural_style.torch7.image',
    'scale': 'neural_style.torch7.image',
    'stylize': 'neural_style.transfer.stylize',
    'stylize_multiscale': 'neural_style.transfer.multiscale',
}
__all__ = sorted(_MODULES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
