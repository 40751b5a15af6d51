"""The flags of neural_style-train."""

import math
import os
from pathlib import Path

from neural_style.command.arguments import Arguments
from neural_style.command.checks import check_writable, style_scales
from neural_style.command.flag_table import FlagTable
from neural_style.command.paths import split_paths
from neural_style.distributed import World
from neural_style.transfer.saved_style import SUFFIX

PROGRAM = 'neural_style-train'
RANGES = {
    'image_size': (32, 4096),
    'width': (8, 1024),
    'batch_size': (1, 1024),
    'num_iterations': (1, 10**9),
    'print_iter': (0, 10**9),
    'save_iter': (0, 10**9),
    'checkpoint_iter': (0, 10**9),
    'seed': (0, 2**32 - 1),
}
WEIGHTS = ('content_weight', 'style_weight', 'tv_weight')
# Flags that may change when a training is resumed: its numbers do not depend on them, or it is to
# go on with other weights or photographs.
CHANGEABLE = {
    *('resume', 'num_iterations', 'output', 'checkpoint', 'print_iter', 'save_iter'),
    *('checkpoint_iter', 'sample_image', 'gpu', 'backend', 'photos'),
    *('content_weight', 'style_weight', 'tv_weight', 'learning_rate'),
}


def command_line() -> FlagTable:
    """Return the flags of neural_style-train."""
    cmd = FlagTable()
    cmd.group('Files')
    cmd.option('-style_image', '', 'the style, or several, separated by commas')
    cmd.describe('The style; several, separated by commas, are learnt by one network.')
    cmd.option('-photos', '', 'folder of photographs to train on')
    cmd.describe('Folder of photographs, of any sizes; those that cannot be read are named.')
    cmd.option('-output', '', 'the trained style, a .safetensors file')
    cmd.describe(
        'The trained style: a `.safetensors` file. An `.onnx` file is written of a style that is'
        ' trained already, in `-style_image`; without that, of the network of `-fast`.'
    )
    cmd.option('-sample_image', '', 'picture to paint as training goes on')
    cmd.describe(
        'Picture that is painted every `-save_iter` iterations, in `OUTPUT_500.jpg` and so on;'
        ' empty is the first photograph.'
    )
    cmd.option('-checkpoint', '', 'file of the state; OUTPUT.checkpoint by default')
    cmd.describe('File that the training continues from; empty is `OUTPUT.checkpoint`.')
    cmd.option('-resume', '', 'checkpoint to continue from')
    cmd.describe('Continue a training from its checkpoint, to the same bits, with its flags.')
    cmd.group('Training')
    cmd.option('-image_size', 192, 'side of the crops of photographs, in pixels')
    cmd.describe('Side of the crops of photographs, in pixels.')
    cmd.option('-style_scale', '2', 'longer side of a style image, as a multiple of -image_size')
    cmd.describe(
        'Longer side of a style image, as a multiple of `-image_size`: smaller numbers make smaller'
        ' strokes. One, or one for each.'
    )
    cmd.option('-width', 48, 'channels of the residual blocks; 128 in the paper')
    cmd.describe(
        "Channels of the five residual blocks, a multiple of 8. The paper's network has 128, and"
        ' takes about six times as long.'
    )
    cmd.option('-num_iterations', 2000, 'steps of Adam')
    cmd.describe('Number of steps of Adam.')
    cmd.option('-batch_size', 1, 'photographs a step, of all processes; 4 in the paper')
    cmd.describe("Photographs a step, shared among all processes. The paper's training has 4.")
    cmd.option('-learning_rate', 2e-3)
    cmd.describe('Learning rate of Adam.')
    cmd.option('-seed', 1, 'of the initial weights, and of the choice of photographs')
    cmd.describe('Seed of the initial weights, and of the choice of photographs.')
    cmd.option('-print_iter', 50, 'iterations between progress lines; 0 for none')
    cmd.describe('Number of iterations between lines of progress; 0 prints none.')
    cmd.option('-save_iter', 500, 'iterations between samples; 0 for none')
    cmd.describe('Number of iterations between samples, and copies of the style so far; 0: none.')
    cmd.option('-checkpoint_iter', 200, 'iterations between checkpoints; 0 for none')
    cmd.describe('Number of iterations between checkpoints; 0: at the end alone.')
    cmd.group('Losses')
    cmd.option('-content_weight', 1.0)
    cmd.describe(
        'Weight of the content loss. Gradients are divided by their norms before they are'
        ' weighted, as with `-normalize_gradients`.'
    )
    cmd.option('-style_weight', 1.5)
    cmd.describe('Weight of each style loss, likewise.')
    cmd.option('-tv_weight', 5e-7)
    cmd.describe('Weight of the total variation.')
    cmd.option('-content_layers', 'relu3_3')
    cmd.describe('Layers of the content loss.')
    cmd.option('-style_layers', 'relu1_2,relu2_2,relu3_3,relu4_3')
    cmd.describe('Layers of the style losses.')
    cmd.group('Network and device')
    cmd.option('-proto_file', '', 'prototxt of the network of the losses')
    cmd.describe('Prototxt of the network that measures the losses.')
    cmd.option('-model_file', '', 'its weights; the embedded network by default')
    cmd.describe('Its weights; empty is the embedded network.')
    cmd.option('-gpu', '0', 'GPU, counted from 0; -1 is the CPU')
    cmd.describe('GPU, counted from 0, or one for each process of `torchrun`; -1 is the CPU.')
    cmd.option('-backend', 'nn', 'nn|cudnn|clnn')
    cmd.describe('As for `neural_style`.')
    return cmd


