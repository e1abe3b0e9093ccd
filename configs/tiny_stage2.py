"""Stage 2 as small as it still learns: emotions in a minute, for tests and first steps.

    playmate train configs/tiny_stage2.py --workdir runs/tiny/stage2

Paper: stage 2 (section 3.3): two DiT blocks on the frozen network of tiny_stage1, whose weights
(runs/tiny/stage1/weights) it needs; configs/tiny_stage1.py says how the clips are made.
Hardware: two CPU cores (AMD EPYC); 0.6 minutes with compilation.
Expected, of the 6 clips of the validation split: held_out/loss 0.37, emotion_accuracy 1.0 (by
chance 0.13); the jaw's correlation falls to 0.73.
"""

from playmate_jax.losses.motion import LossConfig
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage2 import Stage2Config


def config() -> Stage2Config:
    """The run that tests/training/test_learning.py shortens and measures."""
    return Stage2Config(
        steps=300,
        stage1="runs/tiny/stage1/weights",
        clips="runs/tiny/emotional",
        emotion=EmotionConfig(heads=2, mlp_ratio=2, condition_width=64),
        loss=LossConfig(previous_noise="ddpm"),
        optimizer=OptimizerConfig(learning_rate=4e-3, warmup_share=0.03, ema_decay=0.99),
        loop=LoopConfig(log_every=50, eval_every=100),
        name="tiny",
        domain="drawn",
    )
