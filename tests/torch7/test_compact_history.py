"""The history of long vectors against the two loops."""

import numpy as np
import pytest
import torch
from objectives import NEVER

from neural_style.torch7.compact_history import CompactHistory
from neural_style.torch7.history import TwoLoopHistory
from neural_style.torch7.optim import LONG_VECTOR, lbfgs


@pytest.mark.parametrize('max_step', [0, 0.1])
@pytest.mark.parametrize('n_correction', [1, 3, 100])
def test_compact_history_takes_the_steps_of_two_loops(monkeypatch, n_correction, max_step):
    """The comparison goes on when the history is full and its pairs are replaced."""
    scales = torch.linspace(1, 30, 40, dtype=torch.float64)

    def feval(x):
        # neither quadratic nor everywhere convex: some pairs are refused
        value = (scales * (x**2 - 0.1 * x.cos() ** 3)).sum()
        return value, scales * (2 * x + 0.3 * x.cos() ** 2 * x.sin() * (1 + 3 * (x * 9).cos()))

    def points():
        evaluated = []

        def recording(x):
            evaluated.append(x.clone())
            return feval(x)

        start = torch.linspace(-2, 2, 40, dtype=torch.float64)
        options = {'n_correction': n_correction, 'max_step': max_step}
        lbfgs(recording, start, max_iter=30, **options, **NEVER)
        return torch.stack(evaluated)

    loops = points()
    monkeypatch.setattr('neural_style.torch7.optim.LONG_VECTOR', 0)
    blocks = points()
    assert not torch.equal(loops, blocks), 'the other way was taken'
    # rounding alone, which the function's curvature multiplies from step to step
    torch.testing.assert_close(blocks, loops, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ('pairs', 'steps', 'want'), [(100, 4, [3]), (100, 25, [20, 4]), (11, 1000, [20, 4])]
)
def test_compact_history_allocates_no_unused_rows(pairs, steps, want):
    """A change a step, until steps and changes of all pairs need as much."""
    history = CompactHistory(torch.ones(3), pairs, max_steps=steps)
    ones = torch.ones(3)
    for number in range(min(3 * pairs, steps - 1)):
        history.update(ones * (number + 1), ones * number, -ones * number, 1.0)
    assert [len(block) for block in history.vectors.blocks] == want


@pytest.mark.parametrize('n_correction', [3, 12])
def test_history_of_version_0_2_is_continued(n_correction):
    """Its blocks held the pairs, steps and changes."""
    loops, d, g_old = TwoLoopHistory(torch.zeros(9).double(), n_correction), None, None

    def points(history, count):
        nonlocal d, g_old
        for _ in range(count):
            g = torch.rand(9, dtype=torch.float64) if d is None else g_old + scales * d / 2
            if d is not None:
                history.update(g, g_old, d, 0.5)
            d = history.direction(g, torch.empty_like(g))
            g_old = g
            yield d.clone()

    scales = torch.linspace(1, 9, 9, dtype=torch.float64)
    list(points(loops, 8))
    steps, changes = torch.stack(loops.steps), torch.stack(loops.changes)
    count = len(steps)
    slots = torch.arange(count).flip(0)  # any order
    zeros = torch.zeros(n_correction + 1, n_correction + 1, dtype=torch.float64)
    sy, yy = zeros.clone(), zeros.clone()
    sy[slots[:, None], slots] = steps @ changes.t()
    yy[slots[:, None], slots] = changes @ changes.t()
    blocks = torch.stack((steps, changes), 1).flip(0)
    former = {'blocks': [blocks], 'order': slots, 'sy': sy, 'yy': yy, 'h_diag': loops.h_diag}
    begun = d.clone(), g_old.clone()
    want = torch.stack(list(points(loops, 6)))
    d, g_old = begun
    history = CompactHistory(torch.zeros(9).double(), n_correction, former)
    got = torch.stack(list(points(history, 6)))
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('kind', [TwoLoopHistory, CompactHistory])
def test_scale_of_limited_steps_is_averaged_over_the_pairs(kind):
    zero = torch.zeros(2, dtype=torch.float64)
    history, g_old, scales = kind(zero, 9), torch.tensor([-1.0, -1.0]).double(), []
    d = -g_old
    for number in range(6):
        g = g_old + torch.tensor([1.0, 3.0 + number]) * d
        s, y = d / 2, g - g_old
        scales.append(float((y @ s / (y @ y)) ** 0.75 * (s @ s / (y @ s)) ** 0.25))
        history.update(g, g_old, d, 0.5, float(s @ s))
        d, g_old = history.direction(g, d), g
        # Averages of 1, 2, ... 5 pairs, in their logarithm; of six, the last counts a fifth.
        mean = scales[0]
        for count, scale in enumerate(scales[1:], 2):
            memory = min(0.8, 1 - 1 / count)
            mean = mean**memory * scale ** (1 - memory)
        assert float(history.h_diag) == pytest.approx(mean)
    assert mean == pytest.approx(np.prod(scales[:5]) ** (0.8 / 5) * scales[5] ** 0.2)
    g = g_old + torch.tensor([1.0, 3.0]) * d
    history.update(g, g_old, d, 0.5)
    s, y = d / 2, g - g_old
    assert float(history.h_diag) == pytest.approx(float(y @ s / (y @ y)))


def test_bfloat16_history_takes_half_the_bytes_and_descends_alike():
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
    assert history.vectors.blocks[0].element_size() == 2
