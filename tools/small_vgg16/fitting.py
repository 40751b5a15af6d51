"""The fit: layer after layer, by least squares."""

import logging
from dataclasses import dataclass

import scipy.linalg
import torch
from torch import Tensor
from torch.nn import functional

from tools.small_vgg16.network import SmallVGG, max_pool

log = logging.getLogger(__name__)

Genuine = dict[str, tuple[Tensor, Tensor]]  # weight (K, C, 3, 3) and bias (K,), by name
REFINEMENTS = 8  # of the targets below zero
DAMPING = 1e-5  # of normal equations, relative to their diagonal


@dataclass
class Images:
    """The features of all images at one layer.

    fitted: what the fitted network yields, each (1, C, H, W).  genuine: what VGG-16 yields.
    filters: which of VGG-16's filters the fitted network has.
    """

    fitted: list[Tensor]
    genuine: list[Tensor]
    filters: Tensor


@torch.no_grad()
def fit(network: SmallVGG, vgg: Genuine, images: list[Tensor], *, positions: int, held_out: int):
    """Fit the network to VGG-16.

    images: (1, 3, H, W), preprocessed; the last `held_out` only measure the error.  positions: how
    many are drawn from each image.  Returns the relative error of each layer's features, after the
    ReLU, in the held-out images, by name.
    """
    state = Images(images, images, torch.arange(3))
    errors, names = {}, list(network.pairs)
    for name, next_name in zip(names, [*names[1:], None], strict=True):
        if name.endswith('_1') and name != '1_1':
            state.fitted = [max_pool(x) for x in state.fitted]
            state.genuine = [max_pool(x) for x in state.genuine]
        weight, bias = vgg[name]
        outputs = [functional.conv2d(x, weight, bias, padding=1) for x in state.genuine]
        importance = vgg[next_name][0].square().sum((0, 2, 3)).sqrt() if next_name else None
        filters = choose_filters(outputs[:-held_out], importance, network.widths[name])
        inputs, targets = draw_samples(state.fitted, outputs, filters, positions, held_out)
        fit_pair(network.pairs[name], inputs, targets, weight[filters][:, state.filters])
        fitted = [network.pairs[name](x).relu_() for x in state.fitted]
        state = Images(fitted, [output.relu_() for output in outputs], filters)
        errors[name] = relative_error(state, held_out)
        log.info('relu%s: %d filters, relative error %.4f', name, len(filters), errors[name])
    return errors


def choose_filters(outputs: list[Tensor], importance: Tensor | None, width: int) -> Tensor:
    """Choose the filters from which the others can best be read by a linear map.

    importance: (K,) how much the next layer makes of each.  Returns their indices, (width,),
    ascending.
    """
    count = outputs[0].shape[1]
    if width == count or importance is None:
        return torch.arange(count)
    samples = torch.cat(
        [x[0].flatten(1)[:, torch.randperm(x[0, 0].numel())[:200]].relu() for x in outputs], 1
    )
    scaled = (samples * importance[:, None]).double().T.numpy()
    _, pivots = scipy.linalg.qr(scaled, mode='r', pivoting=True)
    return torch.from_numpy(pivots[:width].copy()).long().sort().values


def draw_samples(
    inputs: list[Tensor], outputs: list[Tensor], filters: Tensor, positions: int, held_out: int
) -> tuple[Tensor, Tensor]:
    """Draw positions from each image: 3 x 3 windows (N, C, 3, 3), and VGG-16's outputs (N, K)."""
    windows, targets = [], []
    for x, y in zip(inputs[:-held_out], outputs[:-held_out], strict=True):
        width = x.shape[3]
        index = torch.randperm(x[0, 0].numel())[:positions]
        rows, columns = index // width, index % width
        padded = functional.pad(x, (1, 1, 1, 1))[0]
        taps = [padded[:, rows + i, columns + j] for i in range(3) for j in range(3)]
        windows.append(torch.stack(taps, -1).transpose(0, 1).unflatten(2, (3, 3)))
        targets.append(y[0].flatten(1)[filters][:, index].T)
    return torch.cat(windows), torch.cat(targets)


def fit_pair(pair: torch.nn.Sequential, windows: Tensor, targets: Tensor, weight: Tensor) -> None:
    """Fit a 3 x 1 and a 1 x 3 convolution, so that their sum's ReLU is that of the targets.

    windows: (N, C, 3, 3), the inputs.  targets: (N, K), before the ReLU.  weight: (K, C, 3, 3), of
    VGG-16.
    """
    vertical, horizontal = pair
    vertical.weight.copy_(vertical_filters(windows, weight, vertical.out_channels))
    columns = torch.einsum('ncij,rci->nrj', windows, vertical.weight[..., 0])
    solution = rectified_least_squares(columns.flatten(1), targets)
    horizontal.weight.copy_(solution[:-1].T.unflatten(1, (-1, 1, 3)))
    horizontal.bias.copy_(solution[-1])


def vertical_filters(windows: Tensor, weight: Tensor, rank: int) -> Tensor:
    """Return the 3 x 1 filters through which most of a convolution passes: (rank, C, 3, 1).

    A column of the window has covariance S = L L'.  The best projection of its response is given
    by the singular vectors of L' A, where A are the weights by column (Jaderberg et al. 2014; Zhang
    et al. 2015, Accelerating Very Deep Convolutional Networks, section 3.1, on responses).
    """
    channels = windows.shape[1]
    columns = windows[torch.randperm(len(windows))[:40000]].permute(0, 3, 1, 2)
    columns = columns.reshape(-1, channels * 3).double()
    factor = torch.linalg.cholesky(damped(columns.T @ columns / len(columns)))
    kernels = weight.permute(1, 2, 3, 0).reshape(channels * 3, -1).double()
    left, values, _ = torch.linalg.svd(factor.T @ kernels, full_matrices=False)
    filters = torch.linalg.solve_triangular(
        factor.T, left[:, :rank] * values[:rank].sqrt(), upper=True
    )
    return filters.T.reshape(rank, channels, 3, 1).float()


def rectified_least_squares(inputs: Tensor, targets: Tensor) -> Tensor:
    """Return X (M + 1, K) with relu([inputs, 1] X) near relu(targets).

    inputs: (N, M).  targets: (N, K).  Where a target is negative the ReLU makes 0 of whatever is
    negative: there, targets follow the solution below zero, and the sum of squares that counts can
    only fall.
    """
    inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)
    factor = torch.linalg.cholesky(damped((inputs.T @ inputs).double()))
    followed = targets
    for _ in range(REFINEMENTS + 1):
        solution = torch.cholesky_solve((inputs.T @ followed).double(), factor).float()
        followed = torch.where(targets > 0, targets, (inputs @ solution).clamp(max=0))
    return solution


def damped(matrix: Tensor) -> Tensor:
    """Return a positive definite matrix that differs little from a semidefinite one."""
    return matrix + DAMPING * matrix.diagonal().mean() * torch.eye(len(matrix), dtype=matrix.dtype)


def relative_error(state: Images, held_out: int) -> float:
    """Return the squared error of the held-out features, relative to their squares."""
    error = energy = 0.0
    for fitted, genuine in zip(state.fitted[-held_out:], state.genuine[-held_out:], strict=True):
        kept = genuine[:, state.filters]
        error += float((fitted - kept).square().sum())
        energy += float(kept.square().sum())
    return error / energy
