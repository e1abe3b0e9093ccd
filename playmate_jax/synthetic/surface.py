"""The head as a triangle mesh: skull, jaw, nose and hair in one star-shaped sheet; ears, neck, long
hair.

The sheet is computed once per identity by marching rays into a union of ellipsoids; expression then
displaces its vertices (`deform.displacement`), so that frames need no ray marching. All positions
are canonical: head units, x right, y down, z away from the viewer, the nose towards -z.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playmate_jax.synthetic.compiled import inlined, jit
from playmate_jax.synthetic.identity import Identity, Shape

COLUMNS, ROWS = 112, 84  # vertices of the sheet: azimuth x elevation, denser towards the face
HEAD, EAR, NECK, CURTAIN, BUN = 0, 1, 2, 3, 4  # parts


class Mesh(NamedTuple):
    """The triangle mesh of one person at rest, in head units."""

    rest: NDArray[np.float32]  # (v, 3)
    uv: NDArray[np.float32]  # (v, 2) column and row in the sheet, [0, 1]; other parts: their own
    rigid: NDArray[np.float32]  # (v,) 1 follows the head, 0 is fixed (base of the neck)
    face: NDArray[np.float32]  # (v,) 1 is moved by expression
    triangles: NDArray[np.int32]  # (n, 3)
    part: NDArray[np.int32]  # (n,)
    skin: NDArray[np.float32]  # (ROWS, COLUMNS + 1, 3) the sheet without hair


@inlined
def smoothstep(x, low, high):
    """A smooth step: 0 for x below low, 1 above high, cubic in between."""
    u = min(max((x - low) / (high - low), 0.0), 1.0)
    return u * u * (3 - 2 * u)


@inlined
def _ellipsoid(x, y, z, cx, cy, cz, rx, ry, rz):
    """Approximate signed distance to an ellipsoid."""
    x, y, z = (x - cx) / rx, (y - cy) / ry, (z - cz) / rz
    q = x * x + y * y + z * z
    g = (x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2
    return (q - math.sqrt(q)) / math.sqrt(g + 1e-9)


@inlined
def _union(a, b, k):
    """Smooth minimum of two distances over the width k."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@jit
def skin_distance(x, y, z, p):
    """Approximate signed distance of a point to the skin at rest of `Shape` p, in head units."""
    x = abs(x)
    d = _ellipsoid(x, y, z, 0.0, -0.16, 0.10, p.skull_w, p.skull_h, 0.80)
    d = _union(d, _ellipsoid(x, y, z, 0.0, 0.26, -0.12, p.jaw_w, p.jaw_h, 0.58), 0.2)
    chin = _ellipsoid(x, y, z, 0.0, p.chin_y, -0.42, p.chin_w * 1.3, 0.14, p.chin_w * 0.6 + 0.11)
    d = _union(d, chin, 0.18)
    cheek = _ellipsoid(x, y, z, 0.34, 0.18, -0.42, 0.17, 0.14, 0.15 + p.cheek)
    d = _union(d, cheek, 0.18)
    # sockets are carved before the nose is set on
    d = -_union(-d, _ellipsoid(x, y, z, p.eye_x, p.eye_y, -0.84, 0.17, 0.11, 0.10), 0.12)
    d = _union(d, _ellipsoid(x, y, z, p.eye_x, p.eye_y + 0.01, -0.62, 0.13, 0.10, 0.10), 0.04)
    d = _union(d, _ellipsoid(x, y, z, 0.0, p.mouth_y, -0.62, p.mouth_w, 0.10, 0.11), 0.1)
    tip = p.eye_y + p.nose_len
    d = _union(
        d, _ellipsoid(x, y, z, 0.0, tip, -0.72, p.nose_w * 0.9, 0.07, 0.06 + p.nose_out), 0.07
    )
    bridge = _ellipsoid(
        x, y, z, 0.0, 0.5 * (p.eye_y + tip), -0.68, 0.05, p.nose_len * 0.75,
        0.06 + p.nose_bridge + 0.3 * p.nose_out,
    )  # fmt: skip
    d = _union(d, bridge, 0.09)
    wing = _ellipsoid(x, y, z, p.nose_w * 0.8, tip + 0.02, -0.68, 0.05, 0.05, 0.09)
    return _union(d, wing, 0.05)


