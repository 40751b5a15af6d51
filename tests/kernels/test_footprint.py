"""What kernels state that they allocate."""

import pytest
import torch
from torch import nn

from neural_style.kernels import onednn
from neural_style.kernels.footprint import Footprint, index_memory
from neural_style.kernels.winograd import Winograd
from neural_style.memory.use import NOTHING, MemoryUse

CPU, CUDA = torch.device('cpu'), torch.device('cuda:0')
SIZE = (96, 128)
PIXELS = 96 * 128
narrow = nn.Conv2d(3, 64, 3, padding=1)
wide = nn.Conv2d(256, 256, 3, padding=1)


@pytest.mark.parametrize(
    'layer, expected',
    [
        (narrow, MemoryUse(heap=4.0 * 256 * PIXELS)),  # below 64 MB
        (wide, MemoryUse(4.0 * 256 * PIXELS)),  # Winograd's
        (nn.MaxPool2d(2), MemoryUse(4.0 * 256 * PIXELS)),
        (nn.AvgPool2d(2), MemoryUse(heap=4.0 * 256 * PIXELS)),
    ],
)
def test_outputs_on_a_cpu_are_in_the_heap_unless_the_kernel_allocates_them(layer, expected):
    assert Footprint(torch.float32, CPU).output(layer, 256, SIZE) == expected


def test_large_outputs_of_convolutions_are_outside_the_heap():
    kernels = Footprint(torch.bfloat16, CPU)
    size = 2 * 64 * PIXELS
    assert kernels.output(narrow, 64, SIZE, large_output_bytes=size) == MemoryUse(size)
    assert kernels.output(narrow, 64, SIZE, large_output_bytes=size + 1) == MemoryUse(heap=size)


def test_gpu_has_no_heap():
    assert Footprint(torch.float32, CUDA).output(narrow, 64, SIZE) == MemoryUse(4.0 * 64 * PIXELS)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_workspace_is_winograds_where_that_is_allowed(dtype, monkeypatch):
    monkeypatch.setattr(onednn, 'capabilities', lambda: {'avx512_bf16': True})
    kernels = Footprint(dtype, CPU)
    expected = MemoryUse(Winograd.workspace_bytes(wide.weight, SIZE, dtype))
    assert kernels.workspace(wide, SIZE, winograd=True) == expected
    assert kernels.workspace(wide, SIZE, winograd=False) == NOTHING
    assert kernels.workspace(narrow, SIZE, winograd=True) == NOTHING


@pytest.mark.parametrize('dtype, copies', [(torch.float32, 3), (torch.bfloat16, 0)])
def test_workspace_of_cudnn_is_a_multiple_of_the_input_in_float32(dtype, copies):
    kernels = Footprint(dtype, CUDA)
    layer = nn.Conv2d(64, 8, 3, padding=1)
    assert kernels.workspace(layer, SIZE, winograd=True).total == copies * 4 * 64 * PIXELS
    assert kernels.workspace(nn.ReLU(), SIZE, winograd=True) == NOTHING


def test_weights_are_flipped_converted_or_transformed(monkeypatch):
    capabilities = {}
    monkeypatch.setattr(onednn, 'capabilities', lambda: capabilities)
    elements = wide.weight.numel()
    full, low = (Footprint(dtype, CPU) for dtype in (torch.float32, torch.bfloat16))
    assert full.weight_bytes(wide, SIZE, winograd=False) == 4 * elements
    assert low.weight_bytes(wide, SIZE, winograd=True) == 2 * 2 * elements
    assert full.weight_bytes(wide, SIZE, winograd=True) == 4 * 36 * 256 * 256
    capabilities['avx512_bf16'] = True
    assert low.weight_bytes(wide, SIZE, winograd=True) == 2 * 36 * 256 * 256
    assert low.weight_bytes(wide, SIZE, winograd=False) == 2 * 2 * elements


def test_saved_tensors_are_outputs_and_indices():
    kernels = Footprint(torch.float32, CPU)
    assert kernels.saved_bytes(nn.AvgPool2d(2), 400) == 400
    assert kernels.saved_bytes(nn.MaxPool2d(2), 400) == 400 + 8 * 100
    assert kernels.saved_bytes(nn.ReLU(inplace=True), 400) == 0
    assert index_memory(nn.MaxPool2d(2), 100) == MemoryUse(800.0)
    assert index_memory(nn.AvgPool2d(2), 100) == NOTHING
