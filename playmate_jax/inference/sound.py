"""The audio: speech for the generator, and the sound of the video that is written."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.media import Sound, has_sound, is_silent, is_video, read_audio, read_sound
from playmate_jax.motion.layout import AUDIO_HZ

LONGEST_S = 3600


def first_sound(
    *sources: str | Path | UInt8[np.ndarray, "h w c"], remarks: list[str] | None = None
) -> Sound | None:
    """The sound of the first source that is a video with sound; one that cannot be read is left out
    and reported in `remarks`, not refused, as the user did not ask for it."""
    for source in sources:
        if isinstance(source, np.ndarray) or not is_video(source) or not has_sound(source):
            continue
        try:
            return read_sound(source, remarks)
        except UserError as error:
            if remarks is not None:
                reason = str(error).rpartition(": ")[0]  # what to do is not asked for here
                remarks.append(f"the sound of '{source}' is left out ({reason})")
    return None


def read_speech(
    speech: str | Path | np.ndarray, remarks: list[str] | None = None
) -> tuple[Float[np.ndarray, "s"], Sound]:
    """(what the generator hears, what is put under the images) of a file, or of samples.

    Args:
      remarks: what the user should know of the recording (damage, silence) is appended, a sentence
        each.

    Raises:
      UserError: no sound, not mono samples at 16 kHz, or too much of it.
    """
    remarks = [] if remarks is None else remarks
    if not isinstance(speech, np.ndarray):
        audio, sound = read_audio(speech, AUDIO_HZ, remarks), read_sound(speech)
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
    if is_silent(audio, AUDIO_HZ):
        where = "" if isinstance(speech, np.ndarray) else f" of '{speech}'"
        remarks.append(f"the speech{where} is silent (below -60 dB throughout)")
    return audio, sound
