"""Control of stage 1: one synthesiser to learn from, another to be tested on.

    playmate prepare drawn --out runs/demo/clips/formant --seed 3 --identities 2800 --size 64 \
        --set seconds=12 --set frames=1 --set emotional=false
    playmate train configs/demo_formant_only.py --workdir runs/demo/formant_only
    python -m playmate_jax.metrics.speech_motion runs/demo/formant_only/weights --only lips

Lips that follow espeak's voices after this were learned from speech, not from one synthesiser.
Measured: jaw .72 on espeak's voices after 6 minutes of one core.
"""

import dataclasses

from playmate_jax.configs import demo_stage1
from playmate_jax.training.stage1 import Stage1Config


def config() -> Stage1Config:
    """The demo's stage 1, shorter, on formant voices alone."""
    clips = "runs/demo/clips/formant"
    return dataclasses.replace(
        demo_stage1.config(), steps=900, clips=clips, statistics="", name="formant only"
    )