def checked(arguments: Arguments, world: World) -> Arguments:
    """Refuse values that make no sense, and fill in the name of the checkpoint."""
    for name, (lowest, highest) in RANGES.items():
        value = getattr(arguments, name)
        if not math.isfinite(value) or value != int(value) or not lowest <= value <= highest:
            raise ValueError(f'-{name} {value}: give a whole number from {lowest} to {highest}')
        arguments = arguments.with_values(**{name: int(value)})
    for name in WEIGHTS:
        value = getattr(arguments, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f'-{name} {value}: give a number from 0')
    if not (math.isfinite(arguments.learning_rate) and arguments.learning_rate > 0):
        raise ValueError(f'-learning_rate {arguments.learning_rate}: give a number above 0')
    if arguments.width % 8:
        raise ValueError(f'-width {arguments.width}: give a multiple of 8')
    if arguments.batch_size % world.size:
        raise ValueError(
            f'-batch_size {arguments.batch_size}: give a multiple of the {world.size} processes'
        )
    return checked_files(arguments)


def checked_files(arguments: Arguments) -> Arguments:
    """Refuse files that are missing, or cannot be written."""
    if not split_paths(arguments.style_image):
        raise ValueError('-style_image: name the picture of the style')
    scales = style_scales(arguments)
    if not all(math.isfinite(scale) and scale > 0 for scale in scales):
        raise ValueError(f'-style_scale {arguments.style_scale}: give numbers above 0')
    if arguments.photos == '':
        raise ValueError('-photos: name a folder of photographs')
    output = arguments.output
    if not output.lower().endswith(SUFFIX):
        problem = f'{output}: name a {SUFFIX} file' if output else f'name a {SUFFIX} file'
        raise ValueError(f'-output {problem}'.replace('-output name', '-output: name'))
    check_writable('-output', output)
    if arguments.checkpoint == '':
        checkpoint = os.path.splitext(output)[0] + '.checkpoint'
        arguments = arguments.with_values(checkpoint=checkpoint)
    check_writable('-checkpoint', arguments.checkpoint)
    return arguments


def sample_name(output: str, step: int) -> str:
    """Return the file of the sample of a step: s.safetensors → s_500.jpg."""
    return str(Path(output).with_suffix('')) + f'_{step}.jpg'
