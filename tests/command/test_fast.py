"""-fast: pictures and videos painted at once."""

import errno
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from written import files, pixels, recipe_of

from neural_style import load, scale
from neural_style.command import run, work_folder
from neural_style.command.fast import head_start
from neural_style.command.images import InputImages
from neural_style.command.parsing import parse_arguments
from neural_style.command.process import main
from neural_style.fast.painting import predicted_bytes

REFUSED = 'means nothing to -fast, which paints in one pass of a network of its own'


@pytest.fixture
def fast(data, tmp_path, monkeypatch):
    """Paint a picture of 48 pixels at once; takes flags as text."""
    monkeypatch.chdir(tmp_path)
    for name in ('scene.jpg', 'strokes.jpg', 'waves.jpg'):
        shutil.copy(data / 'inputs' / name, name)
    defaults = '-fast -gpu -1 -image_size 48 -content_image scene.jpg -style_image strokes.jpg'
    return lambda flags='': main([*defaults.split(), *flags.split()])


def test_picture_is_painted_at_once(fast, capsys):
    assert fast() == 0
    assert pixels('out.png').shape == (36, 48, 3)
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err == f'neural_style: the picture is in {os.path.abspath("out.png")}\n'


def test_picture_of_a_run_at_once_is_repeated_from_its_recipe(fast):
    assert fast('-fast_strength 0.8 -style_scale 0.5') == 0
    inputs = {flag: name for flag, name, _ in recipe_of('out.png')['inputs']}
    assert inputs['model_file'] == 'small_vgg16.caffemodel'
    assert main(['-rerun', 'out.png', '-output_image', 'again.png']) == 0
    assert np.array_equal(pixels('again.png'), pixels('out.png'))


def test_less_strength_leaves_more_of_the_content(fast):
    assert fast() == fast('-fast_strength 0.2 -output_image weak.png') == 0
    assert fast('-original_colors 1 -output_image coloured.png') == 0
    pictures = [pixels(f'{name}.png').astype(float) for name in ('out', 'weak', 'coloured')]
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[2] - pictures[0]).mean() > 1


def test_styles_are_blended_by_their_weights(fast, capsys):
    both = '-style_image strokes.jpg,waves.jpg -style_blend_weights'
    assert fast(f'{both} 1,0') == fast('-output_image first.png') == 0
    assert np.abs(pixels('out.png').astype(int) - pixels('first.png')).max() <= 1
    assert fast(f'{both} 1,3 -output_image blend.png') == 0
    assert np.abs(pixels('blend.png').astype(int) - pixels('first.png')).mean() > 1
    assert fast(f'{both} 1,-1') == 1
    assert '-style_blend_weights: the weights sum to 0' in capsys.readouterr().err


def test_regions_have_styles_of_their_own(fast, capsys):
    mask = np.zeros((36, 48), np.uint8)
    for name, half in (('left.png', slice(24)), ('right.png', slice(24, None))):
        mask[:], mask[:, half] = 0, 255
        Image.fromarray(mask).save(name)
    flags = '-style_image strokes.jpg,waves.jpg -content_regions left.png,right.png'
    assert fast(f'{flags} -region_weights 1,0') == 0
    content = 255 * scale(load('scene.jpg'), 48).numpy().transpose(1, 2, 0)
    left, right = np.split(np.abs(pixels('out.png') - content), 2, axis=1)
    assert left.mean() > 10 and right[:, 2:].max() < 1
    assert main(['-rerun', 'out.png', '-output_image', 'again.png']) == 0
    assert np.array_equal(pixels('again.png'), pixels('out.png'))
    assert fast(f'{flags} -content_image clip_%d.png -output_image out_%d.png') == 1
    assert '-fast paints regions of pictures, and not of videos' in capsys.readouterr().err


def test_folder_is_painted_at_once(fast, capsys):
    os.mkdir('photos')
    for name in ('scene.jpg', 'waves.jpg'):
        shutil.copy(name, 'photos')
    assert fast('-content_image photos') == 0
    assert {'out_scene.png', 'out_waves.png'} <= set(files())
    assert fast('-content_image photos') == 0
    assert '2 already there' in capsys.readouterr().out


def test_dry_run_tells_the_memory(fast, capsys):
    assert fast('-dry_run') == 0
    assert '48 x 36 in one pass of the fast network; predicted peak' in capsys.readouterr().out
    assert 'out.png' not in files()


@pytest.mark.parametrize(
    'flags, message',
    [
        ('-style_weight 3', f'-style_weight 3 {REFUSED}; omit one of them'),
        ('-normalize_gradients', f'-normalize_gradients {REFUSED}'),
        ('-preset quick', f'-preset quick: its -fourier_decay 0.35 {REFUSED}'),
        ('-save_style s.safetensors', f'-save_style s.safetensors {REFUSED}'),
        ('-model_file scene.jpg', '-model_file: -fast has a network of its own'),
        ('-color match', '-color match: -fast knows style and content; choose one of them'),
        ('-fast_strength 1.5', '-fast_strength 1.5: give a number from 0 to 1'),
        ('-fast_strength nan', 'give a number from 0 to 1'),
    ],
)
def test_flags_that_mean_nothing_are_refused(fast, capsys, flags, message):
    assert fast(flags) == 1
    assert message in capsys.readouterr().err
    assert 'out.png' not in files()


