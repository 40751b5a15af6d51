"""What a network is made of, at a given size of its input: one row for each layer."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.graph import Graph, Source

BYTES = 4  # of a float32


class Row(NamedTuple):
    """receptive_field: pixels of the input, (height, width), that one value sees; 0 is all."""

    name: str
    type: str
    shape: tuple[int, ...]
    parameters: int
    receptive_field: tuple[int, int]
    memory: int  # bytes of the output


class _Field(NamedTuple):
    """How many pixels a value sees, and how many lie between two neighbours, of one axis."""

    size: float = 1.0
    step: float = 1.0


ALL = _Field(0.0, 0.0)


def rows(
    network: nn.Sequential, shape: tuple[int, ...], types: Mapping[str, str] | None = None
) -> list[Row]:
    """Run the network on nothing but shapes. Its weights are given up for that.

    shape: of the input, (N, C, H, W). types: what Caffe calls each layer's kind. Raises
    CaffeFormatError where a layer cannot take it.
    """
    parameters = [sum(one.numel() for one in layer.state_dict().values()) for layer in network]
    network = network.to('meta')
    found: list[Row] = []
    fields: dict[Source, tuple[_Field, _Field]] = {(-1, 0): (_Field(), _Field())}
    sources = network.sources if isinstance(network, Graph) else None
    current = torch.empty(shape, device='meta')

    def call(layer: nn.Module, *inputs: Tensor) -> Any:
        number = len(found)
        name = str(getattr(layer, 'name', number))
        try:
            outputs = layer(*inputs)
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as error:
            words = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            shapes = ', '.join(' x '.join(map(str, one.shape)) for one in inputs)
            raise CaffeFormatError(f'layer {name!r} cannot take {shapes}: {words}') from error
        feeding = sources[number] if sources else [(number - 1, 0)]
        seen = [fields[source] for source in feeding]
        field = _grow(layer, (_widest(seen, 0), _widest(seen, 1)))
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        fields.update({(number, i): field for i in range(len(several))})
        memory = sum(one.numel() for one in several) * BYTES
        size = (round(field[0].size), round(field[1].size))
        kind = (types or {}).get(name, type(layer).__name__)
        found.append(Row(name, kind, tuple(several[0].shape), parameters[number], size, memory))
        return outputs

    with torch.no_grad():
        if isinstance(network, Graph):
            network(current, call)
        else:
            for layer in network:
                current = call(layer, current)
    return found


def _widest(fields: list[tuple[_Field, _Field]], axis: int) -> _Field:
    if any(field[axis] == ALL for field in fields):
        return ALL
    return _Field(max(f[axis].size for f in fields), max(f[axis].step for f in fields))


def _grow(layer: nn.Module, fields: tuple[_Field, _Field]) -> tuple[_Field, _Field]:
    """The field of a layer's output, from that of its input."""
    everything = nn.Linear | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d | nn.Flatten
    if isinstance(layer, everything):
        return ALL, ALL
    kernel = _pair(getattr(layer, 'kernel_size', getattr(layer, 'kernel', None)))
    if kernel is None:
        return fields
    stride = _pair(getattr(layer, 'stride', 1)) or (1, 1)
    dilation = _pair(getattr(layer, 'dilation', 1)) or (1, 1)
    grown = []
    for field, k, s, d in zip(fields, kernel, stride, dilation, strict=True):
        if field == ALL:
            grown.append(ALL)
        elif isinstance(layer, nn.ConvTranspose2d):
            step = field.step / s
            grown.append(_Field(field.size + (d * (k - 1)) // s * field.step, step))
        else:
            grown.append(_Field(field.size + d * (k - 1) * field.step, field.step * s))
    return grown[0], grown[1]


def _pair(value: Any) -> tuple[int, int] | None:
    return (value, value) if isinstance(value, int) else value


def lines(found: list[Row]) -> Iterator[str]:
    """The table as text, with its sums."""
    width = max(len('layer'), *(len(row.name) for row in found))
    kinds = max(len('type'), *(len(row.type) for row in found))
    yield (
        f'{"layer":{width}}  {"type":{kinds}}  {"output":>20}  {"parameters":>11}'
        f'  {"sees":>11}  {"memory":>9}'
    )
    for row in found:
        shape = ' x '.join(map(str, row.shape))
        sees = 'all' if 0 in row.receptive_field else ' x '.join(map(str, row.receptive_field))
        yield (
            f'{row.name:{width}}  {row.type:{kinds}}  {shape:>20}  {row.parameters:>11,}'
            f'  {sees:>11}  {_megabytes(row.memory):>9}'
        )
    parameters, memory = sum(r.parameters for r in found), sum(r.memory for r in found)
    yield (
        f'{len(found)} layers, {parameters:,} parameters ({_megabytes(parameters * BYTES)}),'
        f' outputs {_megabytes(memory)}'
    )


def _megabytes(count: int) -> str:
    return f'{count / 1e6:,.1f} MB'
