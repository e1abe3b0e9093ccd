"""Stitching and retargeting as LivePortrait has them (its stage 2): S, eyes and lips, full size.

    playmate train configs/paper_stitching.py --workdir runs/paper/stitching
    playmate train configs/paper_stitching.py --workdir runs/s --set renderer=liveportrait

Needs a face space at 256 x 256 that stays as it is (--set renderer=FOLDER, or the published one's
name) and clips of at least two people with images of that size.
Published: the MLPs' sizes, cross-identity driving, wanted openness from [0, 0.8], the three kinds
of terms, two days on eight A100. Not published, and ours: the weights of the terms, how openness is
read from a drawn face (training/openness_fit.py), batch size, steps, optimiser; batch size and Adam
are those of LivePortrait's stage 1. Expected: not measured.
"""

from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.retargeting import RetargetingConfig


def config() -> RetargetingConfig:
    """LivePortrait's second stage, with what it leaves open."""
    return RetargetingConfig(
        steps=100_000,
        renderer="runs/paper/face_space/weights",
        clips="data/face_space",
        optimizer=OptimizerConfig(
            learning_rate=2e-4, b1=0.5, b2=0.999, anneal_share=0.1, ema_decay=0.9999
        ),
        batch_size=104,
    )
