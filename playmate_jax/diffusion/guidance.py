"""Chained multi-condition guidance (Eq. 8; InstructPix2Pix, Brooks et al. 2023).

The denoiser is evaluated on branches ordered from no condition to all of them, for example (none,
audio, audio + emotion), and each added condition has a scale:

    guided = branch_0 + sum_i scale_i (branch_i - branch_{i-1})

All scales 0 gives the unconditional estimate, all scales 1 the fully conditional one.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree


def chained(
    branches: Float[Array, "n *x"], scales: Float[ArrayLike, " n_minus_1"] | Sequence[ArrayLike]
) -> Float[Array, "*x"]:
    """Eq. 8: the guided estimate from those of all branches.

    Args:
      branches: the n estimates, ordered from no condition to all conditions.
      scales: n - 1 scales, one per added condition.

    Raises:
      ValueError: another number of scales.
    """
    scales = jnp.asarray(scales, branches.dtype)
    if scales.shape != (branches.shape[0] - 1,):
        raise ValueError(
            f"expected {branches.shape[0] - 1} scales, one per added condition, "
            f"found {scales.shape}"
        )
    return branches[0] + jnp.tensordot(scales, branches[1:] - branches[:-1], 1)


def guided(
    predict: Callable[[Array, Array, PyTree], Array], conditions: PyTree, scales: ArrayLike
) -> Callable[[Array, Array], Array]:
    """A noise predictor with guidance that evaluates all branches in one batched call.

    Args:
      predict: (x (n*b, ...), step, conditions (n*b, ...)) -> noise (n*b, ...).
      conditions: a tree of arrays (n, b, ...), the conditions of each branch; a leaf may be None.
      scales: n - 1 scales, one per added condition.

    Returns:
      (x (b, ...), step) -> guided noise (b, ...).
    """
    n_branches = jax.tree.leaves(conditions)[0].shape[0]
    flat = jax.tree.map(lambda c: c.reshape((-1,) + c.shape[2:]), conditions)

    def predict_guided(x, step):
        tiled = jnp.broadcast_to(x, (n_branches,) + x.shape).reshape((-1,) + x.shape[1:])
        noise = predict(tiled, step, flat)
        return chained(noise.reshape((n_branches,) + x.shape), scales)

    return predict_guided
