"""The demo world's own classifier of emotions, of the boxes of synthetic faces.

    python -m playmate_jax.data.emotional_faces runs/speaking/emotions.npz --processes 2
    python -m playmate_jax.data.speaking_people runs/speaking/test.npz --seed 52 --clips 48 \
        --seconds 3 --held-out
    playmate train configs/demo_emotion.py --workdir runs/demo_emotion
"""

from playmate_jax.training.demo_metrics import DemoEmotionConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig


def config() -> DemoEmotionConfig:
    """The run that made the shipped weights (playmate_jax/weights/metrics/demo-emotion)."""
    return DemoEmotionConfig(
        steps=6000,
        people="runs/speaking/emotions.npz",
        held_out="runs/speaking/test.npz",
        optimizer=OptimizerConfig(learning_rate=2e-3, ema_decay=0.99, weight_decay=0.1),
        loop=LoopConfig(log_every=20, eval_every=500),
    )
