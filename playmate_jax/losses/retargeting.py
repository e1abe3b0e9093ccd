"""LivePortrait's second stage: stitching and the retargeting of eyes and lips.

The renderer is frozen; each MLP (`models/stitching.py`) moves the driving keypoints by offsets, and
is judged by the image that comes out. Images are (b, h, w, 3) in [0, 1]; what they are compared
with, the source drawn with its own keypoints, gets no gradient. The terms are given apart, as their
weights were never published. Openness is opening over width (`faces/openness.py`).
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from playmate_jax.losses.regions import EYES, eyes_covered, lips_covered
from playmate_jax.losses.rows import absolute, row_mean
from playmate_jax.parallel.share import Mean

MAX_OPENNESS = 0.8  # wanted openness is drawn from [0, this]
EPSILON = 1e-6  # LivePortrait's, against division by a vanished mouth or eye
INNER_LIPS, MOUTH = (13, 14), (61, 291)  # upper and lower, left and right

Image = Float[Array, "b h w 3"]


@dataclasses.dataclass(frozen=True)
class StitchingWeights:
    """Weights of L_st; images in [0, 1], offsets in half images. Without `shoulders` there is no
    stitching."""

    shoulders: float = 1.0
    offset: float = 0.1


@dataclasses.dataclass(frozen=True)
class OpennessWeights:
    """Weights of L_eyes or L_lips. Without `outside` and `openness` there is no such retargeter."""

    outside: float = 10.0
    openness: float = 1.0
    offset: float = 1.0


def stitching(
    stitched: Image,
    reconstructed: Image,
    shoulders: Float[Array, "b h w 1"],
    offsets: Float[Array, "b *o"],
) -> dict[str, Mean]:
    """L_st: "shoulders", |I_st - I_recon| where the mask is 1, and "offset", |Delta_st|.

    Args:
      stitched: drawn with another person's motion and the offsets that S found.
      shoulders: the published 1 - M_st (`regions.below`).
      offsets: all 3 k + 2.
    """
    return {
        "shoulders": _compared(stitched, reconstructed, shoulders),
        "offset": row_mean(absolute(offsets)),
    }


def eyes(
    drawn: Image,
    reconstructed: Image,
    landmarks: Float[Array, "b 468 2"],
    found: Float[Array, "b 2"],
    wanted: Float[Array, "b 1"],
    offsets: Float[Array, "b *o"],
) -> dict[str, Mean]:
    """L_eyes: "outside", the images' L1 outside the eyes; "openness", |c found - c wanted|;
    "offset", |Delta_eyes|.

    Args:
      landmarks: of the source, in the image's [-1, 1] convention.
      found: openness of the drawn face's left and right eye, by whatever is differentiable.
      wanted: of both eyes.
    """
    outside = 1 - eyes_covered(landmarks, drawn.shape[1])
    return _retargeted(drawn, reconstructed, outside, found, wanted, offsets)


def lips(
    drawn: Image,
    reconstructed: Image,
    landmarks: Float[Array, "b 468 2"],
    found: Float[Array, "b 1"],
    wanted: Float[Array, "b 1"],
    offsets: Float[Array, "b *o"],
) -> dict[str, Mean]:
    """L_lip: as `eyes`, of the lips."""
    outside = 1 - lips_covered(landmarks, drawn.shape[1])
    return _retargeted(drawn, reconstructed, outside, found, wanted, offsets)


def random_openness(keys: Key[Array, " b"]) -> Float[Array, "b 1"]:
    """Openness to ask for, of each row's key alone: uniform over [0, 0.8)."""
    draw = lambda key: jax.random.uniform(key, (1,), jnp.float32, maxval=MAX_OPENNESS)  # noqa: E731
    return jax.vmap(draw)(keys)


def openness(landmarks: Float[Array, "b 468 c"]) -> Float[Array, "b 3"]:
    """Openness of the left eye, the right eye and the lips: differentiable, and 0 with a finite
    gradient where lids or lips touch."""
    upper, lower, first, second = zip(
        *((eye[1], eye[3], eye[0], eye[2]) for eye in EYES), (*INNER_LIPS, *MOUTH)
    )
    at = lambda indices: landmarks[:, jnp.array(indices)]  # noqa: E731
    return _length(at(upper) - at(lower)) / (_length(at(first) - at(second)) + EPSILON)


def _retargeted(
    drawn: Image,
    reconstructed: Image,
    outside: Float[Array, "b h w 1"],
    found: Float[Array, "b _"],
    wanted: Float[Array, "b 1"],
    offsets: Float[Array, "b *o"],
) -> dict[str, Mean]:
    return {
        "outside": _compared(drawn, reconstructed, outside),
        "openness": row_mean(absolute(found - jax.lax.stop_gradient(wanted))),
        "offset": row_mean(absolute(offsets)),
    }


def _compared(drawn: Image, wanted: Image, mask: Float[Array, "b h w 1"]) -> Mean:
    """Mean |drawn - wanted| under a mask, over all pixels of the image."""
    return row_mean(absolute(drawn - jax.lax.stop_gradient(wanted)) * mask)


def _length(x: Float[Array, "*b c"]) -> Float[Array, "*b"]:
    squared = jnp.square(x).sum(-1)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0)
