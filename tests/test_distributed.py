"""Several processes share a run: they compute what one does, and end when one of them dies."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from samples import DATA, ROOT, loss_network
from shared_work import CASES, MODEL, evaluated, minimised, noise, work

import loadcaffe
from neural_style.distributed import SINGLE_PROCESS, World, launch
from neural_style.torch7 import image


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 4])
def test_several_processes_compute_what_one_computes(tmp_path, forked, count):
    assert forked([launch, [work, str(tmp_path)], count]).wait(100) == 0
    results = [torch.load(path) for path in sorted(tmp_path.iterdir())]
    assert len(results) == count
    for number, case in enumerate(CASES):
        total, gradient, _ = evaluated(SINGLE_PROCESS, *case)
        for evaluations, _ in results:
            loss, shared_gradient, shared = evaluations[number]
            assert shared
            assert float(loss) == pytest.approx(float(total), rel=1e-12)
            assert (shared_gradient - gradient).norm() <= 1e-12 * gradient.norm()
    alone = minimised(SINGLE_PROCESS)
    for _, (point, highest, broadcast) in results:
        assert torch.equal(point, results[0][1][0])
        # the sums are taken in another order
        assert (point - alone).norm() <= 1e-6 * noise(30, 700, 5).norm()
        assert (highest, broadcast) == (count - 1, 'of 0')


def test_network_that_cannot_be_cut_into_strips_is_refused():
    cnn = loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel')
    layers = [*list(cnn.children())[:4], torch.nn.Dropout(0.5), *list(cnn.children())[4:8]]
    with pytest.raises(ValueError, match='several processes: '):
        loss_network(
            torch.nn.Sequential(*layers),
            content_layers=['7'],
            style_layers=['1'],
            world=World(0, 2),
        )


FLAGS = [
    *('-content_image', str(DATA / 'inputs' / 'scene.jpg'), '-image_size', '200', '-seed', '1'),
    *('-style_image', str(DATA / 'inputs' / 'strokes.jpg'), '-init', 'image'),
    *('-proto_file', f'{MODEL}.prototxt', '-model_file', f'{MODEL}.caffemodel'),
]


@pytest.fixture
def command(forked, tmp_path):
    """Start the command in an empty folder."""

    def start(*flags, gpu='-1,-1'):
        parallel = ['-parallel', 'tiles'] if ',' in gpu else []
        arguments = [sys.executable, ROOT / 'neural_style.py', *FLAGS, '-gpu', gpu, *parallel]
        return forked([*arguments, *flags], cwd=tmp_path)

    return start


def losses(out):
    return [float(number) for number in re.findall(r'loss: (\S+)', out)]


STYLES = ','.join(str(DATA / 'inputs' / f'{name}.jpg') for name in ('strokes', 'waves'))
CONTROL = ('-style_image', STYLES, '-style_image_layers', 'all,relu3_1+relu4_1')
CONTROL += ('-style_scale', '1,0.5', '-color', 'match')
PICTURE = str(ROOT / 'examples' / 'inputs' / 'harbour_regions.png')
REGIONS = ('-style_image', STYLES, '-content_regions', PICTURE, '-region_weights', '1,0.5,0')


@pytest.mark.slow
@pytest.mark.parametrize('control', [(), CONTROL, REGIONS])
def test_several_processes_print_what_one_prints(tmp_path, command, control):
    flags = (*control, '-num_iterations', '4', '-print_iter', '1')
    printed = []
    for gpu in ('-1', '-1,-1'):
        process = command(*flags, '-output_image', f'{gpu}.png', gpu=gpu)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert re.fullmatch(
            r'(neural_style: -content_regions .*\n)?neural_style: the picture is in .*\n', err
        )
        printed.append(out)
    assert re.sub(r'loss: .*', '', printed[0]) == re.sub(r'loss: .*', '', printed[1])
    assert losses(printed[0])[:7] == pytest.approx(losses(printed[1])[:7], rel=2e-5)
    # L-BFGS magnifies differences in the last digits, to 0.6 % of a loss in the sixth evaluation
    assert losses(printed[0])[-7:] == pytest.approx(losses(printed[1])[-7:], rel=5e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['-1,-1.png', '-1.png']


@pytest.mark.slow
def test_processes_plan_their_memory_alike(tmp_path, command):
    flags = ('-num_iterations', '2', '-print_iter', '1', '-optimizer', 'adam')
    inputs = ROOT / 'examples' / 'inputs'
    model = ROOT / 'neural_style' / 'models' / 'small_vgg16'
    flags += ('-content_image', str(inputs / 'harbour.jpg'), '-image_size', '448')
    flags += ('-proto_file', f'{model}.prototxt', '-model_file', f'{model}.caffemodel')
    process = command(*flags, '-dry_run')
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, '')
    plan = re.fullmatch(
        r'448 x 336 pixels, shared by 2 processes, in strips; predicted peak (\d+)M each\n', out
    )
    printed = []
    for memory in ('', f'{int(plan[1]) - 12}M'):
        process = command(*flags, *(('-memory', memory) if memory else ()))
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        *lines, location = err.splitlines()
        assert location.startswith('neural_style: the picture is in ')
        assert len(lines) == (memory != '')
        assert not memory or re.search('shared by 2 processes, .* in tiles of .* each$', lines[0])
        printed.append(losses(out))
    assert printed[1][:7] == pytest.approx(printed[0][:7], rel=2e-5)
    assert printed[1] == pytest.approx(printed[0], rel=1e-2)


def is_only_the_picture(err):
    """Tell whether a run says where its picture is, and besides which flags are idle, if any."""
    *remarks, picture = err.splitlines()
    is_idle = all('has no effect with -resume' in remark for remark in remarks)
    return is_idle and picture.startswith('neural_style: the picture is in ')


def children_of(pid):
    """List the children of a process, on Linux."""
    children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    return [int(child) for child in children]


@pytest.mark.skipif(not Path('/proc/self/task').exists(), reason='needs /proc of Linux')
@pytest.mark.slow
def test_death_of_a_process_ends_the_run_and_resume_continues_it(tmp_path, command):
    endless = ('-num_iterations', '100000', '-checkpoint', 'run', '-checkpoint_iter', '1')
    process = command(*endless)
    deadline = time.monotonic() + 100
    while not all((tmp_path / f'run.{k}of2').exists() for k in (1, 2)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert 'another process of this run has ended' in err and 'Traceback' not in err
    assert '-resume run' in err
    done = int(re.search(rb'"iteration\\": (\d+)', (tmp_path / 'run.1of2').read_bytes())[1])
    process = command('-resume', 'run', '-num_iterations', str(done + 3))
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0
    assert is_only_the_picture(err)
    assert (tmp_path / 'out.png').exists()


@pytest.mark.slow
def test_resumed_processes_paint_the_uninterrupted_picture(tmp_path, command):
    runs = [
        ('-num_iterations', '5', '-checkpoint', 'run', '-checkpoint_iter', '4'),
        ('-resume', 'run', '-num_iterations', '9', '-output_image', 'resumed.png'),
        ('-num_iterations', '9', '-output_image', 'uninterrupted.png'),
    ]
    for flags in runs:
        _, err = (process := command(*flags)).communicate(timeout=100)
        assert process.returncode == 0
        assert is_only_the_picture(err)
    resumed, expected = (
        image.load(tmp_path / f'{name}.png') for name in ('resumed', 'uninterrupted')
    )
    assert torch.equal(resumed, expected)


LEAVING = """
from pathlib import Path
from neural_style.distributed import destroy_world, init_world
world = init_world()
import torch
torch.optim.Adam([torch.ones(1)])  # it loads what is loaded late, torch.distributed.nn among it
assert world.max(world.rank) == 1
destroy_world(world)
names = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]
assert not any('gloo' in name for name in names), names
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc/self/task').exists(), reason='lists threads in /proc')
def test_no_threads_are_left_of_a_world_that_is_left():
    assert launch([sys.executable, '-c', LEAVING], 2) == 0


@pytest.mark.skipif(os.name == 'nt', reason='needs POSIX signals')
def test_launch_gives_the_status_of_a_killed_process_as_a_shell_does():
    assert launch([sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)'], 1) == 137
