"""An audio track as samples at one rate, whatever rates it has, with silence in its gaps."""

import os
from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.media.container import seconds
from playmate_jax.media.decoding import Damage, cut_short, decode

HOLE_S = Fraction(1, 20)  # times jump by less where they are only rounded
LONGEST_HOLE_S = 600


def decoded_samples(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    hz: int,
    path: str | os.PathLike,
    damage: Damage,
) -> Iterator[tuple[Float[np.ndarray, "s channels"], Fraction | None]]:
    """Blocks of samples at `hz`, with silence in gaps; each with the time of the track's start."""
    resampler: av.AudioResampler | None = None
    form: tuple[str, str, int] | None = None
    first: Fraction | None = None
    heard_s, any_frame, channels = Fraction(0), False, 0
    for frame in decode(container, stream, damage):
        at = seconds(frame.pts, frame.time_base)
        first = at if not any_frame else first
        any_frame = True
        _check_numbers(frame, path)
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or form != found:
            if resampler is not None:  # another recording was put behind the first
                for part in _resampled(resampler, None, channels, path):
                    yield part, first
            # stereo is kept here and averaged later: FFmpeg's own sum of two channels can overflow
            channels = min(2, frame.layout.nb_channels)
            layout = "mono" if channels == 1 else "stereo"
            resampler = av.AudioResampler(format="flt", layout=layout, rate=hz)
            form = found
        if at is not None and first is not None and (hole := at - first - heard_s) > HOLE_S:
            check_hole(hole, heard_s, path)
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
        raise cut_short(path, "recording", getattr(error, "strerror", None) or str(error)) from None


def check_hole(hole_s: Fraction, at_s: Fraction, path: str | os.PathLike) -> None:
    """Raises `UserError` where nothing is there for longer than any pause."""
    if hole_s > LONGEST_HOLE_S:
        raise cut_short(
            path, "recording", f"nothing for {float(hole_s):.0f} s after {float(at_s):.1f} s"
        )


def _check_numbers(frame: av.AudioFrame, path: str | os.PathLike) -> None:
    if frame.format.name.startswith(("flt", "dbl")) and not np.isfinite(frame.to_ndarray()).all():
        raise UserError(
            f"expected a recording, but '{path}' holds samples that are no numbers (NaN or "
            f"infinite) at {float(frame.time or 0):.2f} s: export it again"
        )
