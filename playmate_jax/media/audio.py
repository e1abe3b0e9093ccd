"""Sound in and out: any container and codec -> float32 in [-1, 1], without the codec's padding.

The first sample is the moment of the video's first frame where the file has a moving image, and
the first recorded moment where it has none, so that frames and samples stay in step.
"""

import os
import struct
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.media import downmix
from playmate_jax.media.container import open_container, seconds
from playmate_jax.media.decoding import Damage, cut_short, decode
from playmate_jax.media.streams import declared_s, moving_image, sound_track
from playmate_jax.paths import unfinished

SHORTEST_S = 0.1  # shorter sounds hold no speech: not one syllable
SILENCE = 1e-3  # -60 dB of full scale: the hiss of a microphone that is switched off lies lower
PADDING_S = 0.25  # codecs add two frames at most
HOLE_S = Fraction(1, 20)  # times jump by less where they are only rounded
LONGEST_HOLE_S = 600


class Sound(NamedTuple):
    """Samples (s, channels) in [-1, 1] and their rate."""

    samples: Float[np.ndarray, "s channels"]
    hz: int


def read_audio(
    path: str | os.PathLike, audio_hz: int = 16000, remarks: list[str] | None = None
) -> Float[np.ndarray, "s"]:
    """The sound track that players choose, as mono float32 at `audio_hz`.

    Args:
      remarks: what the user should know (damaged packets, channels that cancel each other) is
        appended, a sentence each.

    Raises:
      UserError: there is none, it is shorter than 0.1 s, damaged or cut short, or holds values that
        are no numbers (silence in their place would hide a defect of the recording).
    """
    return _read(path, audio_hz, mono=True, remarks=remarks).samples[:, 0]


def read_sound(path: str | os.PathLike, remarks: list[str] | None = None) -> Sound:
    """The same sound track as recorded (at most stereo, at a rate that AAC knows), to be put under
    a video."""
    return _read(path, None, mono=False, remarks=remarks)


def audio_blocks(
    path: str | os.PathLike, audio_hz: int = 16000, remarks: list[str] | None = None
) -> Iterator[Float[np.ndarray, "s"]]:
    """`read_audio` in parts as they are decoded: memory does not grow with the recording. What is
    wrong with a file may be found late, after good parts."""
    for block in _blocks(path, audio_hz, mono=True, remarks=remarks):
        yield block.samples[:, 0]


def has_sound(path: str | os.PathLike) -> bool:
    """Whether a file has a sound track that can be decoded.

    Raises:
      UserError: it is no file that FFmpeg opens.
    """
    with open_container(path, "a recording") as container:
        return sound_track(container) is not None


