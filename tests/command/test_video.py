"""Videos: a clip in, a clip out; what stops a run, and that it goes on as if nothing had been."""

import os
import re
import shlex
import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch
from clips_written import outputs, read
from PIL import Image
from written import files, pixels

from neural_style.command import recipe as recipes
from neural_style.command.process import main
from neural_style.video.consistency import leaves
from neural_style.video.warping import warp_picture
from tools.drawing.sequences import sequence

av = pytest.importorskip('av', reason='needs PyAV, of the extra [video]')
pytest.importorskip('cv2', reason='needs OpenCV, of the extra [video]')
RATE = 10
SHORT = '-num_iterations 3,2 -print_iter 1'


def test_video_becomes_a_video_of_the_same_times(command, capsys, clip):
    assert command(f'-content_image {clip} {SHORT}') == 0
    assert [frame.time for frame in read('out.mp4')] == [Fraction(i, RATE) for i in range(4)]
    assert read('out.mp4')[0].pixels.shape == (36, 48, 3)
    captured = capsys.readouterr()
    assert 'clip.mp4 -> out.mp4: 4 frames\t\n' in captured.out
    assert len(re.findall(r'^Frame \d of 4: [\d.]+ s', captured.out, re.M)) == 4
    assert re.findall(r'^Iteration (\S+ / \S+)', captured.out, re.M)[2:4] == ['3 / 3', '1 / 2']
    assert captured.out.count('Temporal 1 loss') == 3 * 2
    assert captured.out.count('Capturing style target') == 1
    assert captured.err.endswith(f'the video is in {os.path.abspath("out.mp4")}\n')
    assert files() == ['clip.mp4', 'out.mp4']


def test_clip_of_one_frame_is_painted_as_a_picture_is(command, numbered):
    pattern = numbered(1)
    assert command(f'-content_image {pattern} -output_image out_%04d.png {SHORT}') == 0
    assert command('-content_image f1.png -output_image picture.png -num_iterations 3') == 0
    assert np.array_equal(pixels('out_0001.png'), pixels('picture.png'))


def test_part_of_a_video_is_painted(command, clip):
    assert command(f'-content_image {clip} -start 0.1 -end 0:00.4 -every 2 {SHORT}') == 0
    assert [frame.time * RATE for frame in read('out.mp4')] == [0, 2]


def test_folder_becomes_numbered_pictures(command, numbered):
    numbered(3)
    os.mkdir('frames')
    for name in ('f1.png', 'f2.png', 'f3.png'):
        shutil.move(name, f'frames/{name}')
    assert command(f'-content_image frames -output_image out_%02d.jpg {SHORT}') == 0
    assert files() == ['frames', 'out_01.jpg', 'out_02.jpg', 'out_03.jpg']


@pytest.mark.parametrize('suffix', ['gif', 'webp', 'webm', 'mkv'])
def test_result_may_be_an_animation_or_another_video(command, numbered, suffix):
    flags = f'-frame_rate 20 -output_image out.{suffix} -init image {SHORT}'
    assert command(f'-content_image {numbered(3)} {flags}') == 0
    assert [round(float(frame.time), 2) for frame in read(f'out.{suffix}')] == [0, 0.05, 0.1]


def test_animation_becomes_an_animation_only_if_that_is_asked_for(command, numbered):
    first, *others = (Image.open(numbered(3) % number) for number in (1, 2, 3))
    first.save('clip.gif', save_all=True, append_images=others, duration=40)
    assert command(f'-content_image clip.gif -output_image out.gif -init image {SHORT}') == 0
    assert len(read('out.gif')) == 3
    assert command('-content_image clip.gif') == 0
    assert files() == ['clip.gif', 'f1.png', 'f2.png', 'f3.png', 'out.gif', 'out.png']


@pytest.mark.slow
def test_temporal_loss_keeps_still_what_does_not_move(command, numbered):
    flags = f'-content_image {numbered(3, "occluder")} -num_iterations 12,12 -noise_scale 20'
    flags += ' -lbfgs_max_step 10'  # without it, a leap of such a weight may spoil a frame
    still = sequence('occluder', 36, 48).flow(2, 1)[0].abs().sum(0).numpy() == 0

    def change(weight):
        command(f'{flags} -temporal_weight {weight} -output_image out_%d.png')
        second, third = (pixels(f'out_{number}.png').astype(float) for number in (2, 3))
        return np.abs(third - second)[still].mean()

    assert change(1e7) < change(0) / 2


def test_scene_begins_as_a_picture_does(command, capsys, numbered):
    assert command(f'-content_image {numbered(6, "cut")} -output_image out_%d.png {SHORT}') == 0
    counts = re.findall(r'^Iteration 1 / (\d)', capsys.readouterr().out, re.M)
    assert counts == ['3', '2', '2', '2', '3', '2']
    assert command('-content_image f5.png -output_image picture.png -num_iterations 3') == 0
    assert np.array_equal(pixels('out_5.png'), pixels('picture.png'))


