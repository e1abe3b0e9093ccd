"""Training: stages as values, one loop for all of them."""

from playmate_jax.configuration import with_overrides
from playmate_jax.training.experiment import load_config, run_config
from playmate_jax.training.loop import LoopConfig, Trained, train
from playmate_jax.training.stage import Stage, TrainState

__all__ = [
    "LoopConfig",
    "Stage",
    "TrainState",
    "Trained",
    "load_config",
    "run_config",
    "train",
    "with_overrides",
]
