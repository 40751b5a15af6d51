"""torch7/optim.py against optim.lbfgs and optim.adam."""

import logging

import numpy as np
import pytest
import torch
from samples import needs_fma

from neural_style.torch7.adam import adam
from neural_style.torch7.compact_history import CompactHistory
from neural_style.torch7.optim import LONG_VECTOR, lbfgs

LOGGER = 'neural_style.torch7.optim'
BUFFERS = '<optim.lbfgs> \tcreating recyclable direction/step/history buffers'
NEVER = {'tol_fun': -1, 'tol_x': -1}


@pytest.fixture(scope='module')
def recorded(golden):
    return np.load(golden / 'unit' / 'optim.npz')


def rosenbrock(x):
    """The chained function. Each sum is rounded to x's precision as it is stored."""
    a = x.reshape(-1).double().tolist()
    loss, gradient = 0.0, torch.zeros(x.numel(), dtype=x.dtype).numpy()
    for i in range(len(a) - 1):
        u, v = a[i + 1] - a[i] ** 2, 1 - a[i]
        loss += 100 * u * u + v * v
        gradient[i] = float(gradient[i]) - 400 * a[i] * u - 2 * v
        gradient[i + 1] = float(gradient[i + 1]) + 200 * u
    return loss, torch.from_numpy(gradient)


def quartic(x):
    """sum of i / 2 x_i^2 + 0.05 x_i^4"""
    a = x.reshape(-1).double().tolist()
    loss = sum(0.5 * i * v * v + 0.05 * v**4 for i, v in enumerate(a, 1))
    gradient = [i * v + 0.2 * v**3 for i, v in enumerate(a, 1)]
    return loss, torch.tensor(gradient, dtype=torch.float64).to(x.dtype)


def replay(recorded, name, optimise):
    """Run optimise(feval, x): the points evaluated, the losses, the recorded ones, x."""
    function = rosenbrock if 'rosen' in name else quartic
    points, losses = [], []

    def feval(x):
        loss, gradient = function(x)
        points.append(x.reshape(-1).clone())
        losses.append(loss)
        return loss, gradient

    x = torch.from_numpy(recorded[f'{name}__x0'].copy())
    optimise(feval, x)
    expected = torch.from_numpy(recorded[f'{name}__xs'])
    return torch.stack(points), np.array(losses), expected, recorded[f'{name}__fs'], x


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


@needs_fma
@pytest.mark.parametrize('kind', ['double', 'float'])
@pytest.mark.parametrize(
    'name, learning_rate', [('rosen10_lr10', 10), ('rosen10_lr001', 0.01), ('quad20_lr1', 1)]
)
def test_adam_equals_the_recordings(recorded, name, learning_rate, kind):
    def optimise(feval, x):
        state = {}
        for _ in range(60):
            adam(feval, x, state, learning_rate=learning_rate)

    points, _, expected, _, x = replay(recorded, f'adam_{name}_{kind}', optimise)
    assert torch.equal(points, expected)
    assert np.array_equal(x.numpy(), recorded[f'adam_{name}_{kind}__xfinal'])


def counting(function=quartic):
    """feval and the list of points it was called with."""
    points = []

    def feval(x):
        points.append(x.clone())
        return function(x)

    return feval, points


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


def test_lbfgs_leaves_an_optimal_point(caplog):
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


def test_lbfgs_goes_on_through_nan():
    feval, points = counting(lambda x: (float('nan'), torch.full_like(x, float('nan'))))
    lbfgs(feval, torch.ones(3), max_iter=5, **NEVER)
    assert len(points) == 5


def shaped(function):
    """The same with a gradient of x's shape."""

    def feval(x):
        loss, gradient = function(x)
        return loss, gradient.view(x.shape)

    return feval


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
def test_optimiser_takes_a_leaf_and_autograd(optimise):
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
def test_optimiser_may_be_given_the_same_gradient_buffer_each_time(optimise):
    buffer = torch.empty(6)

    def feval(x):
        loss, gradient = quartic(x)
        return loss, buffer.copy_(gradient)

    reused, fresh = torch.ones(6), torch.ones(6)
    assert torch.equal(optimise(feval, reused), optimise(quartic, fresh))


