"""A stage that trains in a moment: linear regression, with noise from the rows' keys."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.parallel.share import Mean
from playmate_jax.training import LoopConfig, Stage, TrainState
from playmate_jax.training.optimizer import OptimizerConfig, optimizer

LOOP = LoopConfig(log_every=4, checkpoint_minutes=0, checkpoint_every=4)


def toy(
    total_steps=12,
    *,
    width=2,
    poison_at=None,
    poison_gradient=None,
    die_at=None,
    on_batch=lambda n: None,
    evaluation=None,
):
    """Linear regression of 8 rows with noise.

    Args:
      width: numbers that are predicted.
      poison_at: the batch that holds a NaN.
      poison_gradient: the step whose gradient alone is NaN.
      die_at: the batch that cannot be read.
      on_batch: called with the number of each batch that is fetched.
      evaluation: in place of one that gives the state's count.
    """
    tx = optimizer(OptimizerConfig(learning_rate=0.05), total_steps)

    def init(key):
        params = {"a": {"kernel": jax.random.normal(key, (3, width))}, "bias": jnp.zeros(width)}
        return TrainState.create(params, tx)

    def step(state, batch, key, share):
        def loss(packed, batch, keys):
            params = state.packing.unpack(packed)
            noise = 0.1 * jax.vmap(lambda k: jax.random.normal(k, (width,)))(keys)
            error = batch["x"] @ params["a"]["kernel"] + params["bias"] - batch["y"] + noise
            if poison_gradient is not None:  # sqrt is finite at 0, its derivative is not
                zero = jnp.square(params["bias"] + 1) * (state.count != poison_gradient)
                error = error + jnp.sqrt(zero)
            return {"error": Mean(jnp.sum(error**2), error.size)}

        gradients, metrics = share.gradients(loss, {"error": 1.0}, state.packed, batch, key)
        state, norms = state.updated(tx, gradients, 0.9)
        return state, {**metrics, **norms}

    def batches(seed, start):
        n = start
        while True:
            on_batch(n)
            if n == die_at:
                raise RuntimeError("killed")
            rng = np.random.default_rng((seed, n))
            x = rng.normal(size=(8, 3)).astype(np.float32)
            if n == poison_at:
                x[0, 0] = np.nan
            yield {"x": x, "y": np.resize(x[:, :2] - x[:, 1:], (8, width))}
            n += 1

    count = evaluation or (lambda state, pause: {"count": int(state.count)})
    return Stage("toy", init, step, batches, {"test": count})


def own_rows(stage):
    """The stage with this process's rows of each batch."""

    def batches(seed, start):
        for batch in stage.batches(seed, start):
            n = len(batch["x"]) // jax.process_count()
            rows = slice(jax.process_index() * n, (jax.process_index() + 1) * n)
            yield {name: value[rows] for name, value in batch.items()}

    return dataclasses.replace(stage, batches=batches)
