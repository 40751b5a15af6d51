"""List the layers of a network for an input of a given size, one row for each."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from loadcaffe.formats.schema import CaffeFormatError
from loadcaffe.graph import Graph, Source
from loadcaffe.layers.windows import Window, window

BYTES = 4  # of a float32
REDUCING = (nn.Linear, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten)


class Row(NamedTuple):
    """receptive_field: pixels of the input, (height, width), that one value sees; 0 is all."""

    name: str
    type: str
    shape: tuple[int, ...]
    parameters: int
    receptive_field: tuple[int, int]
    memory: int  # bytes of the output


class _Field(NamedTuple):
    """A value sees `size` pixels along one axis, and its neighbour begins `step` pixels further."""

    size: float = 1.0
    step: float = 1.0


ALL = _Field(0.0, 0.0)
Fields = tuple[_Field, _Field]


def rows(
    network: nn.Sequential, shape: tuple[int, ...], types: Mapping[str, str] | None = None
) -> list[Row]:
    """Run the network on shapes alone. It is moved to the device 'meta', and loses its weights.

    shape: of the input, (N, C, H, W). types: Caffe's types of the layers, by name. Raises
    CaffeFormatError where a layer cannot take its input.
    """
    parameters = [sum(t.numel() for t in layer.state_dict().values()) for layer in network]
    network = network.to('meta')
    rows_: list[Row] = []
    fields: dict[Source, Fields] = {(-1, 0): (_Field(), _Field())}
    sources = network.sources if isinstance(network, Graph) else None
    features = torch.empty(shape, device='meta')

    def call(layer: nn.Module, *inputs: Tensor) -> Any:
        number = len(rows_)
        name = str(getattr(layer, 'name', number))
        outputs = _run(layer, name, inputs)
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        seen = [fields[source] for source in (sources[number] if sources else [(number - 1, 0)])]
        field = _grow(layer, (_widest(seen, 0), _widest(seen, 1)))
        fields.update({(number, i): field for i in range(len(several))})
        rows_.append(
            Row(
                name,
                (types or {}).get(name, type(layer).__name__),
                tuple(several[0].shape),
                parameters[number],
                (round(field[0].size), round(field[1].size)),
                sum(output.numel() for output in several) * BYTES,
            )
        )
        return outputs

    with torch.no_grad():
        if isinstance(network, Graph):
            network(features, call)
        else:
            for layer in network:
                features = call(layer, features)
    return rows_


def _run(layer: nn.Module, name: str, inputs: tuple[Tensor, ...]) -> Any:
    try:
        return layer(*inputs)
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        shapes = ', '.join(' x '.join(map(str, input.shape)) for input in inputs)
        raise CaffeFormatError(f'layer {name!r} cannot take {shapes}: {reason}') from error


def _widest(fields: list[Fields], axis: int) -> _Field:
    if any(field[axis] == ALL for field in fields):
        return ALL
    return _Field(max(f[axis].size for f in fields), max(f[axis].step for f in fields))


def _grow(layer: nn.Module, fields: Fields) -> Fields:
    """Return the fields of a layer's output, given those of its input, of either axis."""
    if isinstance(layer, REDUCING):
        return ALL, ALL
    if not hasattr(layer, 'kernel_size'):
        return fields
    rows, columns = (
        field if field == ALL else _through_window(layer, window(layer, axis), field)
        for axis, field in enumerate(fields)
    )
    return rows, columns


def _through_window(layer: nn.Module, window: Window, field: _Field) -> _Field:
    if isinstance(layer, nn.ConvTranspose2d):
        step = field.step / window.stride
        return _Field(field.size + (window.size - 1) // window.stride * field.step, step)
    return _Field(field.size + (window.size - 1) * field.step, field.step * window.stride)


def lines(rows: list[Row]) -> Iterator[str]:
    """Iterate over the lines of the table, its sums at the end."""
    width = max(len('layer'), *(len(row.name) for row in rows))
    types = max(len('type'), *(len(row.type) for row in rows))
    yield (
        f'{"layer":{width}}  {"type":{types}}  {"output":>20}  {"parameters":>11}'
        f'  {"sees":>11}  {"memory":>9}'
    )
    for row in rows:
        shape = ' x '.join(map(str, row.shape))
        sees = 'all' if 0 in row.receptive_field else ' x '.join(map(str, row.receptive_field))
        yield (
            f'{row.name:{width}}  {row.type:{types}}  {shape:>20}  {row.parameters:>11,}'
            f'  {sees:>11}  {_megabytes(row.memory):>9}'
        )
    parameters, memory = sum(r.parameters for r in rows), sum(r.memory for r in rows)
    yield (
        f'{len(rows)} layers, {parameters:,} parameters ({_megabytes(parameters * BYTES)}),'
        f' outputs {_megabytes(memory)}'
    )


def _megabytes(count: int) -> str:
    return f'{count / 1e6:,.1f} MB'
