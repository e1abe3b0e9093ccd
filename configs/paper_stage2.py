"""Stage 2 as the paper has it (§3.3, §4.1): two DiT blocks, stage 1 frozen, Eq. 7.

    playmate train configs/paper_stage2.py --workdir runs/paper/stage2

The paper's numbers: 30,000 clips with emotion labels, two A100 for two days. Expected: not
measured.
"""

from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage2 import Stage2Config


def config() -> Stage2Config:
    """Stage 2 as the paper trains it."""
    return Stage2Config(
        steps=100_000,
        stage1="runs/paper/stage1/weights",
        clips="data/stage2",
        emotion=EmotionConfig(),
        optimizer=OptimizerConfig(
            learning_rate=1e-4, b2=0.999, anneal_share=0.1, warmup_share=0.02, ema_decay=0.9999
        ),
        batch_size=64,
    )
