"""Remarks on flags that change nothing beside the others."""

import pytest

from neural_style.command.networks import embedded_network
from neural_style.command.parsing import parse_arguments
from neural_style.command.remarks import flags_without_effect, rules
from neural_style.command.video_flags import VIDEO_FLAGS
from neural_style.distributed import SINGLE_PROCESS

VAIN = [
    ('-init_image a.jpg', 'add -init image'),
    ('-init_image a.jpg -init fast', 'with -init fast; add -init image'),
    ('-fast_strength 0.5', 'without -fast and -init fast; add one of them'),
    ('-learning_rate 1', 'add -optimizer adam'),
    *((f'-{name} -resume c', 'omit it, or -resume') for name in ('seed 1', 'noise_scale 2')),
    ('-init image -resume c', 'omit it, or -resume'),
    ('-precision bf16 -resume c', 'omit it, or -resume'),
    ('-multiscale 1', 'give 2 or more'),
    ('-adam_beta1 0.8', 'add -optimizer adam'),
    ('-adam_beta2 0.8', 'add -optimizer adam'),
    ('-adam_epsilon 1', 'add -optimizer adam'),
    ('-lbfgs_num_correction 5 -optimizer adam', 'omit it'),
    ('-lbfgs_max_step 5 -optimizer adam', 'omit it'),
    ('-lbfgs_max_step 0 -precision bf16', 'give a limit above 0'),
    ('-noise_scale 1 -init image', 'add -init random'),
    ('-style_tint 1 -original_colors 1', 'give one of them'),
    ('-recolor_content 1 -content_weight 0', 'name layers in -content_layers'),
    ('-color match -style_layers ,', 'without a layer that compares styles'),
    ('-color_transfer pca', 'add -color match'),
    ('-paper_range 0.5,0.6', 'add -paper_mask auto'),
    ('-jpeg_quality 90', 'name a .jpg'),
    ('-style_statistic covariance -style_layers ,', 'name layers in -style_layers'),
    ('-region_weights 1,0', 'name them in -content_regions'),
    ('-content_regions a.png -style_layers ,', 'name layers in -style_layers'),
    ('-style_regions a.png -style_layers ,', 'name layers in -style_layers'),
    ('-style_blend_weights 1', 'name several in -style_image'),
    ('-style_image_layers all,all', 'omit it'),
    ('-style_weight 5 -style_layers ,', 'name layers in -style_layers'),
    ('-style_image a.jpg -style_layers ,', 'name layers in -style_layers'),
    ('-style_scale 2 -style_layers ,', 'name layers in -style_layers'),
    ('-style_size_by width -style_layers ,', 'name layers in -style_layers'),
    ('-content_weight 5 -content_layers ,', 'name layers in -content_layers'),
    ('-style_layers relu1_1 -style_weight 0', 'give a -style_weight'),
    ('-content_layers relu1_1 -content_weight 0', 'give a -content_weight'),
    ('-normalize_gradients -content_layers , -style_layers ,', 'on TV alone'),
    ('-missing_layers warn -losses paper', 'omit it'),
    ('-missing_layers warn -style_layers relu1_1:2', 'omit it'),
    ('-print_iter 11 -num_iterations 10', 'give a smaller number'),
    ('-print_iter 21 -num_iterations 10 -multiscale 2', 'give a smaller number'),
    ('-save_iter 11 -num_iterations 10', 'give a smaller number'),
    ('-checkpoint_iter 5', 'name it in -checkpoint'),
    ('-checkpoint_iter 10 -num_iterations 10 -checkpoint c', 'give a smaller number'),
    ('-checkpoint c -num_iterations 1', 'give more -num_iterations'),
    ('-backend cudnn -gpu -1', 'name a GPU'),
    ('-cudnn_autotune', 'add -backend cudnn'),
    ('-multigpu_strategy 3', 'name several GPUs'),
    ('-parallel tiles', 'name several in -gpu'),
    *((f'-{name} 7', 'on a picture; name a video in -content_image') for name in VIDEO_FLAGS),
    ('-blendWeight 2 -content_image a.mp4', 'add -num_passes'),
    ('-frame_iterations 9 -num_passes 2 -content_image a.mp4', 'in several passes; omit it'),
    ('-use_temporalLoss_after 4 -num_passes 3 -content_image a.mp4', 'give a smaller number'),
    ('-temporal_weight 9 -num_passes 3 -content_image a.mp4', 'give a -use_temporalLoss_after'),
    ('-flowWeight_pattern [%d]_{%d}.pgm -content_image a.mp4', 'name files in -flow_pattern'),
    ('-frame_rate 9 -content_image a.mp4', 'has a rate of its own'),
    ('-init image,prev -num_passes 2 -content_image a.mp4', 'frames start from themselves'),
    ('-save_iter 9 -content_image a.mp4', 'on a video, whose frames are saved in the end'),
]
USEFUL = [
    '-gpu -1 -seed 1 -init image -style_weight 0 -content_weight 0 -backend nn -parallel layers',
    '-init image -init_image a.jpg -original_colors 1 -style_tint 0',
    '-learning_rate 1 -optimizer adam -adam_beta1 0.8 -noise_scale 1',
    '-lbfgs_num_correction 5 -lbfgs_max_step 0 -missing_layers warn -precision fp32',
    '-print_iter 20 -save_iter 10 -num_iterations 10 -multiscale 2 -checkpoint c',
    '-print_iter 0 -save_iter 0 -num_iterations 1 -checkpoint_iter 0 -checkpoint c -multiscale 2',
    '-style_layers , -style_image a.jpg -style_tint 1 -style_size_by width',
    '-recolor_content 1 -paper_mask auto -paper_range 0.5,0.6 -content_weight 0',
    '-style_image a.jpg,b.jpg -style_blend_weights 1,2 -jpeg_quality 90 -output_image o.JPG',
    '-color match -color_transfer pca -style_image_layers relu1_1,all',
    '-missing_layers warn -style_scale 1,2 -style_image a.jpg,b.jpg',
    '-content_image a.mp4 -num_passes 8 -use_temporalLoss_after 8 -temporal_weight 9',
    '-content_regions a.png -style_regions b.png -region_weights 1,0',
    '-gpu 0,1 -multigpu_strategy 3 -backend cudnn -cudnn_autotune',
    '-preset chinese_horse -optimizer lbfgs',
]