def test_video_is_made_again_from_its_recipe(command, clip, data):
    assert command(f'-content_image {clip} -style_weight 50 -init image {SHORT} -seed -1') == 0
    recipe = recipes.read('out.mp4')
    assert recipe.flags['frame_iterations'] == 2
    network = data / 'models' / 'mini_vgg19_conv'
    files = f'-proto_file {network}.prototxt -model_file {network}.caffemodel'
    style = data / 'inputs' / 'strokes.jpg'
    assert main(shlex.split(f'-rerun out.mp4 -gpu -1 -style_image {style} {files}')) == 0
    first, again = read('out.mp4'), read('out_rerun.mp4')
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize('start', ['random', 'image', 'prev', 'prevWarped'])
def test_later_frames_begin_with_what_init_says(command, numbered, start):
    flags = '-num_iterations 1,1 -noise_scale 20 -temporal_weight 0 -output_image out_%d.png'
    assert command(f'-content_image {numbered(2)} {flags} -init image,{start}') == 0
    first, second, content = (
        pixels(name).astype(int) for name in ('out_1.png', 'out_2.png', 'f2.png')
    )
    flow = sequence('pan', 36, 48).flow(1, 0)[0]
    warped = warp_picture(torch.from_numpy(first.transpose(2, 0, 1) / 255), flow).permute(1, 2, 0)
    starts = {'image': content, 'prev': first, 'prevWarped': 255 * warped.numpy()}
    seen = ~leaves(flow).numpy()  # what comes into view begins otherwise
    distances = {name: np.abs(second - begin)[seen].mean() for name, begin in starts.items()}
    if start == 'random':
        assert min(distances.values()) > 20
    else:
        assert distances[start] < 2 and distances[start] == min(distances.values())


def test_colours_of_the_content_come_back_in_every_frame(command, numbered):
    pattern = numbered(3)
    flags = f'-content_image {pattern} {SHORT} -original_colors 1 -output_image'
    assert command(f'{flags} out_%d.png') == 0
    assert command('-content_image f1.png -original_colors 1 -num_iterations 3') == 0
    assert np.array_equal(pixels('out_1.png'), pixels('out.png'))
    assert files() == [
        'f1.png',
        'f2.png',
        'f3.png',
        'out.png',
        *(f'out_{i}.png' for i in (1, 2, 3)),
    ]


def test_first_frame_is_painted_coarse_to_fine(command, capsys, numbered):
    assert command(f'-content_image {numbered(2)} -multiscale 2 {SHORT}') == 0
    printed = capsys.readouterr().out
    assert re.findall(r'^Iteration 1 / (\d)', printed, re.M) == ['6', '3', '2']


@pytest.mark.parametrize(
    'flags',
    [
        '-optimizer adam -normalize_gradients',
        '-padding reflect -fourier_decay 0.5',
        '-luminance_only 1 -style_tint 1 -paper_mask auto -paper_range 0.3,0.6',
        '-color match -style_statistic mean_std -losses neural_style',
        '-num_passes 2 -multiscale 2 -color content',
    ],
)
def test_flags_of_pictures_are_those_of_frames(command, capsys, numbered, flags):
    flags = f'-content_image {numbered(2)} {flags} -output_image out_%d.png -num_iterations 2'
    assert command(flags) == 0
    assert capsys.readouterr().out.count('Frame 2 of') == 1
    assert np.ptp(pixels('out_2.png')) > 0


@pytest.mark.slow
def test_frames_that_processes_share_are_those_of_one(command, numbered, forked_processes):
    flags = f'-content_image {numbered(2)} -image_size 160 {SHORT} -output_image'
    assert command(f'{flags} out_%d.png') == 0
    assert command(f'{flags} shared_%d.png -gpu -1,-1 -parallel tiles') == 0
    for number in (1, 2):
        pair = [pixels(f'{name}_{number}.png').astype(int) for name in ('out', 'shared')]
        assert np.abs(pair[0] - pair[1]).max() <= 1  # of rounding


def test_broken_picture_in_the_middle_is_left_out(command, capsys, numbered):
    pattern = numbered(3)
    with open('f2.png', 'wb') as file:
        file.write(b'\x89PNG')
    assert command(f'-content_image {pattern} -output_image out_%d.png {SHORT}') == 0
    assert 'f2.png' in capsys.readouterr().err
    assert sorted(outputs()) == ['out_1.png', 'out_3.png']


def test_flow_of_another_program_is_used(command, numbered):
    from neural_style.video.flow_files import write_flow

    pattern = numbered(2)
    write_flow('b_2_1.flo', sequence('pan', 36, 48).flow(1, 0)[0].float())
    Image.new('L', (48, 36), 'white').save('r_2_1.png')
    flags = '-flow_pattern b_[%d]_{%d}.flo -flowWeight_pattern r_[%d]_{%d}.png'
    assert command(f'-content_image {pattern} {SHORT} {flags} -output_image out_%d.png') == 0
    os.remove('r_2_1.png')
    os.remove('out_1.png')
    assert command(f'-content_image {pattern} {SHORT} {flags} -output_image out_%d.png') == 1


