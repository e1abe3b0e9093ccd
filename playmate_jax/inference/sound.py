"""What is heard: by the generator, and by anyone who watches the video."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.media import Sound, VideoReader, is_video, read_audio, read_sound
from playmate_jax.motion.layout import AUDIO_HZ

LONGEST_S = 3600


def first_sound(*sources: str | Path | UInt8[np.ndarray, "h w c"]) -> Sound | None:
    """The sound of the first that is a video with sound."""
    for source in sources:
        if (
            not isinstance(source, np.ndarray)
            and is_video(source)
            and VideoReader(source).has_audio
        ):
            return read_sound(source)
    return None


def read_speech(speech: str | Path | np.ndarray) -> tuple[Float[np.ndarray, "s"], Sound]:
    """(what the generator hears, what is put under the images) of a file, or of samples.

    Raises:
      UserError: no sound, not mono samples at 16 kHz, or too much of it.
    """
    if not isinstance(speech, np.ndarray):
        audio, sound = read_audio(speech, AUDIO_HZ), read_sound(speech)
    else:
        audio = np.asarray(speech, np.float32)
        if audio.ndim != 1 or not len(audio) or not np.isfinite(audio).all():
            raise UserError(
                f"expected mono speech as a row of finite numbers at {AUDIO_HZ} Hz, found an array "
                f"of shape {audio.shape}: give a path or such samples"
            )
        sound = Sound(audio[:, None], AUDIO_HZ)
    if len(audio) > LONGEST_S * AUDIO_HZ:
        raise UserError(
            f"expected at most {LONGEST_S // 60} minutes of speech, found "
            f"{len(audio) / AUDIO_HZ / 60:.0f}: cut it into parts"
        )
    return audio, sound