def test_strength_without_fast_is_remarked_on(small_command, capsys):
    assert small_command('-fast_strength', 0.5) == 0
    assert (
        '-fast_strength 0.5: has no effect without -fast and -init fast' in capsys.readouterr().err
    )


def test_frames_are_painted_at_once(fast, numbered, capsys):
    flags = f'-content_image {numbered(3)} -output_image out_%d.png'
    assert fast(f'{flags} -dry_run') == 0
    assert '3 frames, each at once' in capsys.readouterr().out
    assert fast(flags) == 0
    assert {'out_1.png', 'out_2.png', 'out_3.png'} <= set(files())
    assert 'Frame 3 of 3' in capsys.readouterr().out


def test_frames_have_smoothed_statistics(fast, numbered):
    assert fast(f'-content_image {numbered(2)} -output_image out_%d.png') == 0
    for number in (1, 2):
        assert fast(f'-content_image f{number}.png -output_image alone_{number}.png') == 0
    assert np.array_equal(pixels('out_1.png'), pixels('alone_1.png'))
    assert not np.array_equal(pixels('out_2.png'), pixels('alone_2.png'))


def test_stopped_video_is_continued_to_the_same_frames(fast, numbered, monkeypatch, capsys):
    flags = f'-content_image {numbered(3)} -output_image out_%d.png'
    assert fast(flags) == 0
    expected = [pixels(f'out_{number}.png') for number in (1, 2, 3)]
    real, saved = work_folder.image.save, []

    def save(path, *options):
        saved.append(path)
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, 'No space left on device')
        real(path, *options)

    with monkeypatch.context() as patch:
        patch.setattr(work_folder.image, 'save', save)
        assert fast(flags) == 1
    assert 'continue with: ' in capsys.readouterr().err
    assert main(['-resume', 'out_%d.frames']) == 0
    for number, picture in zip((1, 2, 3), expected, strict=True):
        assert np.array_equal(pixels(f'out_{number}.png'), picture)


def test_run_starts_from_the_picture_painted_at_once(traced_command, fast):
    status, keywords = traced_command('-init', 'fast')
    assert status == 0 and keywords['init'] == 'image'
    assert fast() == 0
    start = keywords['init_image'].permute(1, 2, 0).numpy() * 255
    assert np.abs(start - pixels('out.png')).max() <= 1


def test_weak_start_is_a_mixture_with_the_content(traced_command, fast):
    status, keywords = traced_command('-init', 'fast', '-fast_strength', '0.25')
    assert status == 0
    assert fast() == 0
    content, start = (
        keywords[name].permute(1, 2, 0).numpy() * 255 for name in ('content_image', 'init_image')
    )
    expected = 0.75 * content + 0.25 * pixels('out.png')
    assert np.abs(content - expected).max() > 10
    assert np.abs(start - expected).max() <= 1


def test_start_in_no_style_is_refused(small_command, capsys):
    assert small_command('-init', 'fast', '-style_image', '') == 1
    error = capsys.readouterr().err
    assert "-init fast: needs a picture or a saved style in -style_image, and not ''" in error


def test_first_frame_of_a_scene_alone_starts_from_the_picture_of_fast(
    command, numbered, monkeypatch
):
    starts = []
    monkeypatch.setattr(
        run, 'head_start', lambda *given: starts.append(given) or head_start(*given)
    )
    start = '-init fast,prevWarped -fast_strength 0.5 -multiscale 2 -num_iterations 2'
    assert command(f'-content_image {numbered(3)} -output_image out_%d.png {start}') == 0
    assert len(starts) == 1 and {'out_1.png', 'out_2.png', 'out_3.png'} <= set(files())
    start = start.replace(',prevWarped', '')
    assert command(f'-content_image f1.png -output_image picture.png {start}') == 0
    assert np.array_equal(pixels('out_1.png'), pixels('picture.png'))


@pytest.mark.parametrize(('side', 'start'), [(96, 'whole'), (80, 'smaller'), (60, 'content')])
def test_start_is_painted_as_large_as_the_memory_allows(data, side, start):
    content, style = (
        scale(load(data / 'inputs' / f'{name}.jpg'), 96) for name in ('scene', 'waves')
    )
    images = InputImages(content, [style], None, None, '', {}, None)
    arguments, cpu = parse_arguments(['-init', 'fast']), torch.device('cpu')
    memory = predicted_bytes(side * 3 // 4, side)
    painted = head_start(arguments, images, None, cpu, memory)
    whole = head_start(arguments, images, None, cpu)
    expected = {'whole': whole, 'content': content}.get(start)
    if expected is None:
        assert 0.01 < (painted - whole).abs().mean() < 0.5 * (content - whole).abs().mean()
    else:
        assert torch.equal(painted, expected)


def test_negative_blend_weights_are_refused_where_a_picture_is_painted_at_once(
    data, small_command, capsys
):
    strokes = str(data / 'inputs' / 'strokes.jpg')
    blend = ('-style_image', f'{strokes},{strokes}', '-style_blend_weights', '-1,2')
    assert small_command('-init', 'fast', *blend) == 1
    assert '-style_blend_weights: painting at once takes no negative' in capsys.readouterr().err
    assert small_command(*blend, '-save_style', 's.safetensors') == 0
    assert small_command('-init', 'fast', '-style_image', 's.safetensors') == 1
    assert 'which negative blend weights do not give, or ' in capsys.readouterr().err
