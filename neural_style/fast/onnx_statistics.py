"""Statistics of features in ONNX models, and the maps between them, as statistics.py has them."""

from dataclasses import dataclass

import numpy as np
import torch

from neural_style.fast.onnx_graph import Graph, Value
from neural_style.fast.statistics import DAMPING

# Of the iteration for a matrix root: the residual at which it ends, and how often it repeats at
# most.  Photographs and paintings take 17 to 25 steps, images of one colour up to 31.
TOLERANCE, MOST_STEPS = 1e-8, 60
ROUNDING = 1e-6  # of a covariance in float32, relative to its norm


@dataclass(frozen=True)
class Affine:
    """A map x -> matrix x + offset of features: (D, C) and (D, 1)."""

    matrix: Value
    offset: Value

    def after(self, other: 'Affine') -> 'Affine':
        """Return the map that applies another one first."""
        return other.before(self.matrix, self.offset)

    def before(self, matrix: Value, offset: Value) -> 'Affine':
        """Return the map that continues with x -> matrix x + offset."""
        return Affine(matrix @ self.matrix, matrix @ self.offset + offset)


@dataclass(frozen=True)
class Statistics:
    """Mean (C, 1) and covariance (C, C) of the features of an image at one layer."""

    mean: Value
    covariance: Value

    @classmethod
    def of(cls, features: Value) -> 'Statistics':
        """Return the statistics of features (1, C, H, W)."""
        rows = features.graph.node('Flatten', [features], axis=2)  # (C, H * W)
        count = rows.length(1).cast(np.float32)
        mean = rows.sum(1) / count
        centred = rows - mean
        return cls(mean, centred @ centred.transposed(1, 0) / count)

    def mapped(self, affine: Affine) -> 'Statistics':
        """Return the statistics of the features that a map makes of these."""
        mean = affine.matrix @ self.mean + affine.offset
        covariance = affine.matrix @ self.covariance @ affine.matrix.transposed(1, 0)
        return Statistics(mean, covariance)


def transport_map(content: Statistics, style: Statistics, strength: Value, size: int) -> Affine:
    """Return the map of statistics.transport_map for features with so many channels."""
    identity = content.mean.graph.constant(torch.eye(size))
    matrix = optimal_transport(content.covariance, style.covariance, size).cast(np.float32)
    matrix = identity + (matrix - identity) * strength
    mean = content.mean + (style.mean - content.mean) * strength
    return Affine(matrix, mean - matrix @ content.mean)


def optimal_transport(content: Value, style: Value, size: int) -> Value:
    """Return the matrix of statistics.optimal_transport, in float64, of covariances (C, C).

    It is S (K S)^-1/2, with the covariances K of the content and S of the style, both damped.  The
    iteration of Newton and Schulz for the sign of [[0, S], [K, 0]] converges to it, in the upper
    right (Higham 2008, Functions of Matrices, 5.3 and 6.7); it needs products alone.
    """
    k, s = content.cast(np.float64), style.cast(np.float64)
    graph = k.graph
    identity = graph.constant(torch.eye(size).double())
    level = (s * identity).sum(0, 1) * graph.double(DAMPING / size) + graph.double(1e-12)
    # what a style of one colour damps is less than the rounding, by which K has values below 0
    rounding = (k * k).sum(0, 1).sqrt() * graph.double(ROUNDING)
    k, s = k + identity * graph.node('Max', [level, rounding]), s + identity * level
    product = k @ s
    # the Frobenius norm of S^1/2 K S^1/2, which has the eigenvalues of K S
    norm = (product * product.transposed(1, 0)).sum(0, 1).sqrt()

    def step(branch: Graph, state: list[Value]) -> tuple[Value, list[Value]]:
        x, y = state
        residual = y @ x - identity
        half = residual * graph.double(0.5)
        norm = (residual * residual).sum(0, 1).reshaped().sqrt()
        goes_on = branch.node('Greater', [norm, graph.double(TOLERANCE)])
        return goes_on, [x - x @ half, y - half @ y]

    x, _ = graph.loop(step, [s, k / norm], [size, size], MOST_STEPS)
    return x / norm.sqrt()
