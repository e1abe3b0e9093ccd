"""Losses of the face space on synthetic faces, whose keypoints, flow and depth are known.

M is a regression: `motion_loss`. The renderer compares images with images, and what W found on the
way with the exact flow, depth and visibility: `renderer_loss`.
"""

import dataclasses

import chex
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.data.synthetic_pairs import SyntheticPairBatch
from playmate_jax.geometry import head_pose
from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.losses import reconstruction as losses
from playmate_jax.synthetic.expression import PINV, UNIT

ANGLES = ("pitch", "yaw", "roll")
# What one standard deviation of the synthetic world is: pitch, yaw, roll, scale, tx and ty.
DEGREES_STD = np.array([5.0, 8.0, 4.0], np.float32)
SCALE_STD, TRANSLATION_STD = 0.009, 0.03
# Lids and what the mouth does matter most when a face speaks.
UNIT_WEIGHTS = np.ones(len(UNIT), np.float32)
UNIT_WEIGHTS[[UNIT[name] for name in ("jaw", "close", "lid_l", "lid_r")]] = 3.0


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the renderer's losses: images in [0, 1], flow and depth in half images.

    Attributes:
      focus, focus_std: images count up to 1 + `focus` near some keypoints, within Gaussians of
        that std in half images.
      focus_keypoints: which: lips, lids and irises.
    """

    image: float = 1.0
    gradient: float = 0.5
    pyramid: float = 0.5
    warped: float = 0.3
    flow: float = 2.0
    depth: float = 0.5
    visibility: float = 0.03
    focus: float = 5.0
    focus_std: float = 0.08
    focus_keypoints: tuple[int, ...] = (6, 12, 14, 17, 11, 13, 15, 16)


def motion_truth(batch: SyntheticPairBatch) -> dict[str, Array]:
    """What M should find in the batch's n images (sources, driving frames, single frames): x_c and
    delta (n, k, 3), R (n, 3, 3), s (n, 1), t (n, 3); pitch, yaw and roll (n,) in degrees."""
    delta = [batch["delta_source"], batch["delta_driving"]]
    poses = [batch["pose_source"], batch["pose_driving"]]
    x_c = [batch["x_c"], batch["x_c"]]
    if "image_more" in batch:
        delta, poses = [*delta, batch["delta_more"]], [*poses, batch["pose_more"]]
        x_c = [*x_c, batch["x_c_more"]]
    pose = jnp.concatenate(poses)
    t = jnp.pad(pose[:, 4:6], ((0, 0), (0, 1)))
    return {
        "x_c": jnp.concatenate(x_c),
        "delta": jnp.concatenate(delta),
        "R": head_pose.rotation(pose[:, 0], pose[:, 1], pose[:, 2]),
        "s": pose[:, 3:4],
        "t": t,
        "pitch": pose[:, 0],
        "yaw": pose[:, 1],
        "roll": pose[:, 2],
    }


def _posed(motion: dict[str, Array], x_c: Array) -> Array:
    return transform_keypoints(x_c, motion["R"], motion["delta"], motion["s"], motion["t"])


def true_keypoints(batch: SyntheticPairBatch) -> tuple[Array, Array]:
    """x of the source and of the driving frame (b, k, 3) each, from the truth."""
    pairs = 2 * len(batch["source"])
    truth = {name: value[:pairs] for name, value in motion_truth(batch).items()}
    return tuple(jnp.split(_posed(truth, truth["x_c"]), 2))


def motion_keypoints(found: dict[str, Array]) -> tuple[Array, Array]:
    """The same through M: both on the source's canonical keypoints, as when a portrait talks."""
    x_c = jnp.split(found["x_c"], 2)[0]
    return tuple(jnp.split(_posed(found, jnp.concatenate([x_c, x_c])), 2))


