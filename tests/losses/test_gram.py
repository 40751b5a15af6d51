"""Gram matrices and the products of their gradient."""

import pytest
import torch

from neural_style.kernels import onednn
from neural_style.losses.gram import add_multiplied, gram_matrix, multiply, multiply_both

LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('has_units', [False, True])
def test_gram_matrix_of_half_the_precision_is_a_float32_product(has_units, layout, monkeypatch):
    if not has_units:
        monkeypatch.setattr(onednn, 'has_bfloat16_products', lambda tensor: False)
    features = torch.randn(1, 16, 90, 70).bfloat16().contiguous(memory_format=layout)
    want = gram_matrix(features.double())
    gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert (gram - want).norm() < 1e-6 * want.norm()


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('distance', [1.0, 0.1, 0.01])
def test_difference_of_a_gram_matrix_to_a_near_one_is_rounded(distance, layout):
    torch.manual_seed(0)
    features = torch.randn(1, 64, 40, 70).bfloat16().contiguous(memory_format=layout)
    want = gram_matrix(features.double())
    direction = torch.randn(64, 64, dtype=torch.float64)
    near = want + distance * want.norm() * direction / direction.norm()
    gram = gram_matrix(features, exact=False, near=near.float())
    assert gram.dtype == torch.float32
    assert (gram - want).norm() < 2**-8 * (near - want).norm()
    few = features[:, :16]
    assert torch.equal(gram_matrix(few, exact=False, near=near[:16, :16]), gram_matrix(few))


@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_gram_matrix_of_a_crop_is_that_of_its_copy(layout, exact):
    features = torch.randn(1, 5, 40, 23, dtype=torch.float64).contiguous(memory_format=layout)
    part = features[..., 1:-2, 3:-1]
    want = torch.einsum('nihw,njhw->ij', part, part)
    torch.testing.assert_close(gram_matrix(part, exact), want, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('is_crop', [False, True])
@pytest.mark.parametrize(('dtype', 'limit'), [(torch.bfloat16, 4e-3), (torch.float32, 1e-6)])
@pytest.mark.parametrize('has_units', [False, True])
def test_product_is_added_to_any_layout(has_units, layout, is_crop, dtype, limit, monkeypatch):
    if not has_units:
        monkeypatch.setattr(onednn, 'has_bfloat16_products', lambda tensor: False)
    torch.manual_seed(0)
    features = torch.randn(1, 16, 90, 70).to(dtype).contiguous(memory_format=layout)
    matrix = torch.randn(16, 16)
    matrix = matrix + matrix.t()
    around = torch.randn(1, 16, 92, 72).to(dtype).contiguous(memory_format=layout)
    inside = around[..., 1:-1, 1:-1]
    total = inside if is_crop else inside.clone()
    want = total.float() + multiply(matrix, features)
    add_multiplied(total, matrix, features)
    assert (total.float() - want).norm() < limit * want.norm()  # rounded to eight bits at the end


def test_products_with_a_symmetric_matrix_and_its_transpose_are_equal():
    torch.manual_seed(0)
    features, matrix = torch.randn(1, 6, 8, 9), torch.randn(6, 6)
    both = multiply_both(matrix, features)
    want = multiply(matrix + matrix.t(), features)
    torch.testing.assert_close(both, want, rtol=1e-5, atol=1e-5)
