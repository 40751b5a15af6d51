"""Several styles in one picture: further paintings, and how much each of all counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from neural_style.web import choices

FURTHER = 2  # styles beside the first
HEIGHT = 150  # of their pictures, in pixels


@dataclass
class BlendControls:
    """The components: further pictures, and the weights of all."""

    pictures: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def components(self) -> list[Any]:
        return [*self.pictures, *self.weights]

    def chosen(self, values: Sequence[Any]) -> tuple[list[str], list[float]]:
        """Return the further pictures that there are, and the weights: the first style's, theirs.

        values: of the components.
        """
        paths, (first, *weights) = values[:FURTHER], values[FURTHER:]
        pairs = [(path, weight) for path, weight in zip(paths, weights, strict=True) if path]
        return [path for path, _ in pairs], [first, *(weight for _, weight in pairs)]

    def values_of(self, paths: Sequence[str | None], weights: Sequence[float]) -> list[Any]:
        """Return values of the components.  paths, weights: as chosen returns them."""
        start = choices.WEIGHT.start
        missing = FURTHER - len(paths)
        filled = [*weights, *[start] * (FURTHER + 1 - len(weights))]
        return [*paths, *[None] * missing, *filled]


def make_blend(picture: Any, slider: Any) -> BlendControls:
    """Make the components.  picture, slider: functions that make one."""
    controls = BlendControls()
    with gr.Accordion('Blend several styles', open=False, elem_id='ns-blend'):
        first = slider(choices.WEIGHT, 'weight-1', label='Weight of the first style')
        with gr.Row():
            for number in range(2, FURTHER + 2):
                with gr.Column(min_width=150):
                    controls.pictures.append(
                        picture(f'Style {number}', f'ns-style-{number}', HEIGHT)
                    )
                    controls.weights.append(
                        slider(
                            choices.WEIGHT, f'weight-{number}', label=f'Weight of style {number}'
                        )
                    )
        controls.weights.insert(0, first)
    return controls
