"""Stage 1 at demo size: motion from speech, on speaking synthetic people (paper §3.2).

    playmate train configs/demo_stage1.py --workdir runs/demo/stage1

Needs the pools of clips first: `python -m playmate_jax.training.demo_pools runs`.
Departs from the paper: width 128 x 4 layers; log-mel features for wav2vec2; the network predicts
the clean motion with weight 1 (DESIGN §5: noise prediction learns no lips at this size), helped by
the error of velocities and of the units that viewers watch (lips, gaze), and by counting windows
with little noise more.
Hardware: two CPU cores, half an hour. Expected: see the card in playmate_jax/weights/demo.
"""

from playmate_jax.losses.motion import LossConfig
from playmate_jax.models.motion_denoiser import demo_generator
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.training.motion_clips import SpeechNoise
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage1 import Stage1Config


def config() -> Stage1Config:
    """The lips of the shipped weights."""
    return Stage1Config(
        steps=6000,
        clips="runs/demo/clips/train_mix",
        statistics="runs/demo/clips/train_mix,runs/demo/clips/emotional",
        model=MotionModelConfig(
            generator=demo_generator(speech_size=96), speech="log_mel", audio_scale=1.75
        ),
        loss=LossConfig(
            pose_weight=2.0,
            velocity_weight=1.0,
            pose_velocity_weight=30.0,
            readout_weight=3.7,
            event_weight=1.0,
            snr_limit=5.0,
            previous_noise="ddpm",
        ),
        speech_noise=SpeechNoise(largest=0.5),
        optimizer=OptimizerConfig(learning_rate=1e-3, warmup_share=0.03, ema_decay=0.998),
        storage="float16",
        name="demo",
        domain="drawn",
    )
