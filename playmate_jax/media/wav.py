"""WAV files: written whole or not at all, and whether one is whole."""

import os
import struct
import wave
from pathlib import Path

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.media.decoding import cut_short
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.paths import unfinished


def write_wav(
    path: str | os.PathLike, audio: Float[np.ndarray, "s"], audio_hz: int = AUDIO_HZ
) -> None:
    """Writes mono samples in [-1, 1] as 16-bit WAV, whole or not at all."""
    path = Path(path)
    partial = unfinished(path)
    integers = np.rint(np.clip(audio, -1, 1) * 32767).astype("<i2")
    try:
        with wave.open(str(partial), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio_hz)
            file.writeframes(integers.tobytes())
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            f"expected to write '{path}', but that failed ({error.strerror}): choose another place"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def check_whole_wav(path: str | os.PathLike) -> None:
    """Raises `UserError` where a WAV lacks samples by its header, which FFmpeg does not heed."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            end = file.tell() + length
            # 0 and 2^32 - 1 are what programs leave that write into a pipe
            if name == b"data" and 0 < length < 0xFFFFFFFF and end > size:
                raise cut_short(
                    path, "recording", f"{size - file.tell()} of {length} bytes are there"
                )
            file.seek(end + length % 2)
