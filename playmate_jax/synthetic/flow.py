"""Truth between two frames of one person: where a surface point seen in one lies in the other.

`draw_with_truth` says for every pixel which point of the head at rest it shows. Moved by the other
frame's expression and pose this is the exact flow; without the expression it is the rigid warp that
a renderer has to beat.
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
    """Head points under a pose: x, y in [-1, 1] of its image, z in depth (away is positive)."""
    moved = position.astype(np.float32) @ rotation(*pose[:3]).astype(np.float32) * pose[3]
    return moved + np.array([pose[4], pose[5], 0], np.float32)


def surface_flow(
    identity: Identity,
    position: Float[np.ndarray, "*b 3"],
    units: Float[np.ndarray, "18"],
    pose: Float[np.ndarray, "6"],
) -> Float[np.ndarray, "*b 3"]:
    """As `rigid_flow`, after the expression has moved the skin."""
    return rigid_flow(displace(position, units, identity.shape), pose)


def depth_map(
    flow: Float[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w"]:
    """Depth of what an image shows: z of its own flow, minus infinity where no head is."""
    return np.where(mask >= THROAT, flow[..., 2], -np.inf)


def visible(
    flow: Float[np.ndarray, "*b 3"], depth: Float[np.ndarray, "h w"], margin: float = 0.05
) -> Bool[np.ndarray, "*b"]:
    """Whether the points of a flow are the nearest in the image that has this `depth_map`."""
    h, w = depth.shape
    col = np.clip(np.floor((flow[..., 0] + 1) / 2 * w).astype(int), 0, w - 1)
    row = np.clip(np.floor((flow[..., 1] + 1) / 2 * h).astype(int), 0, h - 1)
    inside = (np.abs(flow[..., :2]) < 1).all(-1)
    return inside & (flow[..., 2] <= depth[row, col] + margin)
