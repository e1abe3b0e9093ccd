"""The optimiser of every stage: clip -> Adam(W) -> warm-up, constant, linear to zero.

Decoupled weight decay acts on matrices and kernels only, by name: never on biases, norms' scales
or embeddings.
"""

from __future__ import annotations

import dataclasses
import re

import jax
import optax

from playmate_jax.parallel.mesh import path_name
from playmate_jax.training.packing import Packing


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam and its schedule; shares are of the whole run, so that `--steps` rescales them."""

    learning_rate: float = 1e-3
    b1: float = 0.9
    b2: float = 0.99
    eps: float = 1e-8
    clip_norm: float = 1.0
    weight_decay: float = 0.0
    decay_pattern: str = r"(^|/)kernel$"
    warmup_share: float = 0.01
    anneal_share: float = 0.6
    ema_decay: float = 0.998
    # (regex of a parameter's name, factor of its steps): the first match counts. Adam moves every
    # weight by the learning rate, so a layer with small outputs needs smaller steps.
    rates: tuple[tuple[str, float], ...] = ()


def schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """Linear warm-up, a plateau, then linear to zero at `total_steps`."""
    warmup = max(1, round(config.warmup_share * total_steps))
    anneal = max(1, round(config.anneal_share * total_steps))
    if warmup + anneal > total_steps:
        anneal = max(1, total_steps - warmup)
    plateau_end = max(warmup, total_steps - anneal)
    shape = optax.join_schedules(
        [
            optax.linear_schedule(config.learning_rate / warmup, config.learning_rate, warmup),
            optax.constant_schedule(config.learning_rate),
            optax.linear_schedule(config.learning_rate, 0.0, anneal),
        ],
        [warmup, plateau_end],
    )
    # The barrier keeps XLA from computing the rate anew in the update of every parameter.
    return lambda step: jax.lax.optimization_barrier(shape(step))


def matching(params: optax.Params, pattern: str) -> optax.Params:
    """A tree of booleans: whether the regex matches in each parameter's name."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: re.search(pattern, path_name(path)) is not None, params
    )


def scaled_by_name(rates: tuple[tuple[str, float], ...]) -> optax.GradientTransformation:
    """Each update times the factor of the first pattern that its name matches, else 1.

    The parts of the partition remember nothing, so their empty state is made anew at every step:
    the optimiser's memory has the same form with rates and without, in checkpoints too.
    """

    def label(path: tuple, _: jax.Array) -> int:
        name = path_name(path)
        return next((n for n, (pattern, _) in enumerate(rates) if re.search(pattern, name)), -1)

    by_name = optax.partition(
        {-1: optax.identity(), **{n: optax.scale(rate) for n, (_, rate) in enumerate(rates)}},
        lambda updates: jax.tree_util.tree_map_with_path(label, updates),
    )
    return optax.stateless(lambda updates, _: by_name.update(updates, by_name.init(updates))[0])


def optimizer(config: OptimizerConfig, total_steps: int) -> optax.GradientTransformation:
    """The chain described by the configuration."""
    parts = [
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(b1=config.b1, b2=config.b2, eps=config.eps),
    ]
    if config.weight_decay:
        parts.append(
            optax.add_decayed_weights(
                config.weight_decay, mask=lambda params: matching(params, config.decay_pattern)
            )
        )
    if config.rates:
        parts.append(scaled_by_name(config.rates))
    parts.append(optax.scale_by_learning_rate(schedule(config, total_steps)))
    return optax.chain(*parts)


def packing(config: OptimizerConfig, params: optax.Params) -> Packing:
    """How the parameters are packed for this optimiser: what it treats by name stays apart."""
    decayed = [config.decay_pattern] if config.weight_decay else []
    rated = [pattern for pattern, _ in config.rates]
    return Packing.of(params, (*decayed, *rated))
