"""A network whose layers do not simply follow one another."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

Source = tuple[int, int]  # the number of a layer, -1 for the input, and which of its outputs


class Graph(nn.Sequential):
    """Layers in an order in which they can run, each taking the outputs of some before it.

    sources: for each layer, where its inputs come from.

    The layers are children, in order, as in a Sequential. A part of it from the beginning, such as
    graph[:5], is a Graph as well.
    """

    def __init__(
        self, layers: Sequence[tuple[str, nn.Module]], sources: Sequence[Sequence[Source]]
    ):
        super().__init__(OrderedDict(layers))
        self.sources = [tuple(of_layer) for of_layer in sources]
        for number, of_layer in enumerate(self.sources):
            assert all(-1 <= source < number for source, _ in of_layer), 'not in running order'

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return super().__getitem__(index)
        start, stop, step = index.indices(len(self))
        if start != 0 or step != 1:
            raise IndexError('a part of a branched network must begin at its first layer')
        return Graph(list(self.named_children())[:stop], self.sources[:stop])

    def forward(
        self, input: Tensor, call: Callable[..., Any] = lambda layer, *inputs: layer(*inputs)
    ) -> Tensor:
        """Return the first output of the last layer. call: runs a layer on its inputs."""
        return self.run(input, call)[-1]

    def run(self, input: Tensor, call: Callable[..., Any]) -> list[Tensor]:
        """Return the outputs that no layer takes, and the last layer's first output at the end."""
        values: dict[Source, Tensor] = {(-1, 0): input}
        uses_left = Counter(source for sources in self.sources for source in sources)
        for number, (layer, sources) in enumerate(zip(self, self.sources, strict=True)):
            inputs = [values[source] for source in sources]
            for source in sources:
                uses_left[source] -= 1
                if not uses_left[source]:
                    values.pop(source, None)  # frees its memory
            outputs = call(layer, *inputs)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            values.update({(number, i): output for i, output in enumerate(outputs)})
        last = values.pop((len(self) - 1, 0))
        return [value for value in values.values() if value is not input] + [last]

    def rewired(self, modules: Sequence[nn.Module], owners: Sequence[int]) -> 'Graph':
        """Return the network with other modules: each replaces the layer `owners` says, or follows.

        modules: in order. owners: for each, the number of a layer here, or -1 before the first
        layer. Where several have one owner, each takes the output of the one before it, and the
        last one's output replaces the layer's first.
        """
        first: dict[int, int] = {-1: -1}
        last: dict[int, int] = {-1: -1}
        sources: list[Sequence[Source]] = []
        for number, owner in enumerate(owners):
            if owner in first and (owner != -1 or number == last[-1] + 1):
                sources.append([(last[owner], 0)])
            else:
                sources.append([
                    (last[source] if output == 0 else first[source], output)
                    for source, output in self.sources[owner]
                ])  # fmt: skip
                first[owner] = number
            last[owner] = number
        return Graph([(str(i), module) for i, module in enumerate(modules)], sources)