def remarks(flags):
    return list(flags_without_effect(parse_arguments(flags.split()), SINGLE_PROCESS))


@pytest.mark.parametrize(('flags', 'remedy'), VAIN)
def test_flag_without_effect_is_named_with_the_remedy(flags, remedy):
    (line,) = remarks(flags)
    assert line.startswith(flags.split()[0] + ' ') and ': has no effect ' in line
    assert remedy in line and '\n' not in line


@pytest.mark.parametrize('flags', USEFUL)
def test_flags_with_an_effect_are_not_remarked_on(flags):
    assert remarks(flags) == []


def test_prototxt_of_another_network_is_named():
    proto_file, model_file = embedded_network()
    arguments = parse_arguments(['-proto_file', 'a.prototxt'])
    arguments = arguments.with_values(proto_file=proto_file, model_file=model_file)
    (line,) = flags_without_effect(arguments, SINGLE_PROCESS)
    assert 'name the -model_file that belongs to it' in line


def test_every_rule_is_tested():
    tested = {flags.split()[0].lstrip('-') for flags, _ in VAIN} | {'proto_file'}
    assert tested == {name for name, _, _ in rules(SINGLE_PROCESS)}


def test_remarks_are_made_on_stderr_once_for_all_pictures(command, data, capsys):
    content = data / 'inputs'
    (names := open('list.txt', 'w')).write(f'{content}/scene.jpg\n{content}/waves.jpg\n')
    names.close()
    assert command('-content_image list.txt -learning_rate 5 -num_iterations 1') == 0
    captured = capsys.readouterr()
    assert captured.err.count('-learning_rate 5: has no effect with -optimizer lbfgs') == 1
    assert 'no effect' not in captured.out


def test_flags_of_a_preset_of_ones_own_are_remarked_on(command, capsys):
    with open('mine.txt', 'w') as preset:
        preset.write('-learning_rate 5\n')
    assert command('-preset mine.txt -num_iterations 1') == 0
    assert '-learning_rate 5: has no effect' in capsys.readouterr().err
