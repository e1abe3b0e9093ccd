"""Stage 2 at demo size: the emotion controller, stage 1 frozen (paper §3.3).

    playmate train configs/demo_stage2.py --workdir runs/demo/stage2

Needs stage 1's weights (runs/demo/stage1_head/weights) and the emotional clips
(configs/demo_stage1.py says how both are made).
Hardware: two CPU cores, 4 minutes. Expected: see the card in playmate_jax/weights/demo.
"""

from playmate_jax.configs.demo_stage1 import UNITS
from playmate_jax.losses.motion import LossConfig
from playmate_jax.losses.readouts import ReadoutConfig
from playmate_jax.models.emotion import demo_emotion
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage2 import Stage2Config

# Emotions that differ in little else: fear and surprise by the brows' tilt, contempt by one corner
# of the mouth.
SHOWN = UNITS | dict.fromkeys(("brow_tilt", "frown", "smile", "asym"), 0.7)


def config() -> Stage2Config:
    """The emotions of the shipped weights."""
    return Stage2Config(
        steps=1600,
        stage1="runs/demo/stage1_head/weights",
        clips="runs/demo/clips/emotional",
        emotion=demo_emotion(),
        loss=LossConfig(
            velocity_weight=1.0,
            readout_weight=3.4,
            event_weight=1.0,
            readout=ReadoutConfig("synthetic_faces", tuple(SHOWN.items()), event="close"),
            previous_noise="ddpm",
        ),
        identity_noise=0.2,
        optimizer=OptimizerConfig(learning_rate=1e-3, warmup_share=0.03, ema_decay=0.998),
        storage="float16",
        name="demo",
        domain="drawn",
    )
