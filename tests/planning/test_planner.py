"""-memory and -dry_run: what is planned, and what of it comes true."""

import math
import os
import re
import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from samples import ROOT, loss_network
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

MODEL = ROOT / 'neural_style' / 'models' / 'small_vgg19'
INPUTS = ROOT / 'examples' / 'inputs'


@pytest.fixture(scope='module')
def network():
    cnn = loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel')
    return loss_network(cnn)


def test_an_image_that_fits_is_not_tiled(network):
    plan = choose_plan(network, (384, 512), [(384, 512)], pairs=0, memory='1000G')
    assert plan.is_default


@pytest.mark.parametrize('size', [(768, 1024), (3072, 4096), (6144, 8192)])
def test_less_memory_means_tiles_within_it(network, size, monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 300 << 20)
    whole = choose_plan(network, size, [size], pairs=0, memory='1000G')
    plan = choose_plan(network, size, [size], pairs=0, memory=str(int(whole.peak * 0.7)))
    assert plan.tiling is not None
    assert plan.peak <= 0.96 * (whole.peak * 0.7), 'something is left, for it may be a little more'


def test_winograds_kernels_are_given_up_where_they_would_not_fit(monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 300 << 20)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(4)]
    layers += [nn.Conv2d(8, 512, 3, padding=1), nn.Conv2d(512, 512, 3, padding=1), nn.ReLU()]
    cnn = nn.Sequential(OrderedDict(zip('abcde', layers, strict=True)))
    wide = loss_network(cnn, content_layers=['e'], style_layers=['e'])
    size = (768, 1024)

    def plan(memory):
        return choose_plan(wide, size, [size], pairs=0, memory=memory)

    with pytest.raises(ValueError, match='needs') as error:
        plan('10M')
    least = int(re.search(r'needs (\d+)M', str(error.value))[1])
    plans = [plan(f'{least + more}M') for more in (1, 150)]
    assert [any(stage.winograd for stage in plan.tiling.stages) for plan in plans] == [False, True]
    assert ["without Winograd's kernels" in plan.text for plan in plans] == [True, False]
    kept = 4 * (36 - 9) * 512**2
    assert plans[1].peak - plans[0].peak > kept


def test_the_history_is_rounded_only_where_tiles_do_not_do(network, monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 300 << 20)
    size = (1536, 2048)
    tiled = choose_plan(network, size, [size], pairs=100, memory='8500M')
    assert tiled.tiling is not None and tiled.history is None
    rounded = choose_plan(network, size, [size], pairs=100, memory='6G')
    assert rounded.history == torch.bfloat16
    assert 'history of 100 pairs in bfloat16' in rounded.text


