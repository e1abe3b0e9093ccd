"""A run of seconds for tests of stopping and resuming: a small network with dropout, on rows that
depend on (seed, step) alone, with an evaluation that takes as long as it is told to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.parallel.share import Mean
from playmate_jax.training import LoopConfig, Stage, TrainState
from playmate_jax.training.optimizer import OptimizerConfig, optimizer


@dataclasses.dataclass(frozen=True)
class SmallConfig:
    """Attributes: step_s, evaluation_s: the least that a step's batch and an evaluation take;
    rows: of the global batch."""

    steps: int = 60
    seed: int = 3
    step_s: float = 0.02
    evaluation_s: float = 0.0
    rows: int = 8
    loop: LoopConfig = LoopConfig(
        log_every=5, checkpoint_minutes=0.02, checkpoint_every=20, eval_every=25
    )

    def stage(self) -> Stage:
        """The network's stage."""
        tx = optimizer(OptimizerConfig(learning_rate=0.01), self.steps)
        here = self.rows // jax.process_count()
        start_row = here * jax.process_index()

        def init(key):
            one, two = jax.random.split(key)
            params = {
                "hidden": {"kernel": jax.random.normal(one, (6, 32)), "bias": jnp.zeros(32)},
                "output": {"kernel": jax.random.normal(two, (32, 2)), "bias": jnp.zeros(2)},
            }
            return TrainState.create(params, tx)

        def step(state, batch, key, share):
            def loss(packed, batch, keys):
                params = state.packing.unpack(packed)
                hidden = jnp.tanh(
                    batch["x"] @ params["hidden"]["kernel"] + params["hidden"]["bias"]
                )
                kept = jax.vmap(lambda k: jax.random.bernoulli(k, 0.8, (32,)))(keys)
                output = (hidden * kept) @ params["output"]["kernel"] + params["output"]["bias"]
                error = output - batch["y"]
                return {"error": Mean(jnp.sum(error**2), error.size)}

            gradients, metrics = share.gradients(loss, {"error": 1.0}, state.packed, batch, key)
            state, norms = state.updated(tx, gradients, 0.99)
            return state, {**metrics, **norms}

        def batches(seed: int, start: int) -> Iterator[dict[str, np.ndarray]]:
            number = start
            while True:
                time.sleep(self.step_s)
                x = np.random.default_rng((seed, number)).normal(size=(self.rows, 6))
                x = x.astype(np.float32)[start_row : start_row + here]
                yield {"x": x, "y": x[:, :2] * x[:, 2:4]}
                number += 1

        def evaluate(state, pause):
            for _ in range(round(self.evaluation_s / 0.1)):
                pause()
                time.sleep(0.1)
            return {"size": float(sum(jnp.sum(x**2) for x in jax.tree.leaves(state.params)))}

        return Stage("small", init, step, batches, {"held_out": evaluate})


def config() -> SmallConfig:
    """The configuration, for `playmate train`."""
    return SmallConfig()