def motion_loss(found: dict[str, Array], truth: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """L1 of all that M finds, in units of its own spread, and of the posed keypoints it leads to.

    Args:
      found, truth: as `motion_truth` gives them.

    Returns:
      The loss, and metrics: angles in degrees, keypoints in pixels of 128, units of the face.
    """
    chex.assert_trees_all_equal_shapes(
        *({name: motion[name] for name in truth} for motion in (found, truth))
    )
    angles = [jnp.stack([m[name] for name in ANGLES], -1) for m in (found, truth)]
    degrees = jnp.abs(angles[0] - angles[1])
    pinv = jnp.asarray(PINV)
    units = jnp.abs((found["delta"] - truth["delta"]).reshape(-1, pinv.shape[0]) @ pinv)
    posed = jnp.abs(_posed(found, found["x_c"]) - _posed(truth, truth["x_c"]))
    parts = {
        "degrees": jnp.mean(degrees / DEGREES_STD),
        "scale": jnp.mean(jnp.abs(found["s"] - truth["s"])) / SCALE_STD,
        "t": jnp.mean(jnp.abs(found["t"] - truth["t"])) / TRANSLATION_STD,
        "x_c": jnp.mean(jnp.abs(found["x_c"] - truth["x_c"])) / 0.03,
        "delta": jnp.mean(jnp.abs(found["delta"] - truth["delta"])) / 0.02,
        "units": jnp.mean(units * UNIT_WEIGHTS) * 2.0,
        "posed": jnp.mean(posed) / 0.03,
    }
    lids = [UNIT["lid_l"], UNIT["lid_r"]]
    metrics = {
        "m_loss": sum(parts.values()),
        "m_deg": jnp.mean(degrees),
        "m_px": jnp.mean(posed[..., :2]) * 64,
        "m_unit": jnp.mean(units),
        "m_jaw": jnp.mean(units[:, UNIT["jaw"]]),
        "m_lid": jnp.mean(units[:, jnp.array(lids)]),
    }
    return metrics["m_loss"], metrics


def renderer_loss(
    weights: LossWeights,
    out: dict[str, Array],
    wanted: Float[Array, "b h w 3"],
    keypoints: Float[Array, "b k 3"],
    batch: SyntheticPairBatch,
) -> tuple[Array, dict[str, Array]]:
    """Images against images, the warp against the exact flow, depth and visibility.

    Args:
      out: what W and G made (training/face_space_drawing.py: `draw`).
      wanted: the driving frames, in [0, 1].
      keypoints: true keypoints of the driving frames, where the images count more.
    """
    chex.assert_equal_shape([out["picture"], wanted])
    size, truth_size = wanted.shape[1], batch["flow"].shape[1]
    chosen = keypoints[:, jnp.array(weights.focus_keypoints)]
    focus = losses.focus(chosen, size, weights.focus_std, weights.focus)
    head, seen = batch["head"][..., None], batch["visible"][..., None]
    flow = losses.upsampled(out["picture_flow"], truth_size)
    depth = losses.upsampled(out["surface_depth"], truth_size)
    visibility = losses.upsampled(out["visibility"], truth_size)
    parts = {
        "image": losses.weighted_l1(out["picture"], wanted, focus),
        "gradient": losses.gradient_l1(out["picture"], wanted, jnp.sqrt(focus)),
        "pyramid": losses.pyramid_l1(out["picture"], wanted),
        "warped": losses.masked_l1(out["warped_image"], wanted, losses.upsampled(seen, size)),
        "flow": losses.masked_l1(flow, batch["flow"], seen),
        "depth": losses.masked_l1(depth, batch["depth"][..., None], head),
        "visibility": losses.binary_cross_entropy(visibility, seen),
    }
    total = sum(getattr(weights, name) * part for name, part in parts.items())
    mse = jnp.mean(jnp.square(jnp.clip(out["picture"], 0, 1) - wanted), axis=(1, 2, 3))
    metrics = {
        "loss": total,
        "psnr": jnp.mean(-10.0 * jnp.log10(mse)),
        "flow_px": parts["flow"] * size / 2,
        "depth": parts["depth"],
        "vis": parts["visibility"],
    }
    return total, metrics
