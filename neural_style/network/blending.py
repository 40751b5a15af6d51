"""How much each style image counts in the targets of each style loss."""

from collections.abc import Mapping, Sequence

from neural_style.losses.style import StyleLoss

# One weight, or one for each style term.
Blend = float | Sequence[float]


def weigh(
    losses: Mapping[str, StyleLoss], blend_weight: Blend | Mapping[str, Blend]
) -> list[StyleLoss]:
    """Set the weight of the style image that is captured next; return the losses that it serves.

    losses: by the names of their layers.  blend_weight: a Mapping gives the weights by layer; the
    image does not serve those that it leaves out.  Raises ValueError for layers without a loss.
    """
    if not isinstance(blend_weight, Mapping):
        blend_weight = dict.fromkeys(losses, blend_weight)
    for layer, weight in blend_weight.items():
        if layer not in losses:
            raise ValueError(f'there is no style loss at layer {layer!r}')
        losses[layer].blend_weight = weight
    return [losses[layer] for layer in blend_weight]
