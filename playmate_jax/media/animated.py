"""Animated images (GIF, APNG, WebP, AVIF) as videos: frames with their own durations, on white."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from playmate_jax.errors import UserError
from playmate_jax.media.decoding import cut_short
from playmate_jax.media.frames import DecodedFrame, near_rate
from playmate_jax.media.image import check_image_size, open_image, upright_rgb

# Browsers show a frame that asks for 10 ms or less for 100 ms: old files have 0 there.
_SHORTEST_MS = 10
_USUAL_MS = 100


class AnimatedImage:
    """An animated image as a source of frames; attributes as `VideoStream` has them.

    Raises:
      UserError: it is too small, too large or damaged.
    """

    rotation_deg, has_audio, whole_s = 0, False, None
    duration_is_declared = True
    remarks: tuple[str, ...] = ()

    def __init__(self, path: Path):
        self.path = path
        self.frame_count, self.duration_s = 0, Fraction(0)
        for frame in self.decoded():
            if not self.frame_count:
                self.size = frame.image().shape[1::-1]
            self.frame_count += 1
            self.duration_s += frame.lasts_s or 0
        self.fps = near_rate(Fraction(self.frame_count) / self.duration_s)

    def decoded(self, after: Fraction = Fraction(0)) -> Iterator[DecodedFrame]:
        """Every frame in order; `after` is ignored, as frames depend on those before them."""
        time = Fraction(0)
        try:
            with open_image(self.path) as image:
                check_image_size(image.size, self.path)
                # an APNG may begin with an image for programs that know no animation
                first = int(getattr(image, "default_image", False))
                for number in range(first, getattr(image, "n_frames", 1)):
                    image.seek(number)
                    image.load()
                    shown = image.copy()
                    lasts = _duration_s(image.info.get("duration"))
                    yield DecodedFrame(time, lasts, partial(_rgb, shown))
                    time += lasts
        except UserError:  # a ValueError too
            raise
        except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
            raise cut_short(self.path, "video", str(error)) from None


def _duration_s(declared_ms: float | None) -> Fraction:
    milliseconds = Fraction(declared_ms or 0).limit_denominator(1000)
    return (milliseconds if milliseconds > _SHORTEST_MS else Fraction(_USUAL_MS)) / 1000


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    return np.array(upright_rgb(image))
