"""Nodes of neural_style for ComfyUI: this folder belongs into its custom_nodes."""

from .nodes import FastNeuralStyle, NeuralStyle, SavedNeuralStyle, TrainedNeuralStyle

NODE_CLASS_MAPPINGS = {
    'NeuralStyle': NeuralStyle,
    'FastNeuralStyle': FastNeuralStyle,
    'TrainedNeuralStyle': TrainedNeuralStyle,
    'SavedNeuralStyle': SavedNeuralStyle,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    'NeuralStyle': 'neural_style',
    'FastNeuralStyle': 'neural_style fast',
    'TrainedNeuralStyle': 'neural_style trained',
    'SavedNeuralStyle': 'neural_style saved',
}
__all__ = ['NODE_CLASS_MAPPINGS', 'NODE_DISPLAY_NAME_MAPPINGS']
