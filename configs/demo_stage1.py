"""Stage 1 at demo size: motion from speech, on speaking synthetic people (paper §3.2).

    playmate prepare drawn --out runs/demo/clips/neutral --seed 1 --identities 5600 --size 64 \
        --set seconds=12 --set frames=1 --set voice=mix --set emotional=false
    playmate prepare drawn --out runs/demo/clips/emotional --seed 2 --identities 2800 --size 64 \
        --set seconds=12 --set frames=1 --set voice=mix --set varied=true
    playmate train configs/demo_stage1.py --workdir runs/demo/stage1

The emotional clips are for stage 2, but statistics are of both: 9 in 10 people of each set are for
training, and one image a clip is the least that a record has. Without espeak-ng, flite
and festival every voice is the formant synthesiser's, and lips learned from it follow other voices
less well.
Departs from the paper: width 128 x 4 layers; log-mel features for wav2vec2; the network predicts
the clean motion with weight 1 (DESIGN §5: noise prediction learns no lips at this size), helped by
the error of velocities and of the units that viewers watch (lips, gaze), and by counting windows
with little noise more.
Hardware: two CPU cores, half an hour. Expected: see the card in playmate_jax/weights/demo.
"""

from playmate_jax.data.speech_noise import SpeechNoise
from playmate_jax.losses.motion import LossConfig
from playmate_jax.losses.readouts import ReadoutConfig
from playmate_jax.models.motion_denoiser import demo_generator
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.synthetic.expression import LIPS
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config

# Lips that meet for two frames and almost shut on an m are what viewers notice first; next, eyes
# that never move or never blink. The rest is small in a neutral face, and must be learned for
# emotions to use it.
UNITS = {
    **dict.fromkeys(LIPS, 1.0),
    "close": 1.7,
    **dict.fromkeys(("gaze_x", "gaze_y", "lid_l", "lid_r"), 0.5),
    **dict.fromkeys(("brow_tilt", "frown", "smile", "lip_up", "lip_lo", "cheek"), 0.3),
}


def config() -> Stage1Config:
    """The lips of the shipped weights."""
    return Stage1Config(
        steps=6000,
        clips="runs/demo/clips/neutral",
        statistics="runs/demo/clips/neutral,runs/demo/clips/emotional",
        model=MotionModelConfig(
            generator=demo_generator(speech_size=96), speech="log_mel", audio_scale=1.75
        ),
        loss=LossConfig(
            pose_weight=2.0,
            velocity_weight=1.0,
            pose_velocity_weight=30.0,
            readout_weight=3.7,
            event_weight=1.0,
            readout=ReadoutConfig("synthetic_faces", tuple(UNITS.items()), event="close"),
            snr_limit=5.0,
            previous_noise="ddpm",
        ),
        speech_noise=SpeechNoise(largest=0.5),
        identity_noise=0.2,
        optimizer=OptimizerConfig(learning_rate=1e-3, warmup_share=0.03, ema_decay=0.998),
        storage="float16",
        name="demo",
        domain="drawn",
    )