@pytest.mark.parametrize(
    ('flags', 'pairs', 'missing'),
    [
        ('', [(2, 1)], 'b_3_2.flo'),
        ('-dry_run', [(2, 1)], 'b_3_2.flo'),
        ('-num_passes 2', [(2, 1), (3, 2), (2, 3)], 'b_1_2.flo'),
        ('-flow_relative_indices 1,2', [(2, 1), (3, 2)], 'b_3_1.flo'),
    ],
)
def test_missing_flow_is_refused_before_a_frame_is_painted(
    command, capsys, numbered, flags, pairs, missing
):
    write_flows('pan', pairs)
    flags = f'{SHORT} -flow_pattern b_[%d]_{{%d}}.flo -output_image out_%d.png {flags}'
    assert command(f'-content_image {numbered(3)} {flags}') == 1
    captured = capsys.readouterr()
    assert f'-flow_pattern: {missing}: no such file' in captured.err
    assert 'Iteration' not in captured.out and outputs() == {}


def test_flow_between_scenes_is_not_needed(command, numbered):
    write_flows('cut', [(2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (3, 1), (4, 2)])
    flags = f'{SHORT} -flow_pattern b_[%d]_{{%d}}.flo -flow_relative_indices 1,2'
    assert command(f'-content_image {numbered(6, "cut")} {flags} -output_image out_%d.png') == 0


def write_flows(name, pairs):
    """Write files of the flow that leads from frames to others."""
    from neural_style.video.flow_files import write_flow

    for current, previous in pairs:
        flow = sequence(name, 36, 48).flow(current - 1, previous - 1)[0]
        write_flow(f'b_{current}_{previous}.flo', flow.float())


def test_dry_run_shows_the_plan_and_writes_nothing(command, capsys, clip):
    assert command(f'-content_image {clip} -dry_run') == 0
    assert re.match(r'4 frames; 48 x 36 pixels, whole', capsys.readouterr().out)
    assert files() == ['clip.mp4']


@pytest.mark.parametrize(
    ('flags', 'problem'),
    [
        ('-output_image out.png', '-output_image out.png: a video becomes a file: .mp4'),
        ('-output_image out_%99999d.png', 'out_%99999d.png: a video becomes a file'),
        ('-output_image -', '-output_image -: a video becomes a file'),
        ('-output_image clip.mp4', 'this is the -content_image'),
        ('-output_image nowhere/out.mp4', 'cannot write in nowhere: No such file or directory'),
        ('-every 0', '-every 0: give a whole number from 1'),
        ('-every 1e12', '-every 1000000000000: give a whole number from 1 to 100000'),
        ('-video_crf 60', '-video_crf 60'),
        ('-frame_rate 0', '-frame_rate 0'),
        ('-frame_rate 1e-9', '-frame_rate 1e-09: give a number from 0.001'),
        ('-start x', '-start x: give seconds'),
        ('-start 3 -end 2', '-end 2: give a time after 3 s'),
        ('-start 99', 'there is no frame in the part of -start 99; give other times'),
        ('-start 1e400', '-start 1e400: give seconds'),
        ('-end 1e99999999999', '-end 1e99999999999: give seconds'),
        ('-flow_relative_indices ,', '-flow_relative_indices ,: give numbers'),
        ('-init warped', '-init warped: choose random, image, fast for the first'),
        ('-flow_relative_indices 0', '-flow_relative_indices 0: give numbers'),
        ('-temporal_weight nan', '-temporal_weight nan'),
        ('-frame_iterations 0.5', '-frame_iterations 0.5'),
        ('-num_iterations 0', '-num_iterations 0: a video needs'),
        ('-checkpoint a', '-checkpoint: a video keeps'),
        ('-preview 8080', '-preview: shows pictures, not videos'),
        ('-keep_alpha 1', '-keep_alpha 1: videos have no transparency'),
        ('-save_style s.safetensors', '-save_style s.safetensors: not with a video'),
        ('-flow_pattern a.flo', '-flow_pattern a.flo: give [%d]'),
        ('-content_image nosuch.mp4', 'nosuch.mp4: no such file'),
        ('-content_image a%d.png -output_image out.mp4', 'there are no such pictures'),
    ],
)
def test_bad_flags_of_a_video_are_refused(command, capsys, clip, flags, problem):
    content = '' if '-content_image' in flags else f'-content_image {clip}'
    assert command(f'{content} {flags}') == 1
    captured = capsys.readouterr()
    assert problem in captured.err and 'Iteration' not in captured.out
    assert 'http://' not in captured.err
    assert files() == ['clip.mp4']


def test_clip_of_a_single_picture_is_refused(command, capsys):
    assert command('-output_image out.mp4') == 1
    assert 'clips are made of a video, an animation or a folder' in capsys.readouterr().err


def test_flags_of_videos_are_remarked_on_a_picture(command, capsys):
    assert command('-temporal_weight 5 -every 2') == 0
    error = capsys.readouterr().err
    assert '-temporal_weight 5: has no effect on a picture; name a video' in error
    assert '-every 2: has no effect on a picture' in error


def test_two_numbers_of_iterations_must_not_grow(command, capsys):
    assert command('-num_iterations 2,500') == 1  # a slip: later frames take no more
    assert '2,500' in capsys.readouterr().err
