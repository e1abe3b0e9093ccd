"""The colour of every pixel of one frame: lighting, paint, clothes and backdrop.

Compiled functions without state; see `draw.py` for the interface. A pixel is the mean of n x n
samples. Where all of them show the same part and no painted feature, only the first one is
evaluated, which saves half of the time.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from playmate_jax.synthetic.compiled import inlined, jit
from playmate_jax.synthetic.paint import (
    cover,
    features,
    mix,
    paint_eye,
    paint_frown,
    paint_mouth,
)
from playmate_jax.synthetic.surface import BUN, CURTAIN, EAR, HEAD, NECK, smoothstep

BACKDROP, CLOTHES, THROAT, HAIR, FACE = 0, 1, 2, 3, 4  # what a pixel shows


class Paints(NamedTuple):
    """Textures and colours of one person, for one image size."""

    texture: NDArray[np.float32]  # of the sheet: RGB and hair
    back: NDArray[np.float32]  # (h, w, 3)
    cloth: NDArray[np.float32]  # (h, w, 4) with coverage
    phases: NDArray[np.float32]
    colours: NDArray[np.float32]


class Posed(NamedTuple):
    """The vertices of one frame, and the triangle visible at each sample."""

    head: NDArray[np.float32]  # (v, 3) in the head's frame, after expression
    normals: NDArray[np.float32]  # (v, 3) in the head's frame
    screen: NDArray[np.float32]  # (v, 3) x, y in samples, z
    owner: NDArray[np.int32]  # (samples, samples) nearest triangle or -1


class Camera(NamedTuple):
    """The projection of a point q of the head: x = scale (q rot) + (tx, ty)."""

    rot: NDArray[np.float64]
    scale: float
    tx: float
    ty: float


class Lamp(NamedTuple):
    """Unit vectors towards the light (l), and halfway between light and viewer (h)."""

    lx: float
    ly: float
    lz: float
    hx: float
    hy: float
    hz: float


@jit
def lamp(p):
    """The `Lamp` of the person with the `Shape` p."""
    norm = 1 / math.sqrt(p.light_x**2 + p.light_y**2 + 1)
    lx, ly, lz = p.light_x * norm, p.light_y * norm, -norm
    norm = 1 / math.sqrt(lx * lx + ly * ly + (lz - 1) ** 2)
    return Lamp(lx, ly, lz, lx * norm, ly * norm, (lz - 1) * norm)


@inlined
def _lens(r, g, b, cx, cy, camera, aa, p, colours):
    """Spectacles: rims, bridge and a little reflection in a plane before the eyes."""
    rot = camera.rot
    zx, zy, zz = rot[0, 2], rot[1, 2], rot[2, 2]  # camera's z axis in the head's frame
    ox, oy = cx * rot[0, 0] + cy * rot[0, 1], cx * rot[1, 0] + cy * rot[1, 1]
    oz = cx * rot[2, 0] + cy * rot[2, 1]
    t = (-0.82 - oz) / zz
    gx, gy = ox + t * zx, oy + t * zy - p.eye_y - 0.02
    if abs(gy) > 0.3 or abs(gx) > 0.65:
        return r, g, b
    a, c = (abs(gx) - p.eye_x) / p.glass_r, gy / (0.85 * p.glass_r)
    a, c = a * a, c * c
    d = (1 - p.glass_sq) * math.sqrt(a + c) + p.glass_sq * math.sqrt(math.sqrt(a * a + c * c))
    d = (d - 1) * p.glass_r * 0.9
    inner = max(p.eye_x - p.glass_r, 0.01)
    rim = cover(abs(d) - p.glass_th * 0.7, aa)
    rim = max(rim, cover(max(abs(gy + 0.03) - 0.6 * p.glass_th, abs(gx) - inner), aa))
    w = 0.06 * cover(d, aa) * (1 + max(math.sin(9 * (gx + gy)), 0.0))
    r, g, b = r + w * (1 - r), g + w * (1 - g), b + w * (1 - b)
    return mix(r, g, b, colours[5], 1.0, 0.95 * rim)


@inlined
def _weights(screen, a, b, c, i, j):
    """Barycentric weights of sample (i, j) in a triangle."""
    x0, y0 = screen[a, 0], screen[a, 1]
    x1, y1 = screen[b, 0] - x0, screen[b, 1] - y0
    x2, y2 = screen[c, 0] - x0, screen[c, 1] - y0
    inv = 1 / (x1 * y2 - x2 * y1)
    wb = ((i - x0) * y2 - x2 * (j - y0)) * inv
    wc = (x1 * (j - y0) - (i - x0) * y1) * inv
    return 1 - wb - wc, wb, wc


@inlined
def _blend(values, a, b, c, wa, wb, wc, k):
    return wa * values[a, k] + wb * values[b, k] + wc * values[c, k]


@inlined
def _head_colour(u, v, x, y, z, aa, f, p, paints):
    """Colour of a point of the sheet with the frame's features painted on it: RGB, share of hair,
    and whether a feature was painted."""
    texture, colours = paints.texture, paints.colours
    rows, columns = texture.shape[:2]
    gx, gy = u * (columns - 1), v * (rows - 1)
    i, j = min(int(gy), rows - 2), min(int(gx), columns - 2)
    fy, fx = gy - i, gx - j
    r, g, b, hairy = 0.0, 0.0, 0.0, 0.0
    for di in range(2):
        for dj in range(2):
            w = (fy if di else 1 - fy) * (fx if dj else 1 - fx)
            r += w * texture[i + di, j + dj, 0]
            g += w * texture[i + di, j + dj, 1]
            b += w * texture[i + di, j + dj, 2]
            hairy += w * texture[i + di, j + dj, 3]
    painted = z < -0.25 and hairy < 0.999
    # a pixel can be four texels wide: the hairline may lie within it
    up, down = texture[max(i - 4, 0), j, 3], texture[min(i + 4, rows - 1), j, 3]
    left, right = texture[i, max(j - 4, 0), 3], texture[i, min(j + 4, columns - 1), 3]
    border = max(up, down, left, right, hairy) - min(up, down, left, right, hairy) > 0.01
    if painted:
        pr, pg, pb = r, g, b
        if y > p.mouth_y - 0.3:
            pr, pg, pb = paint_mouth(x, y, aa, pr, pg, pb, f, p, colours)
        if y < p.eye_y + 0.3:
            pr, pg, pb = paint_frown(x, y, pr, pg, pb, f, p)
            pr, pg, pb = paint_eye(x, y, aa, pr, pg, pb, f, p, colours)
        keep = 1 - hairy
        r, g, b = r + keep * (pr - r), g + keep * (pg - g), b + keep * (pb - b)
    return r, g, b, hairy, painted or border


@inlined
def _part_colour(kind, u, v, y, facing, p, paints):
    """Ears, neck and long hair."""
    skin, hair, ph = paints.colours[0], paints.colours[1], paints.phases
    if kind == EAR:
        inner = 0.82 + 0.18 * facing
        return skin[0] * inner, skin[1] * inner * 0.93, skin[2] * inner * 0.92, 0.0
    if kind == NECK:
        jaw_shadow = 0.60 + 0.36 * smoothstep(y, 0.85, 1.35)
        return skin[0] * jaw_shadow, skin[1] * jaw_shadow * 0.97, skin[2] * jaw_shadow * 0.96, 0.0
    if kind == BUN:
        inner = 0.95 + 0.08 * (math.sin(28 * u + 9 * v) + math.sin(17 * v + ph[9]))
    else:
        strand = math.sin(70 * u + 4 * math.sin(3 * v + ph[6]) * (0.2 + p.curl))
        inner = 0.80 + 0.08 * (strand + math.sin(31 * u + 2 * v + ph[9]))
    return hair[0] * inner, hair[1] * inner, hair[2] * inner, 1.0


@inlined
def _sample(tri, i, j, aa, mesh, posed, camera, light, f, p, paints):
    """Lit colour of one sample, what it shows, and whether features are painted there."""
    a, b, c = mesh.triangles[tri, 0], mesh.triangles[tri, 1], mesh.triangles[tri, 2]
    wa, wb, wc = _weights(posed.screen, a, b, c, i, j)
    kx = _blend(posed.normals, a, b, c, wa, wb, wc, 0)
    ky = _blend(posed.normals, a, b, c, wa, wb, wc, 1)
    kz = _blend(posed.normals, a, b, c, wa, wb, wc, 2)
    rot = camera.rot
    nx = kx * rot[0, 0] + ky * rot[1, 0] + kz * rot[2, 0]
    ny = kx * rot[0, 1] + ky * rot[1, 1] + kz * rot[2, 1]
    nz = kx * rot[0, 2] + ky * rot[1, 2] + kz * rot[2, 2]
    norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
    if nz > 0:  # a sheet seen from behind
        norm = -norm
    nx, ny, nz = nx * norm, ny * norm, nz * norm
    diffuse = max(nx * light.lx + ny * light.ly + nz * light.lz, 0.0)
    lit = p.ambient * (0.72 - 0.28 * nz) + (1.08 - p.ambient) * diffuse
    gloss = max(nx * light.hx + ny * light.hy + nz * light.hz, 0.0) ** 12
    u, v = _blend(mesh.uv, a, b, c, wa, wb, wc, 0), _blend(mesh.uv, a, b, c, wa, wb, wc, 1)
    y = _blend(posed.head, a, b, c, wa, wb, wc, 1)
    kind, painted = mesh.part[tri], False
    if kind == HEAD:
        x = _blend(posed.head, a, b, c, wa, wb, wc, 0)
        z = _blend(posed.head, a, b, c, wa, wb, wc, 2)
        r, g, b_, hairy, painted = _head_colour(u, v, x, y, z, aa, f, p, paints)
    else:
        r, g, b_, hairy = _part_colour(kind, u, v, y, -nz, p, paints)
    lustre = p.spec * 0.55 * gloss * (1 - hairy)
    band = max(1 - abs(ny + 0.55) * 3, 0.0) * hairy * 0.16
    hair = paints.colours[1]
    r = r * lit + lustre + band * (0.3 + hair[0])
    g = g * lit + lustre + band * (0.3 + hair[1])
    b_ = b_ * lit + lustre + band * (0.3 + hair[2])
    shown = HAIR if hairy > 0.5 else THROAT if kind == NECK else FACE
    return r, g, b_, shown, painted


@inlined
def _uniform(owner, mesh, row, col, n):
    """Whether all samples of a pixel show neighbouring places of one part, or all none."""
    first = owner[row * n, col * n]
    for k in range(1, n * n):
        tri = owner[row * n + k // n, col * n + k % n]
        if first < 0 or tri < 0:
            if first != tri:
                return False
            continue
        a, b = mesh.triangles[first, 0], mesh.triangles[tri, 0]
        apart = abs(mesh.uv[a, 0] - mesh.uv[b, 0]) + abs(mesh.uv[a, 1] - mesh.uv[b, 1])
        if mesh.part[tri] != mesh.part[first] or apart > 0.06:  # a fold: hair before a cheek
            return False
    return True


@jit
def shade(mesh, posed, camera, paints, e, p, image, shows):
    """Colour `image` (h, w, 3) uint8; `shows` (samples, samples), unless empty: what they show."""
    size, samples = image.shape[0], posed.owner.shape[0]
    n = samples // size
    f, light = features(e, p), lamp(p)
    aa = 2.6 / samples / camera.scale
    for row in range(size):
        for col in range(size):
            alpha, w = paints.cloth[row, col, 3], 1 - paints.cloth[row, col, 3]
            back_r = w * paints.back[row, col, 0] + alpha * paints.cloth[row, col, 0]
            back_g = w * paints.back[row, col, 1] + alpha * paints.cloth[row, col, 1]
            back_b = w * paints.back[row, col, 2] + alpha * paints.cloth[row, col, 2]
            still = CLOTHES if alpha > 0.5 else BACKDROP
            alike = _uniform(posed.owner, mesh, row, col, n)
            sr, sg, sb, count = 0.0, 0.0, 0.0, 0
            for k in range(n * n):
                j, i = row * n + k // n, col * n + k % n
                r, g, b, what, painted = back_r, back_g, back_b, still, False
                tri = posed.owner[j, i]
                if tri >= 0:
                    behind = mesh.part[tri] == NECK or mesh.part[tri] == CURTAIN
                    if not (behind and alpha > 0.99):
                        r, g, b, what, painted = _sample(
                            tri, i, j, aa, mesh, posed, camera, light, f, p, paints
                        )
                    if behind and alpha > 0:
                        r, g = back_r + w * (r - back_r), back_g + w * (g - back_g)
                        b = back_b + w * (b - back_b)
                        what = still if alpha > 0.5 else what
                cy = ((j + 0.5) / samples * 2 - 1 - camera.ty) / camera.scale
                near_glasses = p.glasses > 0 and abs(cy - p.eye_y) < 0.5
                if near_glasses:
                    cx = ((i + 0.5) / samples * 2 - 1 - camera.tx) / camera.scale
                    r, g, b = _lens(r, g, b, cx, cy, camera, aa, p, paints.colours)
                sr, sg, sb, count = sr + r, sg + g, sb + b, count + 1
                if shows.size > 0:
                    shows[j, i] = what
                if k == 0 and alike and not painted and not near_glasses:
                    if shows.size > 0:
                        for m in range(1, n * n):
                            shows[row * n + m // n, col * n + m % n] = what
                    break
            norm = 255.0 / count
            image[row, col, 0] = int(min(max(sr * norm + 0.5, 0.0), 255.0))
            image[row, col, 1] = int(min(max(sg * norm + 0.5, 0.0), 255.0))
            image[row, col, 2] = int(min(max(sb * norm + 0.5, 0.0), 255.0))


@jit
def rest_points(mesh, posed, points):
    """The point of the head at rest that each sample shows, (samples, samples, 3); 0: none."""
    points[:] = 0
    for j in range(points.shape[0]):
        for i in range(points.shape[1]):
            tri = posed.owner[j, i]
            if tri < 0:
                continue
            a, b, c = mesh.triangles[tri, 0], mesh.triangles[tri, 1], mesh.triangles[tri, 2]
            wa, wb, wc = _weights(posed.screen, a, b, c, i, j)
            for k in range(3):
                points[j, i, k] = _blend(mesh.rest, a, b, c, wa, wb, wc, k)
