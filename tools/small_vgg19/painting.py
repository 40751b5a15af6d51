"""Pictures painted with the network while it is trained: it will have to judge such pictures."""

from collections.abc import Iterator

import torch
from torch import Tensor

from tools.small_vgg19.losses import gram_distance, gram_matrices
from tools.small_vgg19.network import SmallVGG

STYLE_LAYERS = ('1_1', '2_1', '3_1', '4_1', '5_1')
CONTENT_LAYER, CONTENT_WEIGHT = '4_2', 0.3
KEEP_EVERY = 4  # steps


def paint(network: SmallVGG, contents: Tensor, styles: Tensor, steps: int) -> Iterator[Tensor]:
    """Yield batches of pictures (N, 3, H, W) as they are painted, every few steps.

    contents, styles: (N, 3, H, W), preprocessed; the first half starts from noise.
    """
    with torch.no_grad():
        targets = gram_matrices(network.in_units(network(styles)), STYLE_LAYERS)
        content = network.in_units(network(contents))[CONTENT_LAYER]
    image = contents.clone()
    half = len(image) // 2
    image[:half] = 40 * torch.randn(image[:half].shape)
    image.requires_grad_()
    optimizer = torch.optim.Adam([image], lr=12.0)
    for step in range(1, steps + 1):
        features = network.in_units(network(image))
        loss = gram_distance(gram_matrices(features, STYLE_LAYERS), targets)
        loss = loss + CONTENT_WEIGHT * (features[CONTENT_LAYER] - content).square().mean()
        (image.grad,) = torch.autograd.grad(loss, image)
        optimizer.step()
        if step % KEEP_EVERY == 0:
            yield image.detach().clone()