def test_what_fits_in_no_way_is_refused_with_the_size_that_would(network, monkeypatch):
    def used(size):  # the images among it
        monkeypatch.setattr(
            'neural_style.planning.planner.used_memory',
            lambda _: (300 << 20) + 48 * math.prod(size),
        )
        return size

    size = used((6144, 8192))
    with pytest.raises(ValueError, match='`memory` 3G: an image of 8192 x 6144') as error:
        choose_plan(network, size, [size], pairs=0, memory='3G')
    found = int(re.search(r'`image_size` (\d+) would fit', str(error.value))[1])
    small = used((found * 3 // 4, found))
    assert found > 2048
    assert choose_plan(network, small, [small], pairs=0, memory='3G').peak <= 3 << 30


def test_a_network_with_branches_is_refused_only_where_tiles_were_needed():
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
    names = ['a', 'b', 'c']
    cnn = Graph(list(zip(names, layers, strict=True)), [[(-1, 0)], [(0, 0)], [(1, 0)]])
    branched = loss_network(cnn, content_layers=['c'], style_layers=['a'])
    size = (512, 512)
    assert choose_plan(branched, size, [size], pairs=0, memory='100G').is_default
    with pytest.raises(ValueError, match='with branches runs whole'):
        choose_plan(branched, size, [size], pairs=0, memory='50M')


@pytest.mark.skipif(sys.platform != 'linux', reason='measures with what Linux counts')
def test_what_an_earlier_picture_has_left_free_is_not_in_use(network):
    heap.configure_malloc()
    before = choose_plan(network, (384, 512), [], pairs=0, memory='1000G').peak
    last = torch.ones(1 << 16) if (large := torch.ones(100 << 20)).any() else large
    del large  # below what stays, the heap keeps its 400 MB
    assert choose_plan(network, (384, 512), [], pairs=0, memory='1000G').peak < before + 2**26
    assert last.all()


def test_tiles_of_a_run_paint_the_same_picture(monkeypatch):
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


def test_what_is_given_up_is_not_counted_for_the_evaluations(network, monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 300 << 20)
    size = (3072, 4096)
    plans = [
        choose_plan(network, size, [size], pairs=0, memory='1000G', released_bytes=released_bytes)
        for released_bytes in (0, 200 << 20)
    ]
    assert plans[0].peak - plans[1].peak == 200 << 20


def test_an_image_apart_from_what_is_optimised_is_counted(network, monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda _: 300 << 20)
    size = (3072, 4096)
    plans = [
        choose_plan(network, size, [size], pairs=0, memory='1000G', reparametrized=made)
        for made in (False, True)
    ]
    assert plans[1].peak - plans[0].peak == 3 * 4 * math.prod(size)


def base():
    """Mebibytes of a process that has done nothing yet: PyTorch for CUDA takes far more."""
    code = (
        'import neural_style.command.run\n'
        'from neural_style.memory.heap import resident_bytes\n'
        'print(resident_bytes() >> 20)'
    )
    return int(subprocess.check_output([sys.executable, '-c', code], cwd=ROOT))


def run(*flags):
    """The command on the project's pictures; returns what it did, and its peak in bytes."""
    code = (
        'import re, sys; sys.path.insert(0, "."); from neural_style.command import process\n'
        'status = process.main(sys.argv[1:])\n'
        # not ru_maxrss, which remembers the process that this one was forked from
        'if sys.platform == "linux":\n'
        '    found = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())\n'
        '    print(int(found[1]) * 1024, file=sys.stderr)\n'
        'sys.exit(status)'
    )
    pictures = ['-content_image', INPUTS / 'harbour.jpg', '-style_image', INPUTS / 'swirls.jpg']
    models = ['-proto_file', f'{MODEL}.prototxt', '-model_file', f'{MODEL}.caffemodel']
    command = [sys.executable, '-c', code, '-gpu', '-1', *pictures, *models, *flags]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(sys.platform != 'linux', reason='the allocator is for Linux')
def test_plan_in_tiles_releases_memory_that_would_be_above_it():
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


def test_room_is_made_for_what_is_kept_and_saved(command, monkeypatch):
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
        r'512 x 384 pixels, whole, L-BFGS history of 101 pairs in float32; predicted peak .*\n',
        done.stdout,
    )
    assert not out.exists()


@pytest.mark.skipif(sys.platform != 'linux', reason='measures with what Linux counts')
@pytest.mark.parametrize('tiled', [False, True])
def test_the_predicted_peak_is_near_the_measured_one(tmp_path, tiled):
    size, memory = ('640', f'{base() + 330}M') if tiled else ('320', '8G')
    done = run(
        *('-image_size', size, '-optimizer', 'adam', '-num_iterations', '2', '-memory', memory),
        *('-init', 'image', '-print_iter', '0', '-output_image', tmp_path / 'out.png'),
    )
    assert done.returncode == 0, done.stderr
    assert ('tiles' in done.stderr) == tiled
    found = re.search(r'predicted peak ([\d.]+)([GM])', done.stderr)
    predicted = float(found[1]) * (2**30 if found[2] == 'G' else 2**20)
    assert predicted == pytest.approx(int(done.stderr.split()[-1]), rel=0.15)


def test_memory_that_does_not_do_ends_the_run_at_its_start(tmp_path):
    done = run(
        *('-image_size', '256', '-memory', '100M', '-optimizer', 'adam'),
        *('-output_image', tmp_path / 'out.png'),
    )
    assert done.returncode == 1
    assert 'neural_style: -memory 100M: an image of 256 x 192 pixels needs' in done.stderr
    assert 'Traceback' not in done.stderr
