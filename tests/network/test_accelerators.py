"""Runs on accelerators, on machines without one: every tensor is where it has to be."""

import pytest
import torch
from fake_device import accelerators
from samples import loss_network, mini_vgg19, network_with_dropout

from neural_style import evaluate, stylize
from neural_style.tiling.stages import Stage, Tiling
from neural_style.torch7.optim import lbfgs
from neural_style.torch7.random import Generator
from neural_style.transfer.checkpoint import Checkpoint, flatten, unflatten
from neural_style.transfer.divergence import DivergenceMonitor
from neural_style.transfer.session import Session


@pytest.fixture
def waits():
    with accelerators() as waits:
        yield waits


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Nobody knows how fast low precision is there, or how much memory it has."""
    monkeypatch.setattr('neural_style.kernels.precision.why_not', lambda *args: '')
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (1 << 30, 1 << 30))


def picture(seed, height=32, width=40):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator, dtype=torch.float64)


def run(cnn=mini_vgg19, session=None, **settings):
    """The losses of a run's evaluations, and its picture."""
    recorded, generator = [], Generator()
    generator.manual_seed(1)
    result = stylize(
        cnn(),
        picture(1),
        [picture(2, 24, 24)],
        callback=lambda iterate: recorded.append(float(iterate.loss)),
        session=Session(generator=generator, exact=False, **(session or {})),
        **{'seed': 7, 'noise_scale': 50, 'num_iterations': 4} | settings,
    )
    return torch.tensor(recorded), result


RUNS = {
    'lbfgs': {},
    'lbfgs, short steps': {'lbfgs_max_step': 2, 'lbfgs_num_correction': 2},
    'adam': {'optimizer': 'adam', 'normalize_gradients': True, 'pooling': 'avg'},
    'bf16': {'precision': 'bf16'},
    'fp16': {'precision': 'fp16', 'optimizer': 'adam'},
    'dropout': {'cnn': network_with_dropout, 'style_layers': 'relu1_1', 'optimizer': 'adam'},
    'statistics': {'style_statistic': 'wasserstein,histogram', 'lbfgs_max_step': 2},
    'moments on paper': {
        'style_statistic': 'mean_std,covariance',
        'paper_mask': 'auto',
        'lbfgs_max_step': 2,
    },
    'grey on paper': {'luminance_only': 1, 'paper_mask': 'auto'},
    'frequencies': {'fourier_decay': 0.5, 'losses': 'paper', 'optimizer': 'adam'},
}


def test_fake_accelerator_refuses_what_a_real_one_refuses(waits):
    x = torch.ones(2, 3, device='cuda:0')
    with pytest.raises(RuntimeError, match='aten::add of tensors on'):
        x + torch.ones(3)
    with pytest.raises(RuntimeError, match='aten::mm of tensors on'):
        x @ torch.ones(3, 2, device='cuda:1')
    with pytest.raises(TypeError, match='no float64'):
        torch.ones(3).to('mps').double()
    assert (2 * x.cpu() + torch.ones(3)).sum() == 18
    assert waits == ['to']


# One device shows what both share; the other makes sure of it.
BOTH = ['cuda:0', pytest.param('mps:0', marks=pytest.mark.slow)]


@pytest.mark.parametrize('device', BOTH)
@pytest.mark.parametrize('name', RUNS)
def test_run_matches_the_run_on_the_cpu(name, device, waits):
    losses, result = run(**RUNS[name], devices=[device])
    want_losses, want = run(**RUNS[name])
    torch.testing.assert_close(losses[0], want_losses[0], rtol=1e-5, atol=0)
    # sums of another order: steps of L-BFGS part
    torch.testing.assert_close(losses, want_losses, rtol=0.05, atol=0)
    assert (result - want).abs().mean() < 0.02


@pytest.mark.parametrize('name', ['lbfgs', 'adam', 'bf16'])
def test_network_cut_across_devices_gives_equal_results(name, waits):
    devices, cuts = ['cuda:1', 'cuda:0', 'cuda:2'], '4,20'
    losses, result = run(**RUNS[name], devices=devices, multigpu_strategy=cuts)
    want_losses, want = run(**RUNS[name], devices=['cuda:0'])
    assert torch.equal(losses, want_losses)
    assert torch.equal(result, want)


