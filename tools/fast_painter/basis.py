"""Principal directions of the features of pictures, at each layer of a style."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from neural_style.fast.encoder import LAYERS, Encoder


@torch.no_grad()
def principal_directions(
    cnn: nn.Sequential, images: Iterable[Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the directions (D, C) of each layer, and what coordinates deviate by from 0 (D,).

    images: preprocessed, (1, 3, H, W).  Directions are eigenvectors of the mean Gram matrix, so
    that coordinates keep as much of Gram matrices as so few can.  Averaged over coordinates, their
    mean square is 1.
    """
    moments: dict[str, Tensor] = {}
    count = 0
    encoder = Encoder(cnn, {})
    for image in images:
        for name, features in encoder.features(image, set(LAYERS)).items():
            flat = features[0].flatten(1).double()
            moments[name] = moments.get(name, 0) + flat @ flat.T / flat.shape[1]
        count += 1
    basis, deviations = {}, {}
    for name, size in LAYERS.items():
        values, vectors = torch.linalg.eigh(moments[name] / count)
        values, vectors = values.flip(0)[:size].clamp(min=1e-9), vectors.flip(1)[:, :size]
        scale = values.mean().sqrt()
        basis[name] = (vectors.T / scale).float().contiguous()
        deviations[name] = (values.sqrt() / scale).float()
    return basis, deviations
