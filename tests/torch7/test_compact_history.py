"""The history of long vectors against the two loops."""

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
    ('pairs', 'steps', 'want'), [(100, 4, [3]), (100, 25, [10, 10, 4]), (11, 1000, [10, 2])]
)
def test_compact_history_allocates_no_unused_slots(pairs, steps, want):
    history = CompactHistory(torch.ones(3), pairs, max_steps=steps)
    ones = torch.ones(3)
    for number in range(min(pairs + 1, steps - 1)):
        history.update(ones * (number + 1), ones * number, ones, 1.0)
    assert [len(block) for block in history.blocks] == want


@pytest.mark.parametrize('kind', [TwoLoopHistory, CompactHistory])
def test_scale_of_limited_steps_is_averaged_over_the_pairs(kind):
    history, zero = kind(torch.zeros(2, dtype=torch.float64), 9), torch.zeros(2).double()
    step, change = torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, 3.0]).double()
    history.update(change, zero, step, 1, 2.0)  # y · s = 4, y · y = 10, s · s = 2
    first = (4 / 10) ** 0.75 * (2 / 4) ** 0.25
    assert float(history.h_diag) == pytest.approx(first)
    history.update(3 * change, change, step, 0.5, 0.5)  # y is twice as long, s half
    assert float(history.h_diag) == pytest.approx(first / 2)  # the mean of two, in their logarithm
    for _ in range(4):
        history.update(change, zero, step, 1, 2.0)
    # of six pairs, the sixth counts a fifth, and those before are averages of 1, 2, ... 5 pairs
    assert float(history.h_diag) == pytest.approx(first / 4 ** (0.8 / 5))
    history.update(change, zero, step, 1)
    assert float(history.h_diag) == pytest.approx(4 / 10)


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
    assert history.blocks[0].element_size() == 2
