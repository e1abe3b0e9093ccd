"""Face and lips: crops for LivePortrait's cascaded perceptual and GAN terms, and masks.

L_P,cascade and L_G,cascade see the whole image, the face and the lips: the same losses on crops
(`crop`), with a discriminator each. Stage 2 compares images outside the eyes or lips (`covered`)
and at the shoulders (`below`). Points are (b, n, 2) in the image's [-1, 1] convention between its
outer edges; where a region lies gets no gradient. Sizes are static.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.faces.landmarker import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.geometry.grid_sample import cell_centres
from playmate_jax.motion.layout import LIP_KEYPOINTS

EYES = (LEFT_EYE, RIGHT_EYE)
LIPS = (*MOUTH_CORNERS, 0, 17)  # corners and the outer edges' middles
FACE_MARGIN, LIP_MARGIN = 1.1, 1.5  # side of a crop over that of what it shows
LEAST_HALF = 0.1  # of a crop, in half images: points may coincide before keypoints are learned


class Box(NamedTuple):
    """A square of each row's image: its centre (x, y) and half of its side."""

    centre: Float[Array, "b 2"]
    half: Float[Array, " b"]


def box_of(points: Float[Array, "b n 2"], margin: float) -> Box:
    """The square around the points, `margin` times their larger extent, moved into the image."""
    low, high = _extent(points)
    half = jnp.clip(margin * (high - low).max(-1) / 2, LEAST_HALF, 1.0)
    reach = 1 - half[:, None]
    return Box(jnp.clip((low + high) / 2, -reach, reach), half)


def cascade_boxes(
    landmarks: Float[Array, "b 468 2"],
    has_landmarks: Bool[Array, " b"],
    keypoints: Float[Array, "b 21 3"],
) -> dict[str, Box]:
    """Where the "face" and the "lips" are: by landmarks, and by keypoints in rows without."""

    def box(of_landmarks: Array, of_keypoints: Array, margin: float) -> Box:
        known, guessed = box_of(of_landmarks, margin), box_of(of_keypoints, margin)
        return Box(
            jnp.where(has_landmarks[:, None], known.centre, guessed.centre),
            jnp.where(has_landmarks, known.half, guessed.half),
        )

    plane = keypoints[..., :2]
    return {
        "face": box(landmarks, plane, FACE_MARGIN),
        "lips": box(landmarks[:, jnp.array(LIPS)], plane[:, jnp.array(LIP_KEYPOINTS)], LIP_MARGIN),
    }


def crop(image: Float[Array, "b h w c"], box: Box, size: int) -> Float[Array, "b size size c"]:
    """What a box shows, at `size` x `size`: bilinear, and anti-aliased where it is made smaller.

    The image must be square. Separable: two matrix products, and no scatter in the gradient.
    """
    side = image.shape[1]
    zoom = size / (box.half * side)
    start = (box.centre[:, ::-1] - box.half[:, None] + 1) * (side / 2)  # y and x, in pixels

    def one(image: Array, zoom: Array, start: Array) -> Array:
        shape = (size, size, image.shape[-1])
        zooms = jnp.stack([zoom, zoom])
        return jax.image.scale_and_translate(
            image, shape, (0, 1), zooms, -start * zoom, "linear", antialias=True
        )

    return jax.vmap(one)(image, zoom, start)


def covered(
    points: Float[Array, "b n 2"], size: int, margin: float = LIP_MARGIN
) -> Float[Array, "b size size 1"]:
    """1 in the rectangle around the points, `margin` times their extent along each axis but no
    narrower than half of its other side; 0 elsewhere."""
    low, high = _extent(points)
    half = margin * (high - low) / 2
    half = jnp.maximum(half, half[:, ::-1] / 2)  # of closed eyes and lips too
    x, y = _pixels(size)
    middle = (low + high) / 2
    inside = [
        jnp.abs(at - middle[:, axis, None, None]) <= half[:, axis, None, None]
        for axis, at in enumerate((x, y))
    ]
    return (inside[0] & inside[1])[..., None].astype(points.dtype)


def eyes_covered(landmarks: Float[Array, "b 468 2"], size: int) -> Float[Array, "b size size 1"]:
    """1 around either eye, 0 elsewhere."""
    left, right = (covered(landmarks[:, jnp.array(eye)], size) for eye in EYES)
    return jnp.maximum(left, right)


def lips_covered(landmarks: Float[Array, "b 468 2"], size: int) -> Float[Array, "b size size 1"]:
    """1 around the lips, 0 elsewhere."""
    return covered(landmarks[:, jnp.array(LIPS)], size)


def below(points: Float[Array, "b n 2"], size: int) -> Float[Array, "b size size 1"]:
    """1 below the lowest of the points, 0 elsewhere: of a face, neck and shoulders."""
    _, high = _extent(points)
    _, y = _pixels(size)
    return (y > high[:, 1, None, None])[..., None].astype(points.dtype)


def _extent(points: Float[Array, "b n 2"]) -> tuple[Float[Array, "b 2"], Float[Array, "b 2"]]:
    points = jax.lax.stop_gradient(points)
    return points.min(1), points.max(1)


def _pixels(size: int) -> tuple[Float[Array, "1 size size"], Float[Array, "1 size size"]]:
    """x and y of every pixel's centre."""
    centres = cell_centres(size)
    x, y = jnp.meshgrid(centres, centres)
    return x[None], y[None]
