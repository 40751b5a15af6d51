"""torch7/optim.py against optim.lbfgs, and what both optimisers accept."""

import logging

import numpy as np
import pytest
import torch
from objectives import NEVER, counting, quartic, replay, rosenbrock, shaped
from samples import needs_fma

from neural_style.torch7.adam import adam
from neural_style.torch7.optim import lbfgs

LOGGER = 'neural_style.torch7.optim'
BUFFERS = '<optim.lbfgs> \tcreating recyclable direction/step/history buffers'


@pytest.fixture(scope='module')
def recorded(golden):
    return np.load(golden / 'unit' / 'optim.npz')


LBFGS = {
    'rosen10_default': {'max_iter': 80, **NEVER},
    'rosen10_nc5': {'max_iter': 80, 'n_correction': 5, **NEVER},
    'quad20_default': {'max_iter': 60, **NEVER},
    'quad20_nc5': {'max_iter': 60, 'n_correction': 5, **NEVER},
    'quad20_nc1': {'max_iter': 60, 'n_correction': 1, **NEVER},
    'quad20_3d': {'max_iter': 20, **NEVER},
    'quad20_maxiter1': {'max_iter': 1, **NEVER},
    'quad20_maxiter0': {'max_iter': 0, **NEVER},
    'quad20_deftol': {'max_iter': 60},
}


@pytest.fixture(params=['loops', 'blocks'])
def history(request, monkeypatch):
    """Short vectors keep their history in Torch7's order of operations, long ones as matrices."""
    if request.param == 'blocks':
        monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)


@needs_fma
@pytest.mark.usefixtures('history')
@pytest.mark.parametrize('name', LBFGS)
def test_lbfgs_in_double_follows_the_recordings(recorded, name):
    points, losses, expected, expected_losses, x = replay(
        recorded, f'lbfgs_{name}_double', lambda f, x: lbfgs(f, x, **LBFGS[name])
    )
    assert len(points) == len(expected)
    assert torch.equal(points[:2], expected[:2])  # no inner product has counted yet
    # BLAS libraries sum inner products in different orders: 1e-16 an iteration on the convex
    # function. Rosenbrock's is chaotic: that grows to 2e-4 in 80 iterations, so its first 13.
    early = slice(13) if 'rosen' in name else slice(None)
    assert torch.allclose(points[early], expected[early], rtol=0, atol=1e-13)
    np.testing.assert_allclose(losses[early], expected_losses[early], rtol=1e-9, atol=1e-20)
    if 'quad' in name:
        final = torch.from_numpy(recorded[f'lbfgs_{name}_double__xfinal'])
        assert torch.allclose(x, final, rtol=0, atol=1e-14)


@pytest.mark.usefixtures('history')
@pytest.mark.parametrize('name', LBFGS)
def test_lbfgs_in_float_follows_the_recordings(recorded, name):
    points, _, expected, _, x = replay(
        recorded, f'lbfgs_{name}_float', lambda f, x: lbfgs(f, x, **LBFGS[name])
    )
    assert len(points) == len(expected)
    assert torch.equal(points[:2], expected[:2])  # no inner product has counted yet
    # As above with 6e-8 an iteration, on coordinates up to 3.
    early = slice(13) if 'rosen' in name else slice(None)
    assert torch.allclose(points[early], expected[early], rtol=0, atol=2e-5)
    if 'quad' in name:
        final = torch.from_numpy(recorded[f'lbfgs_{name}_float__xfinal'])
        assert torch.allclose(x, final, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    'max_iter, evaluations, last',
    [
        (1, 1, 'reached max number of iterations'),
        (5, 5, 'reached max number of iterations'),
        (4.5, 6, 'max nb of function evals'),
        (0.5, 2, 'max nb of function evals'),
        (0, 1, None),
        (-3, 1, None),
        (float('nan'), 1, None),
    ],
)
def test_lbfgs_counts_iterations_as_lua_does(caplog, max_iter, evaluations, last):
    feval, points = counting()
    with caplog.at_level(logging.INFO, LOGGER):
        _, losses = lbfgs(feval, torch.ones(6), max_iter=max_iter, verbose=True, **NEVER)
    assert len(points) == len(losses) == evaluations
    expected = [BUFFERS] if last is None else [BUFFERS, f'<optim.lbfgs> \t{last}']
    assert caplog.messages == expected


