"""The plans of several scales, made before the first one is run."""

import pytest
import torch
from samples import DATA, mini_vgg19

from neural_style.command.process import main
from neural_style.transfer.multiscale import stylize_multiscale
from neural_style.transfer.session import Session

STEM = DATA / 'models' / 'mini_vgg19_conv'


@pytest.fixture
def memory_in_use(monkeypatch):
    """Set what the process seems to use, in megabytes."""

    def use(number):
        monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: number << 20)

    use(300)
    return use


def paint(evaluated, memory, **hooks):
    """Paint at two sizes; evaluated: gets the width of every image that is evaluated."""
    generator = torch.Generator().manual_seed(1)
    content, style = (
        torch.rand(3, *size, generator=generator, dtype=torch.float64)
        for size in ((384, 512), (48, 64))
    )
    stylize_multiscale(
        mini_vgg19(),
        content,
        [style],
        multiscale='1/16:2',
        num_iterations=1,
        optimizer='adam',
        memory=memory,
        callback=lambda iterate: evaluated.append(iterate.x.shape[2]),
        session=Session(**hooks),
    )


@pytest.mark.slow
@pytest.mark.usefixtures('memory_in_use')
def test_a_last_scale_that_does_not_fit_is_refused_before_the_first_is_run():
    evaluated = []
    with pytest.raises(ValueError, match='`memory` 410M: an image of 512 x 384 pixels needs'):
        paint(evaluated, '410M')
    assert not evaluated


def test_what_the_first_scale_leaves_is_no_reason_to_refuse_the_last(memory_in_use):
    evaluated = []
    paint(evaluated, '600M', on_plan=lambda plan: memory_in_use(600))
    assert evaluated == [32, 32, 512]


@pytest.mark.usefixtures('memory_in_use')
def test_every_scale_is_run_as_it_was_planned_at_the_start():
    plans, told = [], []
    paint([], '600M', on_plans=plans.extend, on_plan=told.append)
    assert told == plans and [plan.text[:9] for plan in plans] == ['32 x 24 p', '512 x 384']


@pytest.mark.usefixtures('memory_in_use')
def test_a_dry_run_shows_the_plan_of_the_last_scale(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pictures = [str(DATA / 'inputs' / name) for name in ('scene.jpg', 'strokes.jpg')]
    flags = ['-content_image', pictures[0], '-style_image', pictures[1], '-gpu', '-1']
    flags += ['-proto_file', f'{STEM}.prototxt', '-model_file', f'{STEM}.caffemodel']
    flags += ['-image_size', '64', '-multiscale', '2', '-memory', '2G', '-dry_run']
    assert main(flags) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith('64 x 48 pixels, whole') and captured.out.count('\n') == 1
    assert list(tmp_path.iterdir()) == []
