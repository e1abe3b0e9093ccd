"""True flow between two frames of one person: where a surface point seen in one lies in the other.

`draw_with_truth` returns, for every pixel, the point of the head at rest that it shows. Moved by
the expression and pose of the other frame it gives the exact flow; without the expression it gives
a rigid warp, the baseline of a renderer.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from playmate_jax.synthetic.deform import displace
from playmate_jax.synthetic.identity import Identity
from playmate_jax.synthetic.keypoints import rotation
from playmate_jax.synthetic.render import THROAT


def rigid_flow(
    position: Float[np.ndarray, "*b 3"], pose: Float[np.ndarray, "6"]
) -> Float[np.ndarray, "*b 3"]:
    """Points of the head at rest under a pose: x, y in [-1, 1] of the image, z depth (away is
    positive).

    Args:
      position: points in head units.
      pose: pitch, yaw, roll in degrees, scale, tx, ty.
    """
    moved = position.astype(np.float32) @ rotation(*pose[:3]).astype(np.float32) * pose[3]
    return moved + np.array([pose[4], pose[5], 0], np.float32)


def surface_flow(
    identity: Identity,
    position: Float[np.ndarray, "*b 3"],
    units: Float[np.ndarray, "18"],
    pose: Float[np.ndarray, "6"],
) -> Float[np.ndarray, "*b 3"]:
    """As `rigid_flow`, after the expression `units` has displaced the skin."""
    return rigid_flow(displace(position, units, identity.shape), pose)


def depth_map(
    flow: Float[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """The depth of each pixel: z of the image's own flow, minus infinity outside the head.

    Args:
      mask: as `draw_with_truth` returns it.
    """
    return np.where(mask >= THROAT, flow[..., 2], -np.inf)


def visible(
    flow: Float[np.ndarray, "*b 3"], depth: Float[np.ndarray, "h w"], margin: float = 0.05
) -> Bool[np.ndarray, "*b"]:
    """Whether the points of a flow are visible in the image with this `depth_map`.

    Args:
      margin: tolerance of the depth.
    """
    h, w = depth.shape
    col = np.clip(np.floor((flow[..., 0] + 1) / 2 * w).astype(int), 0, w - 1)
    row = np.clip(np.floor((flow[..., 1] + 1) / 2 * h).astype(int), 0, h - 1)
    inside = (np.abs(flow[..., :2]) < 1).all(-1)
    return inside & (flow[..., 2] <= depth[row, col] + margin)
