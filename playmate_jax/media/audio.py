"""Sound in and out: any container and codec -> float32 in [-1, 1], without the codec's padding.

The first sample is the moment of the video's first frame where the file has a moving image, and
the first recorded moment where it has none, so that frames and samples stay in step.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.media import downmix
from playmate_jax.media.container import open_container, seconds
from playmate_jax.media.decoding import Damage, cut_short, decode
from playmate_jax.media.samples import check_hole, decoded_samples
from playmate_jax.media.streams import declared_s, moving_image, sound_track
from playmate_jax.media.wav import check_whole_wav
from playmate_jax.motion.layout import AUDIO_HZ

SHORTEST_S = 0.1  # shorter sounds hold no speech: not one syllable
SILENCE = 1e-3  # -60 dB of full scale: the hiss of a microphone that is switched off lies lower
PADDING_S = 0.25  # codecs add two frames at most


class Sound(NamedTuple):
    """Samples (s, channels) in [-1, 1] and their rate."""

    samples: Float[np.ndarray, "s channels"]
    hz: int


def read_audio(
    path: str | os.PathLike, audio_hz: int = AUDIO_HZ, remarks: list[str] | None = None
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
    path: str | os.PathLike, audio_hz: int = AUDIO_HZ, remarks: list[str] | None = None
) -> Iterator[Float[np.ndarray, "s"]]:
    """`read_audio` in parts as they are decoded: memory does not grow with the recording. What is
    wrong with a file may be found late, after good parts."""
    for block in _blocks(path, audio_hz, mono=True, remarks=remarks):
        yield block.samples[:, 0]


def has_sound(path: str | os.PathLike) -> bool:
    """Whether a file has a sound track that can be decoded; animated images have none."""
    try:
        with open_container(path, "a recording") as container:
            return sound_track(container) is not None
    except UserError:
        return False


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
    """Samples in parts, at least one, without the codec's padding; they start with the first video
    frame."""
    remarks = [] if remarks is None else remarks
    with open_container(path, "a recording") as container:
        if container.format.name == "wav":
            check_whole_wav(path)
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
    remark: str | None = None
    for decoded, first in decoded_samples(container, stream, hz, path, damage):
        remark = _updated(remarks, remark, damage.remark(path))  # the rest may never be read
        channels = channels or decoded.shape[1]
        samples = _as_channels(decoded, channels)
        if early is None:
            early = 0 if begin is None or first is None else round((begin - first) * hz)
            if early < 0:
                check_hole(Fraction(-early, hz), Fraction(0), path)
                yield np.zeros((-early, channels), np.float32)
        left = len(samples) if length is None else max(0, length - count)
        count += len(samples)
        inside, behind = samples[:left], samples[left:]
        if len(behind):
            padding.append(behind)
            if length is not None and count - length > PADDING_S * hz:
                # too much for padding: the length in the header is wrong
                inside, padding, length = np.concatenate([inside, *padding]), [], None
        inside, early = inside[max(0, early) :], max(0, early) - len(inside)
        yield inside
    damage.check(path, "recording")
    if not count:
        raise _no_sound(path)
    if declared and count / hz < 0.9 * declared - SHORTEST_S:
        raise _cut_short(path, f"{count / hz:.1f} s of {float(declared):.1f} s are there")
    _updated(remarks, remark, damage.remark(path))


def _updated(remarks: list[str], before: str | None, now: str | None) -> str | None:
    """Puts a sentence into the list, in place of an earlier one; returns it."""
    if now is None or now == before:
        return before
    if before is None:
        remarks.append(now)
    else:
        remarks[remarks.index(before)] = now
    return now


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


def _as_channels(samples: Float[np.ndarray, "s c"], channels: int) -> Float[np.ndarray, "s d"]:
    if samples.shape[1] == channels:
        return samples
    return np.repeat(samples.mean(axis=1, keepdims=True), channels, axis=1)


def _no_sound(path: str | os.PathLike) -> UserError:
    return UserError(f"expected a recording, found no sound in '{path}': give a file with speech")


def _cut_short(path: str | os.PathLike, reason: str) -> UserError:
    return cut_short(path, "recording", reason)


def _playable_hz(hz: int) -> int:
    """The recorded rate where browsers play it, else 48 kHz."""
    return hz if hz in (16000, 22050, 24000, 32000, 44100, 48000) else 48000
