"""The renderer of synthetic faces: images from identity, units and pose, on request with the ground
truth of every pixel.

`draw(identity, units (n, 18), pose (n, 6), size) -> (n, size, size, 3) uint8` is a pure function of
its arguments. The pose is pitch, yaw, roll in degrees, scale, tx, ty: x = s (x_c R + delta) + t in
[-1, 1]^2 of the image. Mesh, texture and backdrop of an identity are cached, so it is faster to
render all frames of one person together.
"""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from playmate_jax.synthetic import raster, render
from playmate_jax.synthetic.backdrop import draw_backdrop, draw_clothes
from playmate_jax.synthetic.compiled import jit
from playmate_jax.synthetic.expression import BASIS, lid_closure, mouth_openness
from playmate_jax.synthetic.identity import Identity, sample_identity
from playmate_jax.synthetic.keypoints import keypoints, pose_keypoints, rotation
from playmate_jax.synthetic.surface import Mesh, build_mesh
from playmate_jax.synthetic.texture import bake_texture

SUPERSAMPLING = 2


class _Frame(NamedTuple):
    image: NDArray[np.uint8]
    mesh: Mesh
    posed: render.Posed
    shows: NDArray[np.uint8]  # (samples, samples), or empty


@functools.lru_cache(maxsize=24)
def _model(seed: int, index: int) -> tuple[Mesh, NDArray[np.float32]]:
    identity = sample_identity(seed, index)
    mesh = build_mesh(identity)
    return mesh, bake_texture(identity, mesh)


@functools.lru_cache(maxsize=24)
def _paints(seed: int, index: int, size: int, reach: float) -> render.Paints:
    identity = sample_identity(seed, index)
    texture, look = _model(seed, index)[1], identity.look
    still = draw_backdrop(identity, size, reach), draw_clothes(identity, size, reach)
    return render.Paints(texture, *still, look.phases, look.colours)


def _frame(identity: Identity, units, pose, size: int, truth: bool, reach: float = 1.0) -> _Frame:
    mesh = _model(identity.seed, identity.index)[0]
    paints = _paints(identity.seed, identity.index, size, reach)
    samples = size * SUPERSAMPLING
    p, e = identity.shape, np.ascontiguousarray(units, np.float32)
    scale, tx, ty = (float(v) / reach for v in pose[3:])
    camera = render.Camera(np.ascontiguousarray(rotation(*pose[:3])), scale, tx, ty)
    head, normals, screen = np.empty((3, *mesh.rest.shape), np.float32)
    posed = render.Posed(head, normals, screen, np.empty((samples, samples), np.int32))
    raster.place_vertices(mesh, camera, e, p, samples, posed.head, posed.screen)
    raster.vertex_normals(posed.head, mesh.triangles, posed.normals)
    depth = np.empty((samples, samples), np.float32)
    raster.rasterise(posed.screen, mesh.triangles, depth, posed.owner)
    image = np.empty((size, size, 3), np.uint8)
    shows = np.empty((samples, samples) if truth else (0, 0), np.uint8)
    render.shade(mesh, posed, camera, paints, e, p, image, shows)
    return _Frame(image, mesh, posed, shows)


def draw(
    identity: Identity,
    units: Float[np.ndarray, "n 18"],
    pose: Float[np.ndarray, "n 6"],
    size: int = 128,
    reach: float = 1.0,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Images of one person, one per row of `units` and `pose`.

    Args:
      units: expression; see `expression.UNITS`.
      pose: pitch, yaw, roll in degrees, scale, tx, ty.
      size: side of the images in pixels.
      reach: the images show [-reach, reach]^2; above 1 they show more around the face.
    """
    frames = [
        _frame(identity, u, q, size, False, reach).image for u, q in zip(units, pose, strict=True)
    ]
    return np.stack(frames) if frames else np.empty((0, size, size, 3), np.uint8)


@jit
def _reduce(points, shows, position, mask):
    """From samples to pixels: the part that most samples show, and the mean rest point of these.

    A mean over all samples would, at a silhouette, lie on neither surface.
    """
    side = mask.shape[0]
    n = shows.shape[0] // side
    for i in range(side):
        for j in range(side):
            counts = [0, 0, 0, 0, 0]
            for k in range(n * n):
                counts[shows[i * n + k // n, j * n + k % n]] += 1
            best = 0
            for kind in range(1, 5):
                if counts[kind] > counts[best]:
                    best = kind
            mask[i, j] = best
            x, y, z = 0.0, 0.0, 0.0
            if best >= 2:
                for k in range(n * n):
                    row, col = i * n + k // n, j * n + k % n
                    if shows[row, col] == best:
                        x += points[row, col, 0]
                        y += points[row, col, 1]
                        z += points[row, col, 2]
            inv = 1 / counts[best]
            position[i, j, 0], position[i, j, 1], position[i, j, 2] = x * inv, y * inv, z * inv


def draw_with_truth(
    identity: Identity,
    units: Float[np.ndarray, "n 18"],
    pose: Float[np.ndarray, "n 6"],
    size: int = 128,
    truth_size: int | None = None,
) -> dict[str, np.ndarray]:
    """Images of one person with their ground truth.

    Args:
      units, pose, size: as in `draw`.
      truth_size: side of position and mask; None takes `size`.

    Returns:
      image (n, size, size, 3) uint8; at `truth_size` position (.., 3) float16, the point of the
      head at rest that a pixel shows (0 where `mask` < 2), and mask uint8: 0 backdrop, 1 clothes,
      2 neck, 3 hair, 4 skin and features of the head; face (n, size, size) uint8, the share of a
      pixel that is 4, times 255; x_c (21, 3), R, s, t, delta and x (n, 21, 3) of Eq. 1; opening
      (n,), the lips' openness; closure (n, 2), that of the eyes.
    """
    truth_size = truth_size or size
    images, positions, masks, faces = [], [], [], []
    for u, q in zip(units, pose, strict=True):
        image, mesh, posed, shows = _frame(identity, u, q, size, True)
        points = np.empty((*shows.shape, 3), np.float32)
        render.rest_points(mesh, posed, points)
        position = np.empty((truth_size, truth_size, 3), np.float32)
        mask = np.empty((truth_size, truth_size), np.uint8)
        _reduce(points, shows, position, mask)
        images.append(image)
        positions.append(position.astype(np.float16))
        masks.append(mask)
        face = (shows == render.FACE).reshape(size, SUPERSAMPLING, size, SUPERSAMPLING)
        faces.append((face.sum((1, 3)) * (255.0 / SUPERSAMPLING**2)).astype(np.uint8))
    units, pose = np.asarray(units, np.float32), np.asarray(pose, np.float32)
    x_c = keypoints(identity)
    return dict(
        image=np.stack(images),
        position=np.stack(positions),
        mask=np.stack(masks),
        face=np.stack(faces),
        x_c=x_c,
        delta=(units @ BASIS).reshape(-1, 21, 3),
        R=rotation(pose[:, 0], pose[:, 1], pose[:, 2]).astype(np.float32),
        s=pose[:, 3:4],
        t=np.concatenate([pose[:, 4:6], np.zeros_like(pose[:, :1])], -1),
        x=pose_keypoints(np.broadcast_to(x_c, (len(pose), 21, 3)), units, pose),
        opening=mouth_openness(units),
        closure=lid_closure(units),
    )