@jit
def hair_depth(x, y, z, p, phases):
    """Distance of a point of the skin above the hairline, in head units; negative on bare skin."""
    ax = abs(x)
    azimuth = math.atan2(ax, 0.1 - z)
    front = -0.74 + 0.20 * p.hairline + 0.05 * p.part * x / 0.5
    front -= p.recede * 0.22 * math.exp(-(((ax - 0.36) / 0.16) ** 2))
    lock = math.sin(9 * x + phases[0]) * 0.03 + math.sin(23 * x + phases[1]) * 0.02
    front += p.fringe * (0.26 + lock) * (1 - smoothstep(ax, 0.2, 0.55))
    edge = front + (p.sideburn - front) * smoothstep(azimuth, 0.80, 1.25)
    edge += (p.nape - p.sideburn) * smoothstep(azimuth, 1.45, 1.75)
    fray = 0.012 * math.sin(31 * azimuth + phases[2]) + 0.008 * math.sin(67 * azimuth + phases[3])
    return (edge + fray - y) * (1 - p.bald) - 9 * p.bald


@jit
def beard_cover(x, y, z, p, phases):
    """Density in [0, 1] of beard, moustache and goatee at a point of the face at rest."""
    ax, v = abs(x), y - p.mouth_y
    lips = math.exp(-(((x / (p.mouth_w * 0.95)) ** 2 + ((v - 0.015) / 0.075) ** 2) ** 2))
    line = smoothstep(y - 0.24 - 0.7 * max(0.44 - ax, 0.0), 0.0, 0.14)
    full = p.beard * line * (1 - lips) * smoothstep(-z, -0.12, 0.1)
    goatee = p.goatee * math.exp(-(((x / 0.2) ** 2 + ((v - 0.27) / 0.2) ** 2) ** 2)) * (1 - lips)
    arch = v + 0.085 - 0.16 * max(ax - 0.12, 0.0)
    tache = p.moustache * math.exp(-((ax / (p.mouth_w * 0.95)) ** 4 + (arch / 0.042) ** 4))
    return max(full, goatee, tache)


@jit
def _sheet(p, phases, azimuths, elevations, skin, hair):
    """Radii of skin and of skin with hair and beard, as positions (rows, columns, 3)."""
    for i in range(elevations.size):
        for j in range(azimuths.size):
            dx = math.sin(azimuths[j]) * math.cos(elevations[i])
            dy = math.sin(elevations[i])
            dz = -math.cos(azimuths[j]) * math.cos(elevations[i])
            r = 1.5
            for _ in range(40):
                d = skin_distance(r * dx, 0.05 + r * dy, 0.05 + r * dz, p)
                r -= 0.8 * d
                if abs(d) < 2e-4:
                    break
            x, y, z = r * dx, 0.05 + r * dy, 0.05 + r * dz
            skin[i, j, 0], skin[i, j, 1], skin[i, j, 2] = x, y, z
            depth = hair_depth(x, y, z, p, phases)
            wave = math.sin((6 + 14 * p.curl) * (x + 0.6 * z) + phases[4])
            wave += 0.7 * math.sin((9 + 17 * p.curl) * (y - 0.5 * x) + phases[5])
            lift = p.hair_vol * (1 + 0.12 * (0.3 + p.curl) * wave) * (1 + 0.4 * max(-dy, 0.0))
            grow = lift * smoothstep(depth, -0.01, 0.22)
            grow += 0.07 * p.beard_long * p.beard * beard_cover(x, y, z, p, phases)
            r += grow
            hair[i, j, 0], hair[i, j, 1], hair[i, j, 2] = r * dx, 0.05 + r * dy, 0.05 + r * dz


