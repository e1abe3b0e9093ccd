"""A training stage as a value: what to initialise, how to step, what to measure.

The loop (`loop.py`) knows no losses; a stage knows no files, no devices and no checkpoints. Every
stage of Playmate (face space, stitching, speech -> motion, emotion) is one `Stage`, built from a
frozen configuration in configs/.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import flax.struct
import jax
import jax.numpy as jnp
import optax

from playmate_jax.parallel.share import Share

# Arrays by name: {"block_1": {"query": {"kernel": (256, 256)}}}. A name that stands for itself is
# for mypy alone: while the tests run, it cannot be resolved in other modules.
if TYPE_CHECKING:
    Params: TypeAlias = Mapping[str, "jax.Array | Params"]
else:
    Params: TypeAlias = Mapping[str, Any]
Metrics = Mapping[str, jax.Array]  # scalars
State = TypeVar("State")  # any pytree of arrays: TrainState, Stage2State, FaceSpaceState
Batch = TypeVar("Batch")  # a TypedDict that names its arrays: MotionBatch, SyntheticPairBatch


@dataclasses.dataclass(frozen=True)
class Stage(Generic[State, Batch]):
    """What the loop needs to know of a training run.

    Args:
        name: a noun for the progress line.
        init: key -> state (jitted by the loop).
        step: (state, batch, key) -> (state, scalar metrics). Pure; jitted with the state donated.
            The key is `fold_in(seed, step)`, so that a resumed run draws what an uninterrupted one
            would have drawn.
        batches: (seed, start_step) -> iterator of batches (dicts of numpy arrays, leading axis =
            this process's rows). Batch number n must depend on (seed, n) alone, or the iterator
            must offer `get_state()` (JSON-able) and `set_state(state)`, which then travel in the
            checkpoint.
        evals: name -> (state -> dict of floats); run every `eval_every` steps and at the end.
        export: (state, directory) writes the weights that inference reads.
        description: JSON-able configuration, kept in the checkpoint so that it explains itself.
    """

    name: str
    init: Callable[[jax.Array], State]
    step: Callable[[State, Batch, jax.Array, Share], tuple[State, Metrics]]
    batches: Callable[[int, int], Iterator[Batch]]
    evals: Mapping[str, Callable[[State], Mapping[str, float]]] = dataclasses.field(
        default_factory=dict
    )
    export: Callable[[State, Path], None] | None = None
    description: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@flax.struct.dataclass
class TrainState:
    """Parameters, their EMA and the optimiser's memory: the state most stages carry."""

    params: Params
    ema: Params
    opt_state: optax.OptState
    count: Any  # int32 scalar; while a tree is rebuilt, whatever stands in its place

    @classmethod
    def create(cls, params: Params, tx: optax.GradientTransformation) -> TrainState:
        """The state before a run; the EMA is a copy: donated buffers must not be shared."""
        return cls(
            params=params,
            ema=jax.tree.map(jnp.copy, params),
            opt_state=tx.init(params),
            count=jnp.zeros((), jnp.int32),
        )

    def updated(
        self, tx: optax.GradientTransformation, gradients: Params, ema_decay: float
    ) -> tuple[TrainState, Metrics]:
        """One optimiser step, then the EMA; and norms. The EMA's decay is min(`ema_decay`,
        (1 + n) / (10 + n)) at step n, so that the first random weights are soon forgotten."""
        updates, opt_state = tx.update(gradients, self.opt_state, self.params)
        params = optax.apply_updates(self.params, updates)
        decay = jnp.minimum(ema_decay, (1.0 + self.count) / (10.0 + self.count))
        ema = jax.tree.map(lambda m, p: decay * m + (1.0 - decay) * p, self.ema, params)
        norms = {
            "gradient_norm": optax.global_norm(gradients),
            "update_norm": optax.global_norm(updates),
            "parameter_norm": optax.global_norm(params),
        }
        return TrainState(params, ema, opt_state, self.count + 1), norms
