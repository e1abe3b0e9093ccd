"""The demo world's own network of lips and speech: do they belong together on a synthetic face?

    python -m playmate_jax.data.speaking_people runs/speaking/train.npz
    python -m playmate_jax.data.speaking_people runs/speaking/test.npz --seed 52 --clips 48 \
        --seconds 3 --held-out
    playmate train configs/demo_sync.py --workdir runs/demo_sync

It has to tell 16 windows of a clip apart, so it learns times and nothing of people or voices.
"""

from playmate_jax.training.demo_metrics import DemoSyncConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig


def config() -> DemoSyncConfig:
    """The run that made the shipped weights (playmate_jax/weights/metrics/demo-syncnet)."""
    return DemoSyncConfig(
        steps=800,
        people="runs/speaking/train.npz",
        held_out="runs/speaking/test.npz",
        optimizer=OptimizerConfig(learning_rate=2e-3, ema_decay=0.99, weight_decay=0.01),
        loop=LoopConfig(log_every=40, eval_every=0),
    )
