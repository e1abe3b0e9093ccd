"""Stage 1 as the paper has it (§3.2, §4.1): noise prediction with Eq. 7, full size, Adam 1e-4.

    playmate train configs/paper_stage1.py --workdir runs/paper/stage1

The paper's numbers: 80,000 clips, four A100 for three days; batch size, steps and learning rate
are not in the paper. Features: wav2vec2-base, cached per clip. Expected: the loss of held-out
clips at .06 after 700 steps of batch 8 (docs/throughput.md); a whole run: not measured.
"""

from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config


def config() -> Stage1Config:
    """Stage 1 as the paper trains it."""
    return Stage1Config(
        steps=200_000,
        clips="data/stage1",
        model=MotionModelConfig(),
        optimizer=OptimizerConfig(
            learning_rate=1e-4, b2=0.999, anneal_share=0.1, warmup_share=0.02, ema_decay=0.9999
        ),
        batch_size=64,
    )
