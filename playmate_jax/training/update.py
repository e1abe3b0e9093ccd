"""One training step as the loop compiles it: a stage's step, made safe and shared.

A step whose metrics are not finite (a gradient's norm is among them) leaves the state as it was,
and so do all later ones, until the loop sees it: what is saved is finite, and the state before the
bad step is still there to be looked at. Requests of the processes (to save, to stop) travel with
the step, so that all of them hear the same at the same step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from playmate_jax.parallel.executors import Step
from playmate_jax.parallel.share import Share, numbered
from playmate_jax.training.stage import Stage

NEVER = -1


@flax.struct.dataclass
class Carry:
    """What goes from step to step.

    Attributes:
      state: the stage's.
      failed_at: int32, the first step whose metrics were not finite; -1: none.
    """

    state: Any
    failed_at: Any


@flax.struct.dataclass
class Outputs:
    """What a step reports, on every device.

    Attributes:
      metrics: scalars by name.
      request: int32, the largest request of all processes.
      failed_at: as in `Carry`.
    """

    metrics: Any  # while a tree is rebuilt, whatever stands in the scalars' place
    request: Any
    failed_at: Any


def keys(seed: int) -> tuple[jax.Array, jax.Array]:
    """The key of the initial state, and the key that all steps derive theirs from. Both are of a
    split: `fold_in(key, n)` of one key is also its n-th split."""
    first, second = jax.random.split(jax.random.key(seed))
    return first, second


def key_of_step(key: jax.Array, number: Any) -> jax.Array:
    """The key of a step: its number in the first word. Rows have theirs in the last
    (parallel/share.py), so that every row of every step has a key of its own."""
    return numbered(key, number, 0)


def update_of(stage: Stage, key: jax.Array) -> Callable[[Share], Step]:
    """(carry, batch, requests (1 a device), step's number) -> (carry, outputs), for a share.

    Args:
      key: that all steps derive theirs from.
    """

    def make(share: Share) -> Step:
        def update(carry: Carry, batch: Any, requests: Any, number: Any) -> tuple[Carry, Outputs]:
            state, metrics = stage.step(carry.state, batch, key_of_step(key, number), share)
            finite = jnp.isfinite(sum(jnp.float32(value) for value in metrics.values()))
            before = carry.failed_at >= 0
            # The barrier keeps XLA from computing it anew in the update of every parameter.
            counts = jax.lax.optimization_barrier(finite & ~before)
            failed_at = jnp.where(before | finite, carry.failed_at, number.astype(jnp.int32))
            state = jax.tree.map(
                lambda new, old: old if new is old else jnp.where(counts, new, old),
                state,
                carry.state,
            )
            outputs = Outputs(metrics, share.largest(requests), failed_at)
            return Carry(state, failed_at), outputs

        return update

    return make
