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

from playmate_jax.parallel.mesh import RULES, Rules
from playmate_jax.parallel.share import Share
from playmate_jax.training.packing import Packing

# Arrays by name: {"block_1": {"query": {"kernel": (256, 256)}}}. A name that stands for itself is
# for mypy alone: while the tests run, it cannot be resolved in other modules.
if TYPE_CHECKING:
    Params: TypeAlias = Mapping[str, "jax.Array | Params"]
else:
    Params: TypeAlias = Mapping[str, Any]
Metrics = Mapping[str, jax.Array]  # scalars
State = TypeVar("State")  # any pytree of arrays: TrainState, Stage2State, FaceSpaceState
Batch = TypeVar("Batch")  # a TypedDict that names its arrays: MotionBatch, SyntheticPairBatch
# (state, pause) -> numbers by name; see `Stage.evals`
Evaluation = Callable[[State, Callable[[], None]], Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Stage(Generic[State, Batch]):
    """What the loop needs to know of a training run.

    Args:
        name: a noun for the progress line.
        init: key -> state (jitted by the loop).
        step: (state, batch, key, share) -> (state, scalar metrics). Pure; compiled with the state
            donated, for this device's `share` of the batch. Metrics are of the whole batch, and
            the gradient's norm is among them: a step whose metrics are not finite has no effect.
        batches: (seed, start_step) -> iterator of batches (dicts of numpy arrays, leading axis =
            this process's rows). Batch number n must depend on (seed, n) alone, or the iterator
            must offer `get_state()` (JSON-able) and `set_state(state)`, which then travel in the
            checkpoint.
        evals: name -> evaluation, run every `eval_every` steps and at the end, on every process
            with a copy of the state on one device. It calls `pause()` between its pieces, equally
            often on every process, which raises where the run is to stop.
        export: (state, directory) writes the weights that inference reads; state on one device.
        description: JSON-able configuration, kept in the checkpoint so that it explains itself.
        rules: how parameters are divided over devices.
        learning_rate: step -> learning rate, for the log.
        flops: of one step on the whole batch, for model FLOP utilisation; 0: unknown.
        frames: video frames in a batch, over all processes; 0: unknown.
        notes: sentences for people, said once when a run starts: what is off, and why.
    """

    name: str
    init: Callable[[jax.Array], State]
    step: Callable[[State, Batch, jax.Array, Share], tuple[State, Metrics]]
    batches: Callable[[int, int], Iterator[Batch]]
    evals: Mapping[str, Evaluation[State]] = dataclasses.field(default_factory=dict)
    export: Callable[[State, Path], None] | None = None
    description: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    rules: Rules = RULES
    learning_rate: Callable[[int], Any] | None = None
    flops: float = 0.0
    frames: int = 0
    notes: tuple[str, ...] = ()


def moving_average(mean: Params, new: Params, decay: float, count: jax.Array) -> Params:
    """The exponential moving average after one more tree of values. Its decay is min(`decay`,
    (1 + n) / (10 + n)) at step n, so that the first random weights are soon forgotten."""
    share = jax.lax.optimization_barrier(jnp.minimum(decay, (1.0 + count) / (10.0 + count)))
    return jax.tree.map(lambda m, x: share * m + (1.0 - share) * x, mean, new)


@flax.struct.dataclass
class TrainState:
    """Parameters, their EMA and the optimiser's memory: the state most stages carry.

    `packed` and `packed_ema` are parameters as the optimiser sees them (training/packing.py);
    `params` and `ema` are the same by their own names.
    """

    packed: Params
    packed_ema: Params
    opt_state: optax.OptState
    count: Any  # int32 scalar; while a tree is rebuilt, whatever stands in its place
    packing: Packing = flax.struct.field(pytree_node=False)

    @classmethod
    def create(
        cls, params: Params, tx: optax.GradientTransformation, packing: Packing | None = None
    ) -> TrainState:
        """The state before a run; the EMA is a copy: donated buffers must not be shared.

        Args:
          packing: None: everything but kernels.
        """
        packing = packing or Packing.of(params)
        packed = packing.pack(params)
        return cls(
            packed=packed,
            packed_ema=jax.tree.map(jnp.copy, packed),
            opt_state=tx.init(packed),
            count=jnp.zeros((), jnp.int32),
            packing=packing,
        )

    @property
    def params(self) -> Params:
        """The parameters by their names."""
        return self.packing.unpack(self.packed)

    @property
    def ema(self) -> Params:
        """The exponential moving average of the parameters, by their names."""
        return self.packing.unpack(self.packed_ema)

    def updated(
        self, tx: optax.GradientTransformation, gradients: Params, ema_decay: float
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        """One optimiser step, then the EMA (`moving_average`).

        Args:
          gradients: packed.

        Returns:
          the new state, and the norms of the gradient before clipping, of the update, and of the
          parameters before it.
        """
        updates, opt_state = tx.update(gradients, self.opt_state, self.packed)
        packed = optax.apply_updates(self.packed, updates)
        ema = moving_average(self.packed_ema, packed, ema_decay, self.count)
        norms = {
            "gradient_norm": optax.global_norm(gradients),
            "update_norm": optax.global_norm(updates),
            "parameter_norm": optax.global_norm(self.packed),
        }
        state = dataclasses.replace(
            self, packed=packed, packed_ema=ema, opt_state=opt_state, count=self.count + 1
        )
        return state, norms
