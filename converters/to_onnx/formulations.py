"""What ONNX has no operation for, said in JAX's other primitives: small linear systems.

Small renderers solve a 4 x 4 system for the head's motion. The loops over its rows are unrolled.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from playmate_jax.errors import UserError

LARGEST = 16  # rows of a system that is unrolled


def lu(
    a: Float[Array, "*b n n"], **params: Any
) -> tuple[Float[Array, "*b n n"], Int[Array, "*b n"], Int[Array, "*b n"]]:
    """`jax.lax.linalg.lu`: factors in one matrix, the row exchanged at each step, and the order of
    rows.

    Raises:
      UserError: the system is not square, or too large.
    """
    n = _rows(a)
    if a.shape[-2] != n:
        raise UserError(f"expected a square matrix, found {a.shape[-2:]}")
    rows = jnp.arange(n)
    order = jnp.broadcast_to(rows, a.shape[:-1])
    pivots = []
    for k in range(n):
        candidates = jnp.where(rows >= k, jnp.abs(a[..., k]), -1.0)
        pivot = jnp.argmax(candidates, -1).astype(jnp.int32)
        pivots.append(pivot)
        at = pivot[..., None]
        # the exchange of rows k and pivot, as a product with a permutation matrix
        source = jnp.where(rows == k, at, jnp.where(rows == at, k, rows))
        exchange = (source[..., None] == rows).astype(a.dtype)
        a = (exchange[..., None] * a[..., None, :, :]).sum(-2)
        order = (exchange.astype(jnp.int32) * order[..., None, :]).sum(-1)
        factors = jnp.where(rows > k, a[..., k] / a[..., k, k, None], 0.0)
        below = a - factors[..., None] * jnp.where(rows > k, a[..., k, None, :], 0.0)
        a = jnp.where((rows == k) & (rows[:, None] > k), factors[..., None], below)
    return a, jnp.stack(pivots, -1), order


def triangular_solve(
    a: Float[Array, "*b n n"],
    b: Float[Array, "*b n m"],
    *,
    left_side: bool,
    lower: bool,
    transpose_a: bool,
    conjugate_a: bool,
    unit_diagonal: bool,
) -> Float[Array, "*b n m"]:
    """`jax.lax.linalg.triangular_solve` by substitution.

    Raises:
      UserError: the unknown stands to the left, or the system is too large.
    """
    if not left_side:
        raise UserError("expected a triangular system a x = b, found x a = b")
    n = _rows(a)
    if transpose_a:
        a, lower = a.swapaxes(-1, -2), not lower
    found: dict[int, Array] = {}
    for i in range(n) if lower else reversed(range(n)):
        rest = b[..., i, :]
        for j, x in found.items():
            rest = rest - a[..., i, j, None] * x
        found[i] = rest if unit_diagonal else rest / a[..., i, i, None]
    return jnp.stack([found[i] for i in range(n)], -2)


def _rows(a: Array) -> int:
    if a.shape[-1] > LARGEST:
        raise UserError(f"expected a linear system of at most {LARGEST} rows, found {a.shape[-1]}")
    return a.shape[-1]


TABLE: Mapping[str, Callable[..., Any]] = {"lu": lu, "triangular_solve": triangular_solve}
