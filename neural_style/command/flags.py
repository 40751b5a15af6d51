"""Every flag: name, default, help.  The original's come first, in the order of neural_style.lua.

An option's help is the text that -help prints, the original's if it has one; describe gives the
text of docs/flags.md.
"""

from neural_style.command.control_flags import (
    describe_colour_and_paper,
    describe_regions,
    describe_scale,
)
from neural_style.command.fast_flags import describe_fast
from neural_style.command.flag_table import FlagTable
from neural_style.command.video_flags import describe_video


def command_line() -> FlagTable:
    """Return the flags of neural_style.lua, followed by the extensions."""
    cmd = FlagTable()

    cmd.group('Basic options')
    cmd.option('-style_image', 'examples/inputs/seated-nude.jpg', 'Style target image')
    cmd.describe('The style image; several are separated by commas (a comma in a name is `\\,`).')
    cmd.option('-style_blend_weights', 'nil')
    cmd.describe('Weight of each style image, such as `3,7`; `nil` weighs them equally.')
    cmd.option('-content_image', 'examples/inputs/tubingen.jpg', 'Content target image')
    cmd.describe(
        'The content image; `-` is stdin; a folder, or a `.txt` file with a path per line, is a'
        ' batch, which `docs/many.md` describes; a video, an animation or a pattern such as'
        ' `frames_%04d.png` is painted frame by frame, see `docs/video.md`.'
    )
    cmd.option('-image_size', 512, 'Maximum height / width of generated image')
    cmd.describe('Longer side of the generated image, in pixels.')
    cmd.option('-gpu', '0', 'Zero-indexed ID of the GPU to use; for CPU mode set -gpu = -1')
    cmd.describe(
        'GPU to use, counted from 0; several, such as `0,1`, split the network; `-1` is the CPU.'
        ' Without a CUDA device the CPU is used, and a line on stderr says so.'
    )
    cmd.option('-multigpu_strategy', '', 'Index of layers to split the network across GPUs')
    cmd.describe(
        'Layers after which the network is split across GPUs, such as `3,6,12`, numbered as in the'
        ' printed network; empty splits it after the third layer of the CNN, for two GPUs.'
    )

    cmd.group('Optimization options')
    cmd.option('-content_weight', 5e0)
    cmd.describe('Weight of the content loss.')
    cmd.option('-style_weight', 1e2)
    cmd.describe('Weight of the style loss.')
    cmd.option('-tv_weight', 1e-3)
    cmd.describe('Weight of total variation, which smooths the image; 0 disables it.')
    cmd.option('-num_iterations', 1000)
    cmd.describe('Number of evaluations of the network.')
    cmd.option('-normalize_gradients', False)
    cmd.describe("Divide each loss's gradient by its L1 norm.")
    cmd.option('-init', 'random', 'random|image')
    cmd.describe(
        'Start from noise (`random`), from an image (`image`), or from the picture that `-fast`'
        ' paints (`fast`); `docs/video.md` has the values for videos.'
    )
    cmd.option('-init_image', '')
    cmd.describe('Image to start from with `-init image`; empty takes the content image.')
    cmd.option('-optimizer', 'lbfgs', 'lbfgs|adam')
    cmd.describe(
        '`lbfgs` gives better results; `adam` uses less memory, and needs its own weights and'
        ' learning rate.'
    )
    cmd.option('-learning_rate', 1e1)
    cmd.describe('Learning rate of Adam; L-BFGS does not use it.')
    cmd.option('-lbfgs_num_correction', 0)
    cmd.describe('Number of steps in the history of L-BFGS; 0 means 100, fewer use less memory.')

    cmd.group('Output options')
    cmd.option('-print_iter', 50)
    cmd.describe('Print the losses every this many iterations; 0 never prints them.')
    cmd.option('-save_iter', 100)
    cmd.describe(
        'Save the image every this many iterations, as `out_100.png`; 0 saves it only at the end.'
    )
    cmd.option('-output_image', 'out.png')
    cmd.describe(
        'Name of the output image: `.png`, `.jpg` or `.ppm`; `-` is stdout, as a PNG. Of a video:'
        ' `.mp4`, `.mov`, `.mkv`, `.webm`, `.gif`, `.webp`, or pictures such as `out_%04d.png`.'
    )

    cmd.group('Other options')
    cmd.option('-style_scale', 1.0)
    cmd.allow_list()
    cmd.describe(
        'Size of the style image, relative to `-image_size`; `1,0.5` are those of two style images.'
    )
    cmd.option('-original_colors', 0)
    cmd.describe('1 keeps the colours of the content image.')
    cmd.option('-pooling', 'max', 'max|avg')
    cmd.describe('`avg` replaces max pooling by average pooling.')
    cmd.option('-proto_file', 'models/VGG_ILSVRC_19_layers_deploy.prototxt')
    cmd.describe(
        'The deploy prototxt of the Caffe model; layers are read from the model file, as in the'
        ' original, and `docs/port.md` has the exceptions.'
    )
    cmd.option('-model_file', 'models/VGG_ILSVRC_19_layers.caffemodel')
    cmd.describe(
        'The Caffe model, or a file of another format in `docs/loadcaffe.md`; `docs/models.md` says'
        ' where it is looked for, and what takes its place.'
    )
    cmd.option('-backend', 'nn', 'nn|cudnn|clnn')
    cmd.describe(
        "`nn` uses PyTorch's default on the device, `cudnn` requires cuDNN, `clnn` uses another"
        ' accelerator (xpu, mps).'
    )
    cmd.option('-cudnn_autotune', False)
    cmd.describe('Let cuDNN time its algorithms first, with `-backend cudnn`.')
    cmd.option('-seed', -1)
    cmd.describe('Seed of the random numbers, the same on every device; -1 draws a new one.')

    cmd.group('Layer options')
    cmd.option('-content_layers', 'relu4_2', 'layers for content')
    cmd.describe(
        'Layers of the content loss, in the order of the network; a layer may have a weight of its'
        ' own, as in `relu4_2,relu5_1:0.5`.'
    )
    cmd.option('-style_layers', 'relu1_1,relu2_1,relu3_1,relu4_1,relu5_1', 'layers for style')
    cmd.describe('Layers of the style loss, written like `-content_layers`.')

    cmd.extensions()
    describe_extensions(cmd)
    return cmd


