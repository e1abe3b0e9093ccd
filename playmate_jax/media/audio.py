"""Sound in and out: any container and codec -> float32 in [-1, 1], without the codec's padding.

The first sample is the moment of the video's first frame where the file has a moving picture, and
the first recorded moment where it has none, so that frames and samples stay in step.
"""

import os
import secrets
import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.media.container import moving_picture, open_container, seconds

SHORTEST_S = 0.1  # shorter sounds hold no speech: not one syllable


class Sound(NamedTuple):
    """Samples (s, channels) in [-1, 1] and their rate."""

    samples: Float[np.ndarray, "s channels"]
    hz: int


def read_audio(path: str | os.PathLike, audio_hz: int = 16000) -> Float[np.ndarray, "s"]:
    """The file's first sound track as mono float32 at `audio_hz`.

    Raises `UserError` when there is none, when it is shorter than 0.1 s or damaged, and when it
    holds values that are no numbers (silence in their place would hide a defect of the recording).
    """
    return _read(path, audio_hz, mono=True).samples[:, 0]


def read_sound(path: str | os.PathLike) -> Sound:
    """The file's first sound track as recorded (at most stereo, at a rate that AAC knows), to be
    put under a video."""
    return _read(path, None, mono=False)


def _read(path: str | os.PathLike, audio_hz: int | None, mono: bool) -> Sound:
    with open_container(path, "a recording") as container:
        if container.format.name == "wav":
            _check_whole_wav(path)
        if not container.streams.audio:
            raise UserError(
                f"expected a recording, found no sound in '{path}': give a file with speech"
            )
        stream = container.streams.audio[0]
        hz = audio_hz or _playable_hz(stream.rate)
        picture = moving_picture(container)
        first: Fraction | None = None
        parts = []
        # stereo is kept here and averaged below: FFmpeg's own sum of two channels can overflow
        layout = "mono" if stream.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="flt", layout=layout, rate=hz)
        try:
            for frame in container.decode(stream):
                if first is None:
                    first = seconds(frame.pts, frame.time_base)
                _check_numbers(frame, path)
                frame.pts = None  # rounded times (Matroska's) would look like gaps to the resampler
                parts += [part.to_ndarray() for part in resampler.resample(frame)]
            parts += [part.to_ndarray() for part in resampler.resample(None)] if parts else []
        except (av.FFmpegError, OSError, EOFError) as error:
            raise _cut_short(path, getattr(error, "strerror", None) or str(error)) from None
        told_s = seconds(stream.duration, stream.time_base)
        late_s = Fraction(0)
        if picture is not None:
            late_s = (first or late_s) - (seconds(picture.start_time, picture.time_base) or late_s)
    channels = 1 if layout == "mono" else 2
    samples = np.concatenate(parts, axis=1).reshape(-1, channels) if parts else None
    if samples is None or not len(samples):
        raise UserError(f"expected a recording, found no sound in '{path}': give another file")
    # what a file tells may be an estimate (mp3 without an index), hence the tenth
    if told_s and len(samples) / hz < 0.9 * told_s - SHORTEST_S:
        raise _cut_short(path, f"{len(samples) / hz:.1f} s of {float(told_s):.1f} s are there")
    samples = _aligned(samples.mean(axis=1, keepdims=True) if mono else samples, hz, told_s, late_s)
    if len(samples) < SHORTEST_S * hz:
        raise UserError(
            f"expected at least {SHORTEST_S} s of sound, found {len(samples) / hz:.3f} s in "
            f"'{path}': give a longer recording"
        )
    return Sound(np.clip(samples, -1, 1), hz)


def _cut_short(path: str | os.PathLike, reason: str) -> UserError:
    return UserError(
        f"expected a whole recording, but '{path}' is damaged or cut short ({reason}): "
        "give an intact copy"
    )


def _check_whole_wav(path: str | os.PathLike) -> None:
    """A WAV's header tells its length, but FFmpeg goes by the bytes that are there."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            end = file.tell() + length
            # 0 and 2^32 - 1 are what programs leave that write into a pipe
            if name == b"data" and 0 < length < 0xFFFFFFFF and end > size:
                raise _cut_short(path, f"{size - file.tell()} of {length} bytes are there")
            file.seek(end + length % 2)


def _check_numbers(frame: av.AudioFrame, path: str | os.PathLike) -> None:
    if frame.format.name.startswith(("flt", "dbl")) and not np.isfinite(frame.to_ndarray()).all():
        raise UserError(
            f"expected a recording, but '{path}' holds samples that are no numbers (NaN or "
            f"infinite) at {float(frame.time or 0):.2f} s: export it again"
        )


def _aligned(samples: np.ndarray, hz: int, told_s: Fraction | None, late_s: Fraction) -> np.ndarray:
    """Cuts the codec's padding behind the told duration; begins at the picture's first moment."""
    if told_s:
        samples = samples[: max(1, round(told_s * hz))]
    late = round(late_s * hz)
    if late < 0:
        return samples[-late:]
    return np.pad(samples, ((late, 0), (0, 0))) if late else samples


def _playable_hz(hz: int) -> int:
    """The recorded rate where browsers play it, else 48 kHz."""
    return hz if hz in (16000, 22050, 24000, 32000, 44100, 48000) else 48000


def write_wav(
    path: str | os.PathLike, audio: Float[np.ndarray, "s"], audio_hz: int = 16000
) -> None:
    """Writes mono samples in [-1, 1] as 16-bit WAV, whole or not at all."""
    path = Path(path)
    partial = path.with_name(f".{secrets.token_hex(6)}.part")
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
