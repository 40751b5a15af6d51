"""What is predicted, and what of it comes true."""

import math
import re
import sys

import pytest
from planned_runs import MODEL, idle_mebibytes, run
from samples import loss_network, mini_vgg19

import loadcaffe
from neural_style.planning.planner import choose_plan
from neural_style.planning.prediction import predict
from neural_style.planning.workload import Workload


@pytest.mark.usefixtures('used_memory')
@pytest.mark.parametrize(('images', 'sign'), [('released_bytes', -1), ('coming_bytes', 1)])
def test_released_images_are_not_counted_for_evaluations_and_those_to_come_are(
    network, images, sign
):
    size = (3072, 4096)
    plans = [
        choose_plan(network, size, [size], vectors=0, memory='1000G', **{images: number})
        for number in (0, 200 << 20)
    ]
    assert plans[1].peak - plans[0].peak == sign * (200 << 20)


@pytest.mark.usefixtures('used_memory')
def test_image_computed_from_what_is_optimised_is_counted(network):
    size = (3072, 4096)
    plans = [
        choose_plan(network, size, [size], vectors=0, memory='1000G', reparametrized=made)
        for made in (False, True)
    ]
    assert plans[1].peak - plans[0].peak == 3 * 4 * math.prod(size)


@pytest.mark.usefixtures('used_memory')
def test_padding_adds_the_extended_image_and_no_features():
    size, extended = (1024, 2048), (1026, 2050)
    peaks = []
    for padding in ('zero', 'replicate'):
        net = loss_network(mini_vgg19(), padding=padding)
        peaks.append(predict(Workload(net, size, (), vectors=0, used=0), None))
    added = peaks[1] - peaks[0]
    assert added == pytest.approx(12 * math.prod(extended), rel=0.02)


@pytest.mark.skipif(sys.platform != 'linux', reason='measures with what Linux counts')
@pytest.mark.parametrize('tiled', [False, True])
@pytest.mark.slow
def test_predicted_peak_is_near_the_measured_one(tmp_path, tiled):
    size, memory = ('640', f'{idle_mebibytes() + 330}M') if tiled else ('320', '8G')
    done = run(
        *('-image_size', size, '-optimizer', 'adam', '-num_iterations', '2', '-memory', memory),
        *('-init', 'image', '-print_iter', '0', '-output_image', tmp_path / 'out.png'),
    )
    assert done.returncode == 0, done.stderr
    assert ('tiles' in done.stderr) == tiled
    match = re.search(r'predicted peak ([\d.]+)([GM])', done.stderr)
    predicted = float(match[1]) * (2**30 if match[2] == 'G' else 2**20)
    assert predicted == pytest.approx(int(done.stderr.split()[-1]), rel=0.15)


@pytest.mark.usefixtures('used_memory')
def test_memory_of_style_statistics_is_counted(network):
    cnn = loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel')
    others = loss_network(cnn, style_statistic='wasserstein,histogram')
    layers = 64, 128, 256, 512, 512
    held = sum(others.style_losses[0].held_bytes(channels) for channels in layers)
    size = (384, 512)
    peaks = [
        choose_plan(net, size, [size], vectors=0, memory='1000G').peak for net in (network, others)
    ]
    workspace = others.style_losses[0].workspace_bytes(512)
    assert held > 30 << 20
    assert held <= peaks[1] - peaks[0] <= held + 1.5 * workspace