def is_silent(samples: Float[np.ndarray, "s"], hz: int) -> bool:
    """Whether mono samples hold nothing that could be speech: no 20 ms of them reach -60 dB."""
    length = max(1, hz // 50)
    whole = len(samples) // length * length
    parts = samples[:whole].reshape(-1, length) if whole else samples[None]
    return float(np.sqrt(np.square(parts, dtype=np.float64).mean(axis=1)).max()) < SILENCE


def _read(
    path: str | os.PathLike, audio_hz: int | None, mono: bool, remarks: list[str] | None
) -> Sound:
    blocks = list(_blocks(path, audio_hz, mono, remarks))
    samples = np.concatenate([block.samples for block in blocks])
    hz = blocks[0].hz
    if len(samples) < SHORTEST_S * hz:
        raise UserError(
            f"expected at least {SHORTEST_S} s of sound, found {len(samples) / hz:.3f} s in "
            f"'{path}': give a longer recording"
        )
    return Sound(samples, hz)


def _blocks(
    path: str | os.PathLike, audio_hz: int | None, mono: bool, remarks: list[str] | None
) -> Iterator[Sound]:
    """At least one part, the first beginning at the first moment that is seen; without the codec's
    padding."""
    remarks = [] if remarks is None else remarks
    with open_container(path, "a recording") as container:
        if container.format.name == "wav":
            _check_whole_wav(path)
        if (stream := sound_track(container)) is None:
            raise _no_sound(path)
        hz = audio_hz or _playable_hz(stream.rate)
        parts = _timed(container, stream, hz, path, remarks)
        if mono:
            parts = downmix.mono(parts, hz, str(path), remarks)
        for samples in parts:
            yield Sound(np.clip(samples, -1, 1), hz)


def _timed(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    hz: int,
    path: str | os.PathLike,
    remarks: list[str],
) -> Iterator[Float[np.ndarray, "s channels"]]:
    """Samples from the first moment that is seen to the last one that is heard."""
    damage, declared = Damage(), declared_s(container, stream, path)
    length = max(1, round(declared * hz)) if declared else None
    begin = _image_begins(path)
    count, early, channels = 0, None, 0
    padding: list[np.ndarray] = []
    for samples, first in _decoded(container, stream, hz, path, damage):
        channels = channels or samples.shape[1]
        samples = _as_channels(samples, channels)
        if early is None:
            early = 0 if begin is None or first is None else round((begin - first) * hz)
            if early < 0:
                _check_hole(Fraction(-early, hz), Fraction(0), path)
                yield np.zeros((-early, channels), np.float32)
        left = len(samples) if length is None else max(0, length - count)
        count += len(samples)
        inside, behind = samples[:left], samples[left:]
        if len(behind):
            padding.append(behind)
            if length is not None and count - length > PADDING_S * hz:
                # so much is no padding: what the header tells is wrong
                inside, padding, length = np.concatenate([inside, *padding]), [], None
        inside, early = inside[max(0, early) :], max(0, early) - len(inside)
        yield inside
    damage.check(path, "recording")
    if not count:
        raise _no_sound(path)
    if declared and count / hz < 0.9 * declared - SHORTEST_S:
        raise _cut_short(path, f"{count / hz:.1f} s of {float(declared):.1f} s are there")
    if (remark := damage.remark(path)) is not None:
        remarks.append(remark)


def _image_begins(path: str | os.PathLike) -> Fraction | None:
    """When the first image is shown that can be decoded, as `VideoReader` counts; None where there
    is no moving image."""
    with open_container(path, "a recording") as container:
        if (stream := moving_image(container)) is None:
            return None
        first: Any = next(decode(container, stream, Damage()), None)
        if first is None:
            return seconds(stream.start_time, stream.time_base) or Fraction(0)
        return seconds(first.pts, first.time_base) or Fraction(0)


def _decoded(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    hz: int,
    path: str | os.PathLike,
    damage: Damage,
) -> Iterator[tuple[Float[np.ndarray, "s channels"], Fraction | None]]:
    """Samples at `hz`, silence where the file tells of a hole; with each the time of the first."""
    resampler, form = None, None
    first: Fraction | None = None
    heard_s, any_frame, channels = Fraction(0), False, 0
    for frame in decode(container, stream, damage):
        at = seconds(frame.pts, frame.time_base)
        first = at if not any_frame else first
        any_frame = True
        _check_numbers(frame, path)
        if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
            if resampler is not None:  # another recording was put behind the first
                for part in _resampled(resampler, None, channels, path):
                    yield part, first
            # stereo is kept here and averaged later: FFmpeg's own sum of two channels can overflow
            channels = min(2, frame.layout.nb_channels)
            layout = "mono" if channels == 1 else "stereo"
            resampler = av.AudioResampler(format="flt", layout=layout, rate=hz)
        if at is not None and first is not None and (hole := at - first - heard_s) > HOLE_S:
            _check_hole(hole, heard_s, path)
            yield np.zeros((round(hole * hz), channels), np.float32), first
            heard_s += hole
        heard_s += Fraction(frame.samples, frame.sample_rate)
        frame.pts = None  # rounded times (Matroska's) would look like gaps to the resampler
        for part in _resampled(resampler, frame, channels, path):
            yield part, first
    if resampler is not None:
        for part in _resampled(resampler, None, channels, path):
            yield part, first


def _resampled(
    resampler: av.AudioResampler,
    frame: av.AudioFrame | None,
    channels: int,
    path: str | os.PathLike,
) -> list[Float[np.ndarray, "s channels"]]:
    """What comes out for a frame, or at the end (None)."""
    try:
        return [part.to_ndarray().reshape(-1, channels) for part in resampler.resample(frame)]
    except (av.FFmpegError, ValueError) as error:
        raise _cut_short(path, getattr(error, "strerror", None) or str(error)) from None


def _as_channels(samples: Float[np.ndarray, "s c"], channels: int) -> Float[np.ndarray, "s d"]:
    if samples.shape[1] == channels:
        return samples
    return np.repeat(samples.mean(axis=1, keepdims=True), channels, axis=1)


def _no_sound(path: str | os.PathLike) -> UserError:
    return UserError(f"expected a recording, found no sound in '{path}': give a file with speech")


def _check_hole(hole_s: Fraction, at_s: Fraction, path: str | os.PathLike) -> None:
    if hole_s > LONGEST_HOLE_S:
        raise _cut_short(path, f"nothing for {float(hole_s):.0f} s after {float(at_s):.1f} s")


def _cut_short(path: str | os.PathLike, reason: str) -> UserError:
    return cut_short(path, "recording", reason)


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


def _playable_hz(hz: int) -> int:
    """The recorded rate where browsers play it, else 48 kHz."""
    return hz if hz in (16000, 22050, 24000, 32000, 44100, 48000) else 48000


def write_wav(
    path: str | os.PathLike, audio: Float[np.ndarray, "s"], audio_hz: int = 16000
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