def test_lbfgs_leaves_tensor_losses_alone():
    losses = lbfgs(lambda x: ((x**2).sum(), 2 * x), torch.ones(4), max_iter=3, **NEVER)[1]
    assert all(isinstance(loss, torch.Tensor) and loss.dim() == 0 for loss in losses)


def test_lbfgs_compares_no_losses_with_a_negative_tolerance():
    class Untouchable:
        def __sub__(self, other):
            raise AssertionError('the losses were compared')

    _, losses = lbfgs(lambda x: (Untouchable(), 2 * x), torch.ones(4), max_iter=4, **NEVER)
    assert len(losses) == 4


def test_adam_gives_the_loss_before_the_step():
    x, state = torch.ones(3), {}
    returned, loss = adam(lambda x: (float(x.sum()), torch.ones(3)), x, state, learning_rate=0.5)
    assert returned is x
    assert loss == 3
    assert state['t'] == 1
    assert torch.allclose(x, torch.full((3,), 0.5))  # the first step is the rate, but for epsilon


@pytest.mark.parametrize('n_correction', [1, 3, 100])
def test_lbfgs_with_its_history_in_blocks_takes_the_same_steps(monkeypatch, n_correction):
    """The matrix form that long vectors get, against the two loops, past the history's length."""
    scales = torch.linspace(1, 30, 40, dtype=torch.float64)

    def feval(x):
        # neither quadratic nor everywhere convex: some pairs are refused
        value = (scales * (x**2 - 0.1 * x.cos() ** 3)).sum()
        return value, scales * (2 * x + 0.3 * x.cos() ** 2 * x.sin() * (1 + 3 * (x * 9).cos()))

    def points():
        found = []

        def recording(x):
            found.append(x.clone())
            return feval(x)

        start = torch.linspace(-2, 2, 40, dtype=torch.float64)
        lbfgs(recording, start, max_iter=30, n_correction=n_correction, **NEVER)
        return torch.stack(found)

    loops = points()
    monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
    blocks = points()
    assert not torch.equal(loops, blocks), 'the other way was taken'
    # rounding alone, which the function's curvature multiplies from step to step
    torch.testing.assert_close(blocks, loops, rtol=1e-7, atol=1e-9)


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


class Stop(Exception):
    pass


@pytest.mark.usefixtures('history')
@pytest.mark.parametrize('name', ['rosen10_nc5', 'quad20_deftol'])
@pytest.mark.parametrize('after', [0, 1, 2, 9])
def test_lbfgs_goes_on_from_its_state_to_the_same_bits(name, after):
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
            lbfgs(feval, x, state, **LBFGS[name])
        except Stop:
            pass
        return points

    want = run(start.clone(), {})
    x, state = start.clone(), {}
    got = run(x, state, after) + run(x, state)
    assert len(got) == len(want) > 10
    assert all(map(torch.equal, got, want))


@pytest.mark.parametrize(
    ('pairs', 'steps', 'want'), [(100, 4, [3]), (100, 25, [10, 10, 4]), (11, 1000, [10, 2])]
)
def test_a_history_takes_no_memory_for_pairs_that_never_come(pairs, steps, want):
    history = CompactHistory(torch.ones(3), pairs, max_steps=steps)
    ones = torch.ones(3)
    for number in range(min(pairs + 1, steps - 1)):
        history.update(ones * (number + 1), ones * number, ones, 1.0)
    assert [len(block) for block in history.blocks] == want


def test_lbfgs_with_a_history_in_bfloat16_keeps_half_the_bytes_and_descends_alike():
    scales = torch.linspace(1, 30, LONG_VECTOR + 5)

    def feval(x):
        return float((scales * x * x).sum() / 2), scales * x

    ends = []
    for dtype in (None, torch.bfloat16):
        x = torch.ones(LONG_VECTOR + 5)
        _, losses = lbfgs(
            feval, x, max_iter=30, tol_fun=-1, tol_x=-1, n_correction=12, history_dtype=dtype
        )
        ends.append(losses[-1] / losses[0])
    assert ends[0] < 1e-6 and ends[1] < 1e-6
    history = CompactHistory(torch.ones(LONG_VECTOR + 5), 5, dtype=torch.bfloat16)
    history.update(
        torch.ones(LONG_VECTOR + 5), torch.zeros(LONG_VECTOR + 5), torch.ones(LONG_VECTOR + 5), 1.0
    )
    assert history.blocks[0].element_size() == 2
