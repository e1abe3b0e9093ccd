"""Stitching and retargeting on the demo's renderer, in minutes: synthetic people.

    playmate prepare drawn --out runs/tiny/faces128 --seed 5 --identities 60 --hours 0.1 \
        --size 128 --set seconds=6 --set frames=8
    playmate train configs/tiny_stitching.py --workdir runs/tiny/stitching

LivePortrait's stage 2 (configs/paper_stitching.py) on the shipped renderer, which stays as it is.
Synthetic faces have no landmarks: the face landmarker looks at 512 of them at the start.
Hardware: two CPU cores, 7 minutes with compilation while other programs ran on them.
Expected, on 24 pairs of the three people of the test split (metrics/retargeting.py), without the
networks and with them: error of the eyes' openness 0.051 and 0.032, of the lips' 0.051 and 0.025;
eyes asked to shut 0.40 and 0.20 (shut lids of a synthetic face are read as 0.22); the seam below
the chin 4.9 and 4.4 levels of 255.
"""

from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.retargeting import RetargetingConfig


def config() -> RetargetingConfig:
    """A run whose report is metrics/retargeting.py's."""
    return RetargetingConfig(
        steps=300,
        renderer="demo",
        clips="runs/tiny/faces128",
        optimizer=OptimizerConfig(learning_rate=1e-3, ema_decay=0.99),
        loop=LoopConfig(log_every=20, eval_every=100),
        storage="float16",
        name="tiny",
        domain="drawn",
    )