@pytest.mark.parametrize(
    ('recompute', 'precision', 'device'),
    [
        ('everything', 'bf16', 'cuda:0'),
        ('nothing', 'fp32', 'cuda:0'),
        ('loss features', 'bf16', 'cuda:0'),
        ('loss features', 'fp32', 'mps:0'),
    ],
)
def test_tiles_match_the_whole_image(recompute, precision, device, waits, monkeypatch):
    monkeypatch.setattr('neural_style.network.loss_network.EXACT', 0)
    net = loss_network(
        mini_vgg19(), devices=[device], precision=precision, normalize_gradients=True
    )
    image, other = ((picture(k) * 255 - 128).float().to(device) for k in (1, 2))
    net.capture_content(other)
    net.capture_style(image.flip(1), 1.0)
    want_loss, want = evaluate(net, image)
    last = len(net.chunks[0])
    net.tiling = Tiling((Stage(0, 6, 16, recompute), Stage(6, last, 8, recompute)))
    loss, gradient = evaluate(net, image)
    assert gradient.device == image.device
    tolerance = 1e-5 if precision == 'fp32' else 3e-2
    assert float(loss) == pytest.approx(float(want_loss), rel=tolerance)
    assert (gradient - want).cpu().norm() < 10 * tolerance * want.cpu().norm()


@pytest.mark.parametrize(
    ('long', 'optimizer', 'device'),
    [
        *((False, 'lbfgs', 'cuda:0'), (True, 'lbfgs', 'cuda:0'), (True, 'lbfgs', 'mps:0')),
        *((True, 'adam', 'cuda:0'), (True, 'adam', 'mps:0')),
    ],
)
def test_checkpoint_resumes_on_any_device(long, optimizer, device, waits, monkeypatch):
    if long:
        monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
    states = []

    def keep(checkpoint):
        if checkpoint.iteration == 2:
            tensors, structure = flatten(checkpoint.state())
            states.append(({name: t.cpu().clone() for name, t in tensors.items()}, structure))

    settings = {'optimizer': optimizer, 'num_iterations': 4}
    losses, want = run(**settings, devices=[device], session={'on_evaluation_start': keep})
    ((tensors, structure),) = states
    for target_device in (device, device[:-1] + '3', 'cpu'):
        tolerance = 1e-3 * (target_device == 'cpu')
        state = unflatten({name: t.clone() for name, t in tensors.items()}, structure)
        session = {'resume_from': Checkpoint.from_state(state)}
        resumed, result = run(**settings, devices=[target_device], session=session)
        torch.testing.assert_close(resumed, losses[2:], rtol=tolerance, atol=0)
        assert (result - want).abs().max() <= 10 * tolerance


@pytest.mark.parametrize(('optimizer', 'wait_count'), [('adam', 0), ('lbfgs', 2)])
@pytest.mark.parametrize('normalize', [False, True])
def test_evaluation_synchronizes_no_more_than_it_must(
    optimizer, wait_count, normalize, waits, monkeypatch
):
    monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
    watch, recorded = DivergenceMonitor(), []

    def callback(iterate):
        watch(iterate)
        recorded.append(len(waits))

    stylize(
        mini_vgg19(),
        picture(1),
        [picture(2, 24, 24)],
        devices=['cuda:0'],
        num_iterations=9,
        noise_scale=50,
        optimizer=optimizer,
        normalize_gradients=normalize,
        callback=callback,
    )
    assert recorded[-1] - recorded[1] == wait_count * (len(recorded) - 2)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_history_may_stay_in_host_memory(dtype, waits, monkeypatch):
    monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
    recorded = []
    for target_device in (None, 'cpu'):
        x = torch.full((3, 4, 5), 2.0, device='cuda:0')
        weight = torch.linspace(1, 9, 60).view(3, 4, 5).to('cuda:0')

        def feval(x, weight=weight):
            return (weight * (x - 1).square()).sum(), 2 * weight * (x - 1)

        _, losses = lbfgs(feval, x, max_iter=8, history_device=target_device, history_dtype=dtype)
        recorded.append(torch.tensor([float(loss) for loss in losses]))
        assert x.device == torch.device('cuda:0')
    on_device, on_host = recorded
    assert on_device[-1] < 0.1 * on_device[0]
    torch.testing.assert_close(on_host, on_device, rtol=1e-4, atol=1e-5)
