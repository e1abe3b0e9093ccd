"""Stage 1 at demo size, second half: the head. Goes on from the lips of demo_stage1.

    playmate train configs/demo_stage1_head.py --workdir runs/demo/stage1_head

What speech does not determine is learned last, and lips that weigh a lot keep it waiting: after
demo_stage1 the head turns a third as far as people do. Here pose weighs three times as much and the
units' readout a third.
Hardware: two CPU cores, 20 minutes. Expected: see the card in playmate_jax/weights/demo.
"""

import dataclasses

from playmate_jax.configs import demo_stage1
from playmate_jax.training.stage1 import Stage1Config


def config() -> Stage1Config:
    """From the first half's weights, on the same clips."""
    first = demo_stage1.config()
    loss = dataclasses.replace(first.loss, pose_weight=8.0, readout_weight=2.0, event_weight=4.0)
    return dataclasses.replace(
        first, steps=6600, start="runs/demo/stage1/weights", loss=loss, seed=1
    )
