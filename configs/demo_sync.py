"""The demo world's own SyncNet: does the speech fit the lips of a synthetic face?

    python -m playmate_jax.data.speaking_people runs/speaking/train.npz
    python -m playmate_jax.data.speaking_people runs/speaking/test.npz --seed 52 --clips 48 \
        --seconds 3 --held-out
    playmate train configs/demo_sync.py --workdir runs/demo_sync

The form of SyncNet with a fortieth of its parameters, on the middle of its crop, at 64 pixels. It
has to tell the 31 windows of a clip apart, so it learns times and nothing of people or voices.
"""

from playmate_jax.models.syncnet import SyncNetConfig
from playmate_jax.training.demo_metrics import DemoSyncConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig


def config() -> DemoSyncConfig:
    """The run that made the shipped weights (playmate_jax/weights/metrics/demo-syncnet)."""
    return DemoSyncConfig(
        steps=300,
        people="runs/speaking/train.npz",
        held_out="runs/speaking/test.npz",
        network=SyncNetConfig(
            audio_widths=(16, 32, 48, 48, 48, 64),
            lip_widths=(16, 32, 48, 48, 48, 64),
            hidden=96,
            size=32,
            image_size=64,
        ),
        optimizer=OptimizerConfig(learning_rate=3e-3, ema_decay=0.99, weight_decay=0.01),
        loop=LoopConfig(log_every=20, eval_every=0),
    )
