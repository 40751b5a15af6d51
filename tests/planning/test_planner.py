"""Which plan is chosen, and how a run keeps to it."""

import math
import re
import sys

import pytest
import torch
from planned_runs import INPUTS, MODEL, run
from samples import loss_network
from torch import nn

import loadcaffe
from loadcaffe.graph import Graph
from neural_style import stylize
from neural_style.memory import heap
from neural_style.memory.allocator import large_empty
from neural_style.planning.planner import Plan, choose_plan
from neural_style.tiling.stages import Stage, Tiling
from neural_style.torch7 import image
from neural_style.transfer.session import Session


def test_image_that_fits_is_not_tiled(network):
    plan = choose_plan(network, (384, 512), [(384, 512)], vectors=0, memory='1000G')
    assert plan.is_default


@pytest.mark.parametrize('size', [(768, 1024), (3072, 4096), (6144, 8192)])
@pytest.mark.usefixtures('used_memory')
def test_less_memory_means_tiles_within_it(network, size):
    untiled = choose_plan(network, size, [size], vectors=0, memory='1000G')
    plan = choose_plan(network, size, [size], vectors=0, memory=str(int(untiled.peak * 0.7)))
    assert plan.tiling is not None
    assert plan.peak <= 0.96 * (untiled.peak * 0.7), 'a run may take a little more'


@pytest.mark.usefixtures('used_memory')
def test_history_is_rounded_only_where_tiles_do_not_suffice(network):
    size = (1536, 2048)
    tiled = choose_plan(network, size, [size], vectors=200, memory='8500M')
    assert tiled.tiling is not None and tiled.history is None
    rounded = choose_plan(network, size, [size], vectors=200, memory='6G')
    assert rounded.history == torch.bfloat16
    assert 'history of 200 vectors in bfloat16' in rounded.text


@pytest.mark.slow
def test_image_that_cannot_fit_is_refused_with_the_size_that_would(network, monkeypatch):
    def used(size):  # the images among it
        monkeypatch.setattr(
            'neural_style.planning.planner.used_memory',
            lambda _: (300 << 20) + 48 * math.prod(size),
        )
        return size

    size = used((6144, 8192))
    with pytest.raises(ValueError, match='`memory` 3G: an image of 8192 x 6144') as error:
        choose_plan(network, size, [size], vectors=0, memory='3G')
    fitting = int(re.search(r'`image_size` (\d+) would fit', str(error.value))[1])
    small = used((fitting * 3 // 4, fitting))
    assert fitting > 2048
    assert choose_plan(network, small, [small], vectors=0, memory='3G').peak <= 3 << 30


def test_network_with_branches_is_refused_only_where_it_needs_tiles():
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
    names = ['a', 'b', 'c']
    cnn = Graph(list(zip(names, layers, strict=True)), [[(-1, 0)], [(0, 0)], [(1, 0)]])
    branched = loss_network(cnn, content_layers=['c'], style_layers=['a'])
    size = (512, 512)
    assert choose_plan(branched, size, [size], vectors=0, memory='100G').is_default
    with pytest.raises(ValueError, match='with branches runs whole'):
        choose_plan(branched, size, [size], vectors=0, memory='50M')


@pytest.mark.skipif(sys.platform != 'linux', reason='measures with what Linux counts')
def test_memory_that_an_earlier_image_left_free_is_not_in_use(network):
    heap.configure_malloc()
    before = choose_plan(network, (384, 512), [], vectors=0, memory='1000G').peak
    last = torch.ones(1 << 16) if (large := torch.ones(100 << 20)).any() else large
    del large  # below what stays, the heap keeps its 400 MB
    assert choose_plan(network, (384, 512), [], vectors=0, memory='1000G').peak < before + 2**26
    assert last.all()


@pytest.mark.slow
@pytest.mark.usefixtures('used_memory')
def test_where_no_size_fits_the_least_memory_is_named(network):
    size = (96, 128)
    with pytest.raises(ValueError, match='no size would fit in less than') as error:
        choose_plan(network, size, [size], vectors=6, memory='300M')
    least = re.search(r'in less than (\d+M)$', str(error.value))[1]
    assert choose_plan(network, (12, 16), [(12, 16)], vectors=6, memory=least).peak < 400 << 20


def test_tiled_run_paints_the_same_image(monkeypatch):
    # so that tiles are worth while for a small picture
    monkeypatch.setattr('neural_style.planning.tilings.TILE_TENSOR_BYTES', 1 << 20)
    monkeypatch.setattr('neural_style.planning.prediction.OVERHEAD', 0)
    monkeypatch.setattr('neural_style.planning.prediction.MAX_TILE_OVERHEAD', 0)
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 0)
    cnn = loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel')
    content, style = (
        image.scale(image.load(INPUTS / f'{n}.jpg'), 192) for n in ('harbour', 'swirls')
    )
    pictures, plans = [], []
    for share in (None, 0.7):
        memory = '' if share is None else str(int(plans[0].peak * share))
        pictures.append(
            stylize(
                cnn,
                content,
                [style],
                num_iterations=3,
                init='image',
                optimizer='adam',
                memory=memory,
                session=Session(on_plan=plans.append),
            )
        )
    assert [plan.is_default for plan in plans] == [True, False]
    # float32: single positions of Adam's first steps may go the other way where a gradient is 0
    difference = (pictures[0] - pictures[1]).abs()
    assert float(difference.mean()) < 1e-4


@pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is for Linux')
def test_plan_in_tiles_releases_memory_that_would_exceed_it():
    heap.release_free_memory()
    tensor = large_empty((256 << 20,), torch.uint8, torch.device('cpu')).fill_(1)
    del tensor
    before, limit = heap.resident_bytes(), heap.resident_bytes() + (40 << 20)
    plan = Plan(Tiling((Stage(0, 1),), limit), None, False, limit, '', False)
    plan.reserve(30 << 20)
    assert abs(heap.resident_bytes() - before) < 16 << 20, 'below the limit'
    plan.reserve(100 << 20)
    excess = (60 << 20) + 0.02 * limit
    assert before - heap.resident_bytes() == pytest.approx(excess, abs=16 << 20)


def test_memory_is_reserved_for_what_is_kept_and_saved(command, monkeypatch):
    sizes = []
    monkeypatch.setattr(Plan, 'reserve', lambda plan, size: sizes.append(size))
    assert command('-num_iterations 3 -save_iter 2 -optimizer adam') == 0
    pixels = 48 * 36
    vector, saved = 3 * 4 * pixels, 78 * pixels
    # the optimiser's two vectors and a picture to go back to; the last image; the pictures
    assert sizes == [3 * vector, 0, saved, vector, saved, saved]


def test_dry_run_prints_the_plan_alone(tmp_path):
    out = tmp_path / 'out.png'
    done = run('-image_size', '512', '-dry_run', '-memory', '8G', '-output_image', out)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r'512 x 384 pixels, whole, L-BFGS history of 202 vectors in float32; predicted peak .*\n',
        done.stdout,
    )
    assert not out.exists()


@pytest.mark.slow
def test_insufficient_memory_is_refused_at_start(tmp_path):
    done = run(
        *('-image_size', '256', '-memory', '100M', '-optimizer', 'adam'),
        *('-output_image', tmp_path / 'out.png'),
    )
    assert done.returncode == 1
    assert 'neural_style: -memory 100M: an image of 256 x 192 pixels needs' in done.stderr
    assert 'Traceback' not in done.stderr
