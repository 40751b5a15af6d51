"""Pictures, a network, and the float32 loss of a picture that was painted."""

from torch import Tensor, nn

from benchmarks.measuring import ROOT
from neural_style import Iterate, load, scale, stylize


def load_pair(content: str, style: str, size: int) -> tuple[Tensor, Tensor]:
    """Load two of the project's pictures, scaled to a longer side."""
    inputs = ROOT / 'examples' / 'inputs'
    first, second = (scale(load(inputs / f'{name}.jpg'), size) for name in (content, style))
    return first, second


def evaluated(
    cnn: nn.Sequential, content: Tensor, style: Tensor, picture: Tensor, layers: dict[str, str]
) -> Iterate:
    """Evaluate a picture in float32."""
    iterates: list[Iterate] = []
    stylize(
        cnn,
        content,
        [style],
        init='image',
        init_image=picture,
        num_iterations=1,
        callback=iterates.append,
        **layers,  # type: ignore[arg-type]
    )
    return iterates[0]


def final_loss(
    cnn: nn.Sequential, content: Tensor, style: Tensor, picture: Tensor, layers: dict[str, str]
) -> float:
    """Return the loss of a picture in float32, TV left out."""
    return float(evaluated(cnn, content, style, picture, layers).loss)
