"""Stage 1 as small as it still learns: lips from speech in a minute, for tests and first steps.

    playmate prepare drawn --out runs/tiny/neutral --seed 5 --identities 60 --hours 0.15 \
        --size 32 --set seconds=4.5 --set frames=1 --set emotional=false
    playmate prepare drawn --out runs/tiny/emotional --seed 6 --identities 60 --hours 0.15 \
        --size 32 --set seconds=4.5 --set frames=1
    playmate train configs/tiny_stage1.py --workdir runs/tiny/stage1

Paper: stage 1 (section 3.2), at width 64 x 2 layers and windows of 40 frames; log-mel features; x0
prediction with the lips' readout, as in demo_stage1. The emotional clips are for the statistics.
Hardware: two CPU cores (AMD EPYC); 0.8 minutes with compilation.
Expected, of the 6 clips of the validation split: held_out/loss 0.32, correlation_jaw 0.92 (with
another clip's jaw -0.25), head_spread 0.24: the head is learned last, and not in this time.
"""

from playmate_jax.losses.motion import LossConfig
from playmate_jax.losses.readouts import ReadoutConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.synthetic.expression import LIPS
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config


def config() -> Stage1Config:
    """The run that tests/training/test_learning.py shortens and measures."""
    return Stage1Config(
        steps=600,
        clips="runs/tiny/neutral",
        # smiles and frowns are measured in the std of faces that show them
        statistics="runs/tiny/neutral,runs/tiny/emotional",
        model=MotionModelConfig(
            generator=MotionDenoiserConfig(
                speech_size=96,
                width=64,
                condition_width=16,
                layers=2,
                heads=2,
                feed_forward=128,
                kernel_size=9,
                dropout=0.0,
                prediction="x0",
                window=WindowConfig(length=40, previous=5),
            ),
            speech="log_mel",
        ),
        loss=LossConfig(
            readout_weight=1.0,
            readout=ReadoutConfig("synthetic_faces", tuple((name, 1.0) for name in LIPS)),
            previous_noise="ddpm",
        ),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup_share=0.03, ema_decay=0.99),
        loop=LoopConfig(log_every=50, eval_every=200),
        name="tiny",
        domain="drawn",
    )
