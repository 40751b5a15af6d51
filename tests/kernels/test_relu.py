"""The backward pass of a ReLU: PyTorch's, in every precision and layout."""

import pytest
import torch

from neural_style.kernels.relu import relu_backward_

EDGES = [0.0, -0.0, 1e-38, 1e-7, 1.0, 2.0, 65504.0, 3e38]


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('is_crop', [False, True])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float32])
def test_relu_backward_is_that_of_pytorch(dtype, is_crop, layout):
    torch.manual_seed(0)
    output, gradient = (
        torch.randn(1, 8, 9, 11).to(dtype).contiguous(memory_format=layout) for _ in range(2)
    )
    output.relu_()[0, :, 4] = torch.tensor(EDGES).to(dtype)[:, None]
    if is_crop:
        output, gradient = (tensor[..., 1:-1, 2:] for tensor in (output, gradient))
    want = torch.where(output > 0, gradient, 0)
    assert relu_backward_(gradient, output) is gradient
    assert torch.equal(gradient, want)
    assert 0 < want.count_nonzero() < want.numel()