def test_lbfgs_stops_at_max_eval(caplog):
    feval, points = counting()
    with caplog.at_level(logging.INFO, LOGGER):
        lbfgs(feval, torch.ones(6), max_iter=9, max_eval=4, verbose=True, **NEVER)
    assert len(points) == 4
    assert caplog.messages[-1] == '<optim.lbfgs> \tmax nb of function evals'


@pytest.mark.parametrize(
    'options, last',
    [
        ({'tol_fun': 1e-3, 'tol_x': -1}, 'optimality condition below tolFun'),
        ({'tol_fun': -1, 'tol_x': 1e-3}, 'function value changing less than tolX'),
        ({'tol_fun': -1, 'tol_x': 1e-3, 'learning_rate': 1e-5}, 'step size below tolX'),
    ],
)
def test_lbfgs_stops_at_a_tolerance(caplog, options, last):
    with caplog.at_level(logging.INFO, LOGGER):
        lbfgs(quartic, torch.ones(6), max_iter=99, verbose=True, **options)
    assert caplog.messages == [BUFFERS, f'<optim.lbfgs> \t{last}']


def test_lbfgs_stops_at_an_optimal_start(caplog):
    x = torch.zeros(6)
    with caplog.at_level(logging.INFO, LOGGER):
        _, losses = lbfgs(quartic, x, verbose=True)
    assert losses == [0] and not x.any()
    assert caplog.messages == ['<optim.lbfgs> \toptimality condition below tolFun']


def test_lbfgs_stops_silently_without_descent(caplog):
    def uphill_gradient(x):
        return 0.0, torch.zeros_like(x)

    with caplog.at_level(logging.INFO, LOGGER):
        _, losses = lbfgs(uphill_gradient, torch.ones(3), tol_fun=-1, tol_x=1e-9, verbose=True)
        # gradient . direction = 0 is not above 1, the test of a negative tolerance
        _, more = lbfgs(uphill_gradient, torch.ones(3), max_iter=4, verbose=True, **NEVER)
    assert (len(losses), len(more)) == (1, 4)
    assert caplog.messages[:2] == [BUFFERS, BUFFERS]


def test_lbfgs_is_silent_unless_verbose(caplog):
    with caplog.at_level(logging.DEBUG, LOGGER):
        lbfgs(quartic, torch.ones(6), max_iter=3)
    assert not caplog.messages


def test_lbfgs_continues_through_nan():
    feval, points = counting(lambda x: (float('nan'), torch.full_like(x, float('nan'))))
    lbfgs(feval, torch.ones(3), max_iter=5, **NEVER)
    assert len(points) == 5


def optimise_lbfgs(feval, x):
    return lbfgs(feval, x, max_iter=8, n_correction=3, **NEVER)[0]


def optimise_adam(feval, x):
    state = {}
    for _ in range(8):
        returned, _ = adam(feval, x, state, learning_rate=0.1)
    return returned


@pytest.mark.parametrize('optimise', [optimise_lbfgs, optimise_adam])
def test_optimiser_takes_any_shape_in_place(optimise):
    start = torch.linspace(-2, 3, 24, dtype=torch.float64)
    flat = start.clone()
    assert optimise(quartic, flat) is flat
    assert not torch.equal(flat, start)
    block = start.clone().view(2, 3, 4)
    optimise(shaped(quartic), block)
    assert torch.equal(block.view(-1), flat)
    strided = start.clone().view(4, 6).t().contiguous().t()
    optimise(shaped(quartic), strided)
    assert torch.equal(strided.reshape(-1), flat)


@pytest.mark.parametrize('optimise', [optimise_lbfgs, optimise_adam])
def test_optimiser_accepts_a_leaf_tensor_and_autograd(optimise):
    def by_autograd(x):
        loss = (x**2).sum()
        (gradient,) = torch.autograd.grad(loss, x)
        return loss.detach(), gradient

    leaf = torch.ones(5, requires_grad=True)
    optimise(by_autograd, leaf)
    plain = torch.ones(5)
    optimise(lambda x: ((x**2).sum(), 2 * x), plain)
    assert torch.equal(leaf.detach(), plain)


