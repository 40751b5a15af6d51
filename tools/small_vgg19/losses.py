"""What training minimises, and the Gram matrices that painting compares."""

import torch
from torch import Tensor


def layer_loss(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Compare features with their target in two ways.

    features: (N, C), in the units of use.  target: (N, D).  Returns the share of the target's
    variance that no linear map of the features explains, and the distance of both matrices of
    inner products between positions: 1 - cosine, as they are plus about the mean.
    """
    n, channels = features.shape
    cross, ours, theirs = features.t() @ target, features.t() @ features, target.t() @ target
    raw = 1 - cross.square().sum() / (ours.norm() * theirs.norm())
    mean, target_mean = features.mean(0), target.mean(0)
    cross = cross - n * torch.outer(mean, target_mean)
    ours = ours - n * torch.outer(mean, mean)
    theirs = theirs - n * torch.outer(target_mean, target_mean)
    centred = 1 - cross.square().sum() / (ours.norm() * theirs.norm())
    # With few positions for many channels a map is found by chance; the ridge prevents that.
    ridge = ours.diagonal().mean().detach() * (1e-4 + 0.1 * (channels / n) ** 2) + 1e-8
    solved = torch.linalg.solve(ours + ridge * torch.eye(channels), cross)
    unexplained = 1 - (cross * solved).sum() / theirs.trace()
    return unexplained, centred + raw


def normalized(values: Tensor) -> Tensor:
    """Divide targets (N, D) by their total standard deviation: teachers weigh the same."""
    return values / values.var(0).sum().sqrt()


def gram_matrices(features: dict[str, Tensor], names) -> dict[str, Tensor]:
    """Return (N, C, C) for each of these layers, divided by the number of features."""
    return {
        name: torch.einsum('nchw,ndhw->ncd', features[name], features[name])
        / features[name][0].numel()
        for name in names
    }


def gram_distance(grams: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    """Return the squared relative distance of Gram matrices, over layers and pictures."""
    return sum(
        ((gram - targets[name]).square().sum((1, 2)) / targets[name].square().sum((1, 2))).sum()
        for name, gram in grams.items()
    )
