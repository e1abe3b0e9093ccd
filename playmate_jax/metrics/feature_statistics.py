"""Distances between two sets of features: Frechet's (FID, FVD) and the kernel's (KID).

A state is filled in parts of any size and order, on any number of hosts, and merged:

    state = FeatureMoments.empty(2048)
    state = state.update(features)          # (n, 2048)
    state = state.merge(other)
    frechet_distance(state, reference)

Everything is float64: features of a network are float32, and of 2048 of them a covariance has
eigenvalues over ten decades.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError

KERNEL_SUBSETS, KERNEL_SIZE = 100, 1000  # Binkowski et al. 2018


@dataclasses.dataclass(frozen=True)
class FeatureMoments:
    """Number, mean and scatter of feature vectors of d numbers.

    Attributes:
      count: vectors seen.
      mean: of them; zeros where there are none.
      scatter: sum of (x - mean)(x - mean)^T.
    """

    count: int
    mean: Float[np.ndarray, " d"]
    scatter: Float[np.ndarray, "d d"]

    @classmethod
    def empty(cls, size: int) -> FeatureMoments:
        """Of no vector of `size` numbers."""
        return cls(0, np.zeros(size), np.zeros((size, size)))

    @classmethod
    def of(cls, features: Float[np.ndarray, "n d"]) -> FeatureMoments:
        """Number, mean and scatter of these vectors."""
        x = np.asarray(features, np.float64)
        if not len(x):
            return cls.empty(x.shape[1])
        mean = x.mean(0)
        return cls(len(x), mean, (x - mean).T @ (x - mean))

    def update(self, features: Float[np.ndarray, "n d"]) -> FeatureMoments:
        """These and more vectors together."""
        return self.merge(FeatureMoments.of(features))

    def merge(self, other: FeatureMoments) -> FeatureMoments:
        """Of both sets together (Chan et al. 1979): nothing large is subtracted."""
        count = self.count + other.count
        if not (self.count and other.count):
            return self if self.count else other
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        between = np.outer(step, step) * (self.count * other.count / count)
        return FeatureMoments(count, mean, self.scatter + other.scatter + between)

    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Unbiased, by n - 1.

        Raises:
          UserError: fewer than two vectors.
        """
        if self.count < 2:  # noqa: PLR2004
            raise UserError(
                f"expected two images or clips or more on either side, found {self.count}: a "
                "spread needs more of them"
            )
        return self.scatter / (self.count - 1)


def frechet_distance(one: FeatureMoments, other: FeatureMoments) -> float:
    """|m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2) of two normal distributions
    (Dowson and Landau 1982; Heusel et al. 2017).

    The root's trace is that of the symmetric (R C2 R)^(1/2), R = C1^(1/2): eigenvalues that
    rounding makes negative count as 0, and no complex number appears.
    """
    c1, c2 = one.covariance(), other.covariance()
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ c2 @ root)
    trace = np.trace(c1) + np.trace(c2) - 2 * np.sqrt(np.maximum(product, 0)).sum()
    return float(np.square(one.mean - other.mean).sum() + trace)


def kernel_distance(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"], seed: int = 0
) -> tuple[float, float]:
    """KID: the unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, mean and
    standard deviation over 100 random subsets of at most 1000 of either set (Binkowski et al.
    2018). Sets of one size that are no larger are one subset, without a deviation."""
    x, y = (np.asarray(values, np.float64) for values in (one, other))
    size = min(KERNEL_SIZE, len(x), len(y))
    if size < 2:  # noqa: PLR2004
        raise UserError(f"expected two images or more on either side, found {size}: give more")
    rng = np.random.default_rng(seed)
    found = [
        _discrepancy(
            x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)]
        )
        for _ in range(1 if size == len(x) == len(y) else KERNEL_SUBSETS)
    ]
    return float(np.mean(found)), float(np.std(found))


def _discrepancy(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d"]) -> float:
    within = sum(
        (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))
        for kernel in (_kernel(x, x), _kernel(y, y))
    )
    return float(within - 2 * _kernel(x, y).mean())


def _kernel(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    return (x @ y.T / x.shape[1] + 1) ** 3