@pytest.mark.parametrize('optimise', [optimise_lbfgs, optimise_adam])
def test_optimiser_accepts_a_reused_gradient_buffer(optimise):
    buffer = torch.empty(6)

    def feval(x):
        loss, gradient = quartic(x)
        return loss, buffer.copy_(gradient)

    reused, fresh = torch.ones(6), torch.ones(6)
    assert torch.equal(optimise(feval, reused), optimise(quartic, fresh))


def test_lbfgs_keeps_tensor_losses():
    losses = lbfgs(lambda x: ((x**2).sum(), 2 * x), torch.ones(4), max_iter=3, **NEVER)[1]
    assert all(isinstance(loss, torch.Tensor) and loss.dim() == 0 for loss in losses)


def test_lbfgs_compares_no_losses_with_a_negative_tolerance():
    class Untouchable:
        def __sub__(self, other):
            raise AssertionError('the losses were compared')

    _, losses = lbfgs(lambda x: (Untouchable(), 2 * x), torch.ones(4), max_iter=4, **NEVER)
    assert len(losses) == 4


@pytest.mark.usefixtures('history')
def test_lbfgs_max_step_limits_every_step():
    # a saddle: the first pairs curve down and are not kept
    feval, visited = counting(lambda x: ((x**2 - 1).square().sum(), 4 * x * (x**2 - 1)))
    lbfgs(feval, torch.full((50,), 1e-3), max_iter=40, max_step=0.05, **NEVER)
    moves = torch.stack(visited).diff(dim=0)
    steps = moves.square().mean(1).sqrt().tolist()
    assert max(steps) <= 0.05 * (1 + 1e-5)
    assert steps[0] == pytest.approx(0.05, rel=1e-3)
    assert torch.allclose(visited[-1], torch.ones(50), atol=1e-3)


@pytest.mark.usefixtures('history')
def test_first_step_of_a_good_start_is_short_where_steps_are_limited():
    feval, visited = counting(lambda x: (3 * (x - 1).square().sum(), 6 * (x - 1)))
    lbfgs(feval, torch.full((50,), 0.98), max_iter=3, max_step=5, **NEVER)
    assert torch.allclose(visited[1], torch.full((50,), 0.99), atol=1e-5)  # half the way


def leaping(number):
    """Return a feval of |x - 1|² that throws the loss up in one evaluation, and its points."""
    visited = []

    def feval(x):
        visited.append(x.clone())
        factor = 1e6 if len(visited) == number else 1
        return (x - 1).square().sum() * factor + 1e-3, 2 * (x - 1) * factor

    return feval, visited


@pytest.mark.usefixtures('history')
def test_leap_is_undone_where_steps_are_limited():
    feval, visited = leaping(4)
    _, losses = lbfgs(feval, torch.zeros(50), max_iter=30, max_step=0.04, **NEVER)
    assert losses[3] > 1e4 * losses[2]
    assert torch.allclose(visited[4] - visited[2], torch.full((50,), 0.01), atol=1e-4)
    assert torch.allclose(visited[5] - visited[4], torch.full((50,), 0.02), atol=1e-4)
    assert torch.allclose(visited[-1], torch.ones(50), atol=1e-3)


class Stop(Exception):
    pass


@pytest.mark.usefixtures('history')
@pytest.mark.parametrize('name', ['rosen10_nc5', 'quad20_deftol'])
@pytest.mark.parametrize('after', [0, 1, 2, 9])
@pytest.mark.parametrize('max_step', [0, 0.1])
def test_lbfgs_resumes_from_its_state_bit_for_bit(name, after, max_step):
    function = rosenbrock if 'rosen' in name else quartic
    start = torch.linspace(-1, 2, 20, dtype=torch.float64)

    def run(x, state, stop=None):
        points = []

        def feval(x):
            if len(points) == stop:
                raise Stop
            points.append(x.clone())
            return function(x)

        try:
            lbfgs(feval, x, state, max_step=max_step, **LBFGS[name])
        except Stop:
            pass
        return points

    want = run(start.clone(), {})
    x, state = start.clone(), {}
    got = run(x, state, after) + run(x, state)
    assert len(got) == len(want) > 10
    assert all(map(torch.equal, got, want))
