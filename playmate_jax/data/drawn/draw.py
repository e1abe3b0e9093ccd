"""Drawing: identity, units and pose to pictures, with the truth behind every pixel where asked.

`draw(identity, units (n, 18), pose (n, 6), size) -> (n, size, size, 3) uint8`, a pure function of its
arguments. The pose is pitch, yaw, roll in degrees, scale, tx, ty: x = s (x_c R + delta) + t in the
picture's [-1, 1]^2. What an identity needs once (mesh, texture, backdrop) is cached, so draw the frames
of one person together.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from playmate_jax.data.drawn import render
from playmate_jax.data.drawn.backdrop import draw_backdrop, draw_clothes
from playmate_jax.data.drawn.identity import Identity, sample_identity
from playmate_jax.data.drawn.keypoints import rotation
from playmate_jax.data.drawn.surface import Mesh, build_mesh
from playmate_jax.data.drawn.texture import bake_texture

SUPERSAMPLING = 2
TRUTH_FACE = render.FACE


class _Model(NamedTuple):
    mesh: Mesh
    texture: NDArray[np.float32]


@functools.lru_cache(maxsize=24)
def _model(seed: int, index: int) -> _Model:
    identity = sample_identity(seed, index)
    mesh = build_mesh(identity)
    return _Model(mesh, bake_texture(identity, mesh))


@functools.lru_cache(maxsize=24)
def _still(seed: int, index: int, size: int):
    identity = sample_identity(seed, index)
    return draw_backdrop(identity, size), draw_clothes(identity, size)


def _frame(identity: Identity, units, pose, size: int, truth: bool):
    mesh, texture = _model(identity.seed, identity.index)
    back, cloth = _still(identity.seed, identity.index, size)
    samples = size * SUPERSAMPLING
    e = np.ascontiguousarray(units, np.float32)
    rot = np.ascontiguousarray(rotation(*pose[:3]))
    scale, tx, ty = (float(v) for v in pose[3:])
    p, look = identity.shape, identity.look
    posed, screen = np.empty_like(mesh.rest), np.empty_like(mesh.rest)
    normals = np.empty_like(mesh.rest)
    render.place_vertices(
        mesh.rest, mesh.rigid, mesh.face, e, p, rot, scale, tx, ty, samples, posed, screen
    )
    render.vertex_normals(posed, mesh.triangles, normals)
    depth = np.empty((samples, samples), np.float32)
    owner = np.empty((samples, samples), np.int32)
    render.rasterise(screen, mesh.triangles, depth, owner)
    image = np.empty((size, size, 3), np.uint8)
    points = np.zeros((samples, samples, 3) if truth else (1, 1, 3), np.float32)
    shows = np.zeros((samples, samples) if truth else (1, 1), np.uint8)
    render.shade(
        mesh.rest, mesh.uv, mesh.triangles, mesh.part, posed, normals, screen, owner, texture, back,
        cloth, e, p, look.phases, look.colours, rot, scale, tx, ty, image, truth, points, shows,
    )  # fmt: skip
    return image, points, shows


def draw(
    identity: Identity,
    units: Float[np.ndarray, "n 18"],
    pose: Float[np.ndarray, "n 6"],
    size: int = 128,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Pictures of one person."""
    frames = [_frame(identity, u, q, size, False)[0] for u, q in zip(units, pose, strict=True)]
    return np.stack(frames) if frames else np.empty((0, size, size, 3), np.uint8)
