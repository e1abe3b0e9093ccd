"""Pairs of frames as the face space's step sees them: mirrored and recoloured, floats, two sizes.

Both images of a pair are treated alike, or the motion between them would not be what carries one
into the other. In a mirrored image a face turns and tilts the other way, and left and right of its
landmarks change places. What a row becomes follows from its key alone.
"""

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from playmate_jax.data.frame_pairs import PairBatch
from playmate_jax.faces.landmarker import BROWS, JAW, LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from playmate_jax.losses.keypoints import image_coordinates
from playmate_jax.motion.keypoints import moved_keypoints
from playmate_jax.motion.layout import ANGLES, KEYPOINTS

GREY = (0.299, 0.587, 0.114)  # of red, green and blue (BT.601)
TO_YIQ = np.array([GREY, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])
MIRRORED_ANGLES = (1.0, -1.0, -1.0)  # of pitch, yaw, roll
LANDMARKS = 468


def _partners() -> np.ndarray:
    """For every landmark its place in a mirrored face; those that no loss knows by name stay."""
    place = np.arange(LANDMARKS)
    for left, right in (
        *zip(LEFT_EYE, RIGHT_EYE), MOUTH_CORNERS, *zip(BROWS, BROWS[::-1]), *zip(JAW, JAW[::-1])
    ):  # fmt: skip
        place[left], place[right] = right, left
    return place


PARTNERS = _partners()


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is changed at random.

    Attributes:
      flip: whether every other pair is mirrored.
      colour: how far brightness, contrast and saturation (as factors) and hue (in turns) go from
        what they are.
    """

    flip: bool = True
    colour: float = 0.1


@flax.struct.dataclass
class Pairs:
    """b pairs of frames of one person, the second of which the first is to become.

    Attributes:
      source, driving: what F and M see, in [0, 1].
      wanted: the driving frame at G's size.
      degrees_source, degrees_driving: pitch, yaw and roll that the data give.
      landmarks_source, landmarks_driving: in the image's [-1, 1] convention.
      has_landmarks: whether there are any.
      keypoints_driving: x of Eq. 1 by the data's own motion, in the same convention: where face and
        lips are in rows without landmarks.
    """

    source: Float[Array, "b h w 3"]
    driving: Float[Array, "b h w 3"]
    wanted: Float[Array, "b H W 3"]
    degrees_source: Float[Array, "b 3"]
    degrees_driving: Float[Array, "b 3"]
    landmarks_source: Float[Array, "b 468 2"]
    landmarks_driving: Float[Array, "b 468 2"]
    has_landmarks: Bool[Array, " b"]
    keypoints_driving: Float[Array, "b 21 3"]


def pairs_of(
    batch: PairBatch,
    keys: Key[Array, " b"] | None,
    size: int,
    drawn_size: int,
    augmentation: Augmentation = Augmentation(),
) -> Pairs:
    """A batch as floats, at the sizes of F's and M's input and of G's output.

    Args:
      keys: of the rows; None leaves them as they are.
    """
    images = jnp.stack([batch["source"], batch["driving"]], 1).astype(jnp.float32) / 255
    degrees = jnp.stack([batch["motion_source"], batch["motion_driving"]], 1)[..., ANGLES]
    points = jnp.stack([batch["landmarks_source"], batch["landmarks_driving"]], 1)
    points = image_coordinates(points, images.shape[3])
    x_c = jnp.asarray(batch["identity"]).reshape(-1, KEYPOINTS, 3)
    keypoints = moved_keypoints(x_c, jnp.asarray(batch["motion_driving"]))
    if keys is not None and augmentation.flip:
        flipped = jax.vmap(jax.random.bernoulli)(_part(keys, 0))
        images, degrees, points, keypoints = (
            jnp.where(flipped.reshape(-1, *(1,) * (x.ndim - 1)), mirrored, x)
            for x, mirrored in (
                (images, images[..., ::-1, :]),
                (degrees, degrees * jnp.array(MIRRORED_ANGLES)),
                (points, points[..., jnp.asarray(PARTNERS), :] * jnp.array([-1.0, 1.0])),
                (keypoints, keypoints * jnp.array([-1.0, 1.0, 1.0])),  # left stays left's number
            )
        )
    if keys is not None and augmentation.colour:
        images = _recoloured(images, _part(keys, 1), augmentation.colour)
    inputs = resized(images, size)
    return Pairs(
        source=inputs[:, 0],
        driving=inputs[:, 1],
        wanted=resized(images[:, 1], drawn_size),
        degrees_source=degrees[:, 0],
        degrees_driving=degrees[:, 1],
        landmarks_source=points[:, 0],
        landmarks_driving=points[:, 1],
        has_landmarks=jnp.asarray(batch["has_landmarks"]),
        keypoints_driving=keypoints,
    )


def resized(images: Float[Array, "*b h w 3"], size: int) -> Float[Array, "*b size size 3"]:
    """Square images at another side: bilinear, anti-aliased where they become smaller."""
    shape = (*images.shape[:-3], size, size, 3)
    return images if images.shape == shape else jax.image.resize(images, shape, "linear")


def _recoloured(
    images: Float[Array, "b 2 h w 3"], keys: Key[Array, " b"], reach: float
) -> Float[Array, "b 2 h w 3"]:
    """Brightness, contrast about the pair's mean grey, saturation and hue: one linear map of a
    row's colours, and a shift."""
    draw = lambda key: jax.random.uniform(key, (4,), minval=-reach, maxval=reach)  # noqa: E731
    brightness, contrast, saturation, turn = jnp.moveaxis(jax.vmap(draw)(keys), 1, 0)
    cos, sin = (f(2 * jnp.pi * turn) * (1 + saturation) for f in (jnp.cos, jnp.sin))
    zero, one = jnp.zeros_like(cos), jnp.ones_like(cos)
    in_yiq = jnp.array([[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]])
    colours = jnp.einsum("ij,jkb,kl->bil", np.linalg.inv(TO_YIQ), in_yiq, TO_YIQ)
    gain = (1 + brightness) * (1 + contrast)
    grey = (images * jnp.array(GREY)).sum(-1).mean((1, 2, 3)) * (1 + brightness)
    moved = jnp.einsum("bil,b...l->b...i", gain[:, None, None] * colours, images)
    return jnp.clip(moved - (contrast * grey)[:, None, None, None, None], 0, 1)


def _part(keys: Key[Array, " b"], number: int) -> Key[Array, " b"]:
    """Keys of one of a row's two draws."""
    return jax.vmap(lambda key: jax.random.split(key)[number])(keys)
