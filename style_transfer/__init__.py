"""Neural style transfer by optimisation: tensors in, tensors out; no flags, files or printing."""

from style_transfer.color import original_colors
from style_transfer.evaluation import evaluate
from style_transfer.losses import ContentLoss, StyleLoss, TVLoss, gram_matrix
from style_transfer.network import LossNetwork
from style_transfer.preprocessing import deprocess, preprocess
from style_transfer.transfer import Iterate, stylize

__all__ = [
    'ContentLoss',
    'Iterate',
    'LossNetwork',
    'StyleLoss',
    'TVLoss',
    'deprocess',
    'evaluate',
    'gram_matrix',
    'original_colors',
    'preprocess',
    'stylize',
]