def _grid(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles of a (rows, columns) lattice of vertices."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], 1).reshape(-1, 3)


def _lattice(rows: int, columns: int) -> tuple[NDArray, NDArray]:
    return np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")


def _extras(p: Shape, phases: NDArray) -> list[tuple[int, NDArray, NDArray]]:
    """(part, positions (rows, columns, 3), rigid (rows, columns)) of everything but the sheet."""
    parts = []
    v, u = _lattice(11, 15)
    lon, lat = 2 * np.pi * u, np.pi * v
    for side in (-1, 1):
        y, z = -np.cos(lat) * 0.17, np.sin(lat) * np.cos(lon) * 0.10
        x = np.sin(lat) * np.sin(lon) * 0.05
        ear = np.stack([side * (p.skull_w + 0.0 + x + 0.35 * np.maximum(z, -0.1)),
                        0.06 + p.ear * y + 0.15 * z, 0.10 + p.ear * z], -1)  # fmt: skip
        if not p.curtain:
            parts.append((EAR, ear, np.ones_like(u)))
    v, u = _lattice(16, 33)
    around = 2 * np.pi * u + np.pi  # the seam at the back
    width = p.neck_w * (1 + 0.25 * np.clip(v - 0.6, 0, 1) ** 2)
    neck = np.stack([width * np.sin(around), 0.45 + 1.25 * v,
                     0.12 - 0.30 * np.cos(around) + 0.15 * (v - 0.5)], -1)  # fmt: skip
    parts.append((NECK, neck, 1 - np.clip((v - 0.25) / 0.6, 0, 1)))
    if p.curtain:
        v, u = _lattice(28, 49)
        around = (u - 0.5) * 2 * np.radians(112)
        wave = 0.025 * (0.4 + p.curl) * np.sin(v * (8 + 8 * p.curl) + 9 * u + phases[6])
        wide = p.skull_w + p.hair_vol * 0.7 + p.curtain_w * np.sin(np.pi * np.clip(v * 1.1, 0, 1))
        wide = wide * (1 - 0.22 * np.clip(v - 0.75, 0, 1) / 0.25 * (1 - p.curl)) + wave
        fringe = 0.05 * np.sin(23 * u + phases[7]) * v
        y = -0.35 + (p.curtain + 0.35 + fringe) * v
        z = 0.10 + (0.62 + wave) * np.cos(around) + 0.05 * v
        parts.append((CURTAIN, np.stack([wide * np.sin(around), y, z], -1), np.ones_like(u)))
    if p.bun:
        v, u = _lattice(12, 17)
        lon, lat = 2 * np.pi * u, np.pi * v
        ball = np.stack([np.sin(lat) * np.sin(lon), -np.cos(lat), np.sin(lat) * np.cos(lon)], -1)
        top = -0.16 - p.skull_h - p.hair_vol
        centre = np.array([0.0, top + 0.02 - 0.3 * p.bun, 0.22])
        parts.append((BUN, centre + p.bun * ball * (1.1, 0.8, 1.0), np.ones_like(u)))
    return parts


def build_mesh(identity: Identity) -> Mesh:
    """The triangle mesh of one person at rest."""
    p, phases = identity.shape, identity.look.phases
    s, t = np.linspace(-1, 1, COLUMNS + 1), np.linspace(-1, 1, ROWS)
    azimuths = np.pi * (0.45 * s + 0.55 * s**3)
    elevations = np.pi / 2 * 0.998 * (0.62 * t + 0.38 * t**3)
    skin = np.empty((ROWS, COLUMNS + 1, 3))
    hair = np.empty_like(skin)
    _sheet(p, phases, azimuths, elevations, skin, hair)
    parts = [(HEAD, hair, np.ones(hair.shape[:2])), *_extras(p, phases)]
    rest, uv, rigid, face, triangles, part, start = [], [], [], [], [], [], 0
    for kind, positions, weight in parts:
        rows, columns = positions.shape[:2]
        v, u = _lattice(rows, columns)
        joined = _grid(rows, columns)
        rest.append(positions.reshape(-1, 3))
        uv.append(np.stack([u, v], -1).reshape(-1, 2))
        rigid.append(weight.ravel())
        face.append(np.full(rows * columns, float(kind == HEAD)))
        triangles.append(joined + start)
        part.append(np.full(len(joined), kind))
        start += rows * columns
    f32 = lambda parts: np.concatenate(parts).astype(np.float32)  # noqa: E731
    return Mesh(f32(rest), f32(uv), f32(rigid), f32(face),
                np.concatenate(triangles).astype(np.int32), np.concatenate(part).astype(np.int32),
                skin.astype(np.float32))  # fmt: skip
