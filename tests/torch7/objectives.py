"""Functions to minimise, and the recordings of Torch7's optimisers on them."""

import numpy as np
import torch

NEVER = {'tol_fun': -1, 'tol_x': -1}


def rosenbrock(x):
    """Evaluate the chained Rosenbrock function; each sum is rounded to x's precision."""
    a = x.reshape(-1).double().tolist()
    loss, gradient = 0.0, torch.zeros(x.numel(), dtype=x.dtype).numpy()
    for i in range(len(a) - 1):
        u, v = a[i + 1] - a[i] ** 2, 1 - a[i]
        loss += 100 * u * u + v * v
        gradient[i] = float(gradient[i]) - 400 * a[i] * u - 2 * v
        gradient[i + 1] = float(gradient[i + 1]) + 200 * u
    return loss, torch.from_numpy(gradient)


def quartic(x):
    """Evaluate the sum of i / 2 x_i^2 + 0.05 x_i^4."""
    a = x.reshape(-1).double().tolist()
    loss = sum(0.5 * i * v * v + 0.05 * v**4 for i, v in enumerate(a, 1))
    gradient = [i * v + 0.2 * v**3 for i, v in enumerate(a, 1)]
    return loss, torch.tensor(gradient, dtype=torch.float64).to(x.dtype)


def replay(recorded, name, optimise):
    """Run optimise(feval, x); returns points, losses, the recorded ones of both, and x."""
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


def counting(function=quartic):
    """Return feval, and a list that its calls add their points to."""
    points = []

    def feval(x):
        points.append(x.clone())
        return function(x)

    return feval, points


def shaped(function):
    """Return feval with a gradient of x's shape."""

    def feval(x):
        loss, gradient = function(x)
        return loss, gradient.view(x.shape)

    return feval