def describe_extensions(cmd: FlagTable) -> None:
    """Add the flags that extend the original.  Their defaults change nothing."""
    cmd.group('Presets and recipes')
    cmd.option('-preset', '', 'flags from a file; list shows the presets')
    cmd.describe(
        'Read flags from a preset, or from a `.txt` file of your own; other flags of the command'
        ' line win. `-preset list` lists the presets.'
    )
    cmd.option('-rerun', '', 'image whose run is repeated')
    cmd.describe('Repeat the run that made this image, from the recipe stored in it.')

    cmd.group('Losses and layers')
    cmd.option('-losses', 'neural_style', 'neural_style|paper')
    cmd.describe(
        '`paper` uses the formulas printed in the paper: ½ Σ (F − P)² and w / (4 N² M²) Σ (G − A)²,'
        ' where w is 1 / number of style layers unless a weight is given.'
    )
    cmd.option('-style_statistic', 'gram', 'gram|mean_std|covariance|wasserstein|histogram')
    cmd.describe(
        'What styles are compared by, in each layer: Gram matrices; mean and standard deviation of'
        ' each channel; the covariance about the mean; the 2-Wasserstein distance of normal'
        ' distributions; or histograms. It may be a sum, `gram:1,histogram:0.5`;'
        ' `docs/statistics.md` compares them.'
    )
    cmd.option('-missing_layers', 'warn', 'warn|error')
    cmd.describe(
        '`error` refuses layer names that the network lacks, and takes the others in any order; it'
        ' is implied by `-losses paper` and by weights of layers. `warn` ignores a list from the'
        ' first name out of order, as the original does.'
    )
    cmd.option('-padding', 'zero', 'zero|reflect|replicate: what lies beyond the image')
    cmd.describe(
        'What the first convolution and TV see beyond the image: nothing, as in the original, where'
        ' single pixels of the last row and column come out black or white; or the image itself,'
        ' mirrored (`reflect`) or with its outermost pixels repeated (`replicate`).'
    )

    cmd.group('Optimizer')
    cmd.option('-noise_scale', 0.001, 'standard deviation of the initial noise')
    cmd.describe('Standard deviation of the initial noise, in grey levels (0 to 255).')
    cmd.option('-lbfgs_max_step', 0, 'longest step of L-BFGS, in grey levels')
    cmd.describe(
        'Longest step of L-BFGS, in grey levels (root mean square over the image); 10 starts faster'
        ' from noise and prevents leaps, and a step that throws the loss up is undone. With a'
        ' limit, the scale of steps is averaged over those before, which saves up to a seventh of'
        ' the evaluations. 0 means no limit, or 10 in reduced precision, with `-multiscale`, and by'
        ' default with the embedded network.'
    )
    cmd.option('-fourier_decay', 0, '0 to 1: optimise Fourier coefficients')
    cmd.describe(
        'Optimise the Fourier coefficients of the image, scaled by frequency to the power of minus'
        ' this number, 0 to 1; 0.5 converges much faster at first. 0 optimises the pixels.'
    )
    cmd.option('-adam_beta1', 0.9, 'decay of the mean gradient')
    cmd.describe("Decay of Adam's mean of the gradient.")
    cmd.option('-adam_beta2', 0.999, 'decay of the mean squared gradient')
    cmd.describe("Decay of Adam's mean of the squared gradient.")
    cmd.option('-adam_epsilon', 1e-8, 'added to the divisor')
    cmd.describe('Term that Adam adds to the divisor.')

    cmd.group('Size, speed and memory')
    cmd.option('-multiscale', '', 'number of scales, or sizes before the last')
    cmd.describe(
        'Work from coarse to fine: `3` runs at a quarter, a half and the whole of `-image_size`;'
        ' `128,256` lists the sizes before the last, and `1/4,1/2` lists them as parts of it. A'
        ' scale of half the size runs twice the `-num_iterations`, in half the time; behind a colon'
        ' stands how many times they run instead: `1/2:1/3`.'
    )
    cmd.option('-precision', 'fp32', 'fp32|bf16|fp16|auto')
    cmd.describe(
        'Precision of the convolutions; `auto` is `bf16` where the device is faster in it. Losses,'
        ' Gram matrices and the optimizer stay in float32.'
    )
    cmd.option('-memory', '', 'memory limit, such as 4G')
    cmd.describe(
        'Memory limit of the process, or of the GPU, such as `4G` or `500M`; an image that does not'
        ' fit is evaluated in tiles, with the same result. Empty means what is free.'
    )
    cmd.option('-preview', 0, 'port of a page that shows the picture as it grows')
    cmd.describe(
        'Port of a page on this machine that shows the picture as it grows, such as `8080` for'
        ' `http://127.0.0.1:8080/`; `docs/preview.md` describes it. 0 shows none.'
    )
    cmd.option('-dry_run', False, 'print the memory plan and exit')
    cmd.describe('Print the memory plan with the predicted peak, and exit.')
    cmd.option('-parallel', 'layers', 'layers|tiles|scenes: how several GPUs share the work')
    cmd.describe(
        'How several GPUs share the work: `layers` splits the network, as in the original; `tiles`'
        ' starts a process per GPU, each with a strip of the image; `scenes` as well, each with'
        ' scenes of a video. `-gpu -1,-1` is two CPU processes.'
    )

    describe_fast(cmd)
    describe_scale(cmd)
    describe_colour_and_paper(cmd)
    describe_regions(cmd)

    describe_video(cmd)

    cmd.group('Image files')
    cmd.option('-jpeg_quality', 75, '1 to 100')
    cmd.describe('Quality of a `.jpg` output image, 1 to 100.')
    cmd.option('-exif_orientation', 0, '1: turn images upright')
    cmd.describe('1 turns images upright as their EXIF data say; photographs from phones need it.')
    cmd.option('-icc_profile', 0, '1: convert images to sRGB')
    cmd.describe('1 converts images with an ICC profile to sRGB.')
    cmd.option('-keep_alpha', 0, '1: keep the transparency of the content')
    cmd.describe('1 gives a `.png` output image the transparency of the content image.')

    cmd.group('Saved styles')
    cmd.option('-save_style', '', 'file for the style, to paint with again')
    cmd.describe(
        'Save the style in this `.safetensors` file; `-style_image` takes it in the place of the'
        ' picture, which is then not needed. `docs/styles.md` describes it.'
    )

    cmd.group('Checkpoints')
    cmd.option('-checkpoint', '', 'file for the state of the run')
    cmd.describe(
        'File that the state of the run is written to; empty writes one only when the run is'
        ' interrupted.'
    )
    cmd.option('-checkpoint_iter', 100, 'iterations between checkpoints')
    cmd.describe(
        'Write the checkpoint every this many iterations and before the last; 0 writes it only'
        ' before the last.'
    )
    cmd.option('-resume', '', 'continue from a checkpoint')
    cmd.describe(
        'Checkpoint to continue from, or the folder `out.frames` of a video; no other flag is'
        ' needed.'
    )
