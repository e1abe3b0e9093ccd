"""Triangles to pixels: vertices, depth buffer, and the colour of every sample of one frame.

Compiled code without state. `samples` is the side of the supersampled picture; a pixel of the result is
the mean of its samples. See `draw.py` for the interface.
"""

import math

from playmate_jax.data.drawn.deform import displacement
from playmate_jax.data.drawn.paint import (
    cover,
    features,
    mix,
    paint_eye,
    paint_frown,
    paint_mouth,
)
from playmate_jax.data.drawn.surface import BUN, CURTAIN, EAR, HEAD, NECK, jit, smoothstep

BACKDROP, CLOTHES, THROAT, HAIR, FACE = 0, 1, 2, 3, 4  # what a pixel shows
REST_SCALE = 0.72  # of the pose at which shoulders and the foot of the neck stand still


@jit
def place_vertices(rest, rigid, face, e, p, rot, scale, tx, ty, samples, posed, screen):
    """Rest vertices to `posed` (head's frame, after expression) and `screen` (x, y in samples, z)."""
    half = 0.5 * samples
    for i in range(rest.shape[0]):
        x, y, z = rest[i, 0], rest[i, 1], rest[i, 2]
        if face[i] > 0:
            dx, dy, dz = displacement(x, y, z, e, p)
            x, y, z = x + dx, y + dy, z + dz
        posed[i, 0], posed[i, 1], posed[i, 2] = x, y, z
        cx = scale * (x * rot[0, 0] + y * rot[1, 0] + z * rot[2, 0]) + tx
        cy = scale * (x * rot[0, 1] + y * rot[1, 1] + z * rot[2, 1]) + ty
        cz = scale * (x * rot[0, 2] + y * rot[1, 2] + z * rot[2, 2])
        w = rigid[i]
        cx = w * cx + (1 - w) * REST_SCALE * x
        cy = w * cy + (1 - w) * REST_SCALE * y
        cz = w * cz + (1 - w) * REST_SCALE * z
        screen[i, 0], screen[i, 1], screen[i, 2] = (cx + 1) * half - 0.5, (cy + 1) * half - 0.5, cz


@jit
def vertex_normals(posed, triangles, normals):
    """Area-weighted normals in the head's frame, pointing out of the sheet."""
    normals[:] = 0
    for k in range(triangles.shape[0]):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        ux, uy, uz = posed[b, 0] - posed[a, 0], posed[b, 1] - posed[a, 1], posed[b, 2] - posed[a, 2]
        vx, vy, vz = posed[c, 0] - posed[a, 0], posed[c, 1] - posed[a, 1], posed[c, 2] - posed[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += nx
            normals[i, 1] += ny
            normals[i, 2] += nz


@jit
def rasterise(screen, triangles, depth, owner):
    """Depth buffer: `owner` (samples, samples) gets the nearest triangle of every sample, or -1."""
    size = depth.shape[0]
    depth[:] = 1e9
    owner[:] = -1
    for k in range(triangles.shape[0]):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        x0, y0, z0 = screen[a, 0], screen[a, 1], screen[a, 2]
        x1, y1, z1 = screen[b, 0], screen[b, 1], screen[b, 2]
        x2, y2, z2 = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-12:
            continue
        left = max(int(math.ceil(min(x0, x1, x2))), 0)
        right = min(int(math.floor(max(x0, x1, x2))), size - 1)
        top = max(int(math.ceil(min(y0, y1, y2))), 0)
        bottom = min(int(math.floor(max(y0, y1, y2))), size - 1)
        inv = 1 / area
        for j in range(top, bottom + 1):
            for i in range(left, right + 1):
                wb = ((i - x0) * (y2 - y0) - (x2 - x0) * (j - y0)) * inv
                wc = ((x1 - x0) * (j - y0) - (i - x0) * (y1 - y0)) * inv
                if wb < 0 or wc < 0 or wb + wc > 1:
                    continue
                z = z0 + wb * (z1 - z0) + wc * (z2 - z0)
                if z < depth[j, i]:
                    depth[j, i] = z
                    owner[j, i] = k


@jit
def _lens(r, g, b, cx, cy, rot, aa, p, colours):
    """Spectacles: rims, bridge and a little reflection in a plane before the eyes."""
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


@jit
def shade(
    rest, uv, triangles, part, posed, normals, screen, owner, texture, back, cloth, e, p, ph, colours,
    rot, scale, tx, ty, image, truth, points, shows,
):  # fmt: skip
    """Colour every pixel of `image` (h, w, 3) uint8; with `truth` also `points` and `shows` per sample.

    `points` (samples, samples, 3): rest position of the surface seen; `shows`: BACKDROP ... FACE.
    """
    size, samples = image.shape[0], owner.shape[0]
    n = samples // size
    f = features(e, p)
    aa = 2.0 / samples / scale * 1.3
    norm = 1 / math.sqrt(p.light_x**2 + p.light_y**2 + 1)
    lx, ly, lz = p.light_x * norm, p.light_y * norm, -norm
    hx, hy, hz = lx, ly, lz - 1
    norm = 1 / math.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx * norm, hy * norm, hz * norm
    rows, columns = texture.shape[:2]
    skin, hair = colours[0], colours[1]
    for row in range(size):
        for col in range(size):
            sr, sg, sb = 0.0, 0.0, 0.0
            alpha = cloth[row, col, 3]
            for k in range(n * n):
                j, i = row * n + k // n, col * n + k % n
                br = back[row, col, 0] + alpha * (cloth[row, col, 0] - back[row, col, 0])
                bg = back[row, col, 1] + alpha * (cloth[row, col, 1] - back[row, col, 1])
                bb = back[row, col, 2] + alpha * (cloth[row, col, 2] - back[row, col, 2])
                what = CLOTHES if alpha > 0.5 else BACKDROP
                tri = owner[j, i]
                cx = ((i + 0.5) / samples * 2 - 1 - tx) / scale
                cy = ((j + 0.5) / samples * 2 - 1 - ty) / scale
                if tri >= 0 and not (alpha > 0.99 and part[tri] in (NECK, CURTAIN)):
                    kind = part[tri]
                    a, b, c = triangles[tri, 0], triangles[tri, 1], triangles[tri, 2]
                    x0, y0 = screen[a, 0], screen[a, 1]
                    x1, y1 = screen[b, 0] - x0, screen[b, 1] - y0
                    x2, y2 = screen[c, 0] - x0, screen[c, 1] - y0
                    inv = 1 / (x1 * y2 - x2 * y1)
                    wb = ((i - x0) * y2 - x2 * (j - y0)) * inv
                    wc = (x1 * (j - y0) - (i - x0) * y1) * inv
                    wa = 1 - wb - wc
                    nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
                    ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
                    nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
                    nx, ny, nz = (
                        nx * rot[0, 0] + ny * rot[1, 0] + nz * rot[2, 0],
                        nx * rot[0, 1] + ny * rot[1, 1] + nz * rot[2, 1],
                        nx * rot[0, 2] + ny * rot[1, 2] + nz * rot[2, 2],
                    )
                    norm = 1 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-20)
                    if nz > 0:  # sheets seen from behind
                        norm = -norm
                    nx, ny, nz = nx * norm, ny * norm, nz * norm
                    x = wa * posed[a, 0] + wb * posed[b, 0] + wc * posed[c, 0]
                    y = wa * posed[a, 1] + wb * posed[b, 1] + wc * posed[c, 1]
                    z = wa * posed[a, 2] + wb * posed[b, 2] + wc * posed[c, 2]
                    u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
                    v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
                    facing = -nz
                    diffuse = max(nx * lx + ny * ly + nz * lz, 0.0)
                    lit = p.ambient * (0.72 + 0.28 * facing) + (1.08 - p.ambient) * diffuse
                    gloss = max(nx * hx + ny * hy + nz * hz, 0.0)
                    gloss = gloss**12
                    hairy = 0.0
                    if kind == HEAD:
                        gx, gy = u * (columns - 1), v * (rows - 1)
                        gi, gj = min(int(gy), rows - 2), min(int(gx), columns - 2)
                        fy, fx = gy - gi, gx - gj
                        w00, w01 = (1 - fy) * (1 - fx), (1 - fy) * fx
                        w10, w11 = fy * (1 - fx), fy * fx
                        r = (
                            w00 * texture[gi, gj, 0] + w01 * texture[gi, gj + 1, 0]
                            + w10 * texture[gi + 1, gj, 0] + w11 * texture[gi + 1, gj + 1, 0]
                        )
                        g = (
                            w00 * texture[gi, gj, 1] + w01 * texture[gi, gj + 1, 1]
                            + w10 * texture[gi + 1, gj, 1] + w11 * texture[gi + 1, gj + 1, 1]
                        )
                        b_ = (
                            w00 * texture[gi, gj, 2] + w01 * texture[gi, gj + 1, 2]
                            + w10 * texture[gi + 1, gj, 2] + w11 * texture[gi + 1, gj + 1, 2]
                        )
                        hairy = (
                            w00 * texture[gi, gj, 3] + w01 * texture[gi, gj + 1, 3]
                            + w10 * texture[gi + 1, gj, 3] + w11 * texture[gi + 1, gj + 1, 3]
                        )
                        if z < -0.25 and hairy < 0.999:
                            pr, pg, pb = r, g, b_
                            if y > p.mouth_y - 0.3:
                                pr, pg, pb = paint_mouth(x, y, aa, pr, pg, pb, f, p, colours)
                            if y < p.eye_y + 0.3:
                                pr, pg, pb = paint_frown(x, y, pr, pg, pb, f, p)
                                pr, pg, pb = paint_eye(x, y, aa, pr, pg, pb, f, p, colours)
                            keep = 1 - hairy
                            r, g, b_ = r + keep * (pr - r), g + keep * (pg - g), b_ + keep * (pb - b_)
                    elif kind == EAR:
                        inner = 0.82 + 0.18 * facing
                        r, g, b_ = skin[0] * inner, skin[1] * inner * 0.93, skin[2] * inner * 0.92
                    elif kind == NECK:
                        jaw_shadow = 0.60 + 0.36 * smoothstep(y, 0.85, 1.35)
                        r = skin[0] * jaw_shadow
                        g, b_ = skin[1] * jaw_shadow * 0.97, skin[2] * jaw_shadow * 0.96
                    else:
                        hairy = 1.0
                        strand = math.sin(70 * u + 4 * math.sin(3 * v + ph[6]) * (0.2 + p.curl))
                        strand += math.sin(31 * u + 2 * v + ph[9])
                        if kind == BUN:
                            strand = math.sin(28 * u + 9 * v) + math.sin(17 * v + ph[9])
                        inner = (0.80 if kind == CURTAIN else 0.95) + 0.08 * strand
                        r, g, b_ = hair[0] * inner, hair[1] * inner, hair[2] * inner
                    lustre = p.spec * 0.55 * gloss * (1 - hairy)
                    band = max(1 - abs(ny + 0.55) * 3, 0.0) * hairy * 0.16
                    r = r * lit + lustre + band * (0.3 + hair[0])
                    g = g * lit + lustre + band * (0.3 + hair[1])
                    b_ = b_ * lit + lustre + band * (0.3 + hair[2])
                    shown = HAIR if hairy > 0.5 else THROAT if kind == NECK else FACE
                    if kind in (NECK, CURTAIN):
                        w = 1 - alpha
                        br, bg, bb = br + w * (r - br), bg + w * (g - bg), bb + w * (b_ - bb)
                        what = what if alpha > 0.5 else shown
                    else:
                        br, bg, bb, what = r, g, b_, shown
                    if truth:
                        points[j, i, 0] = wa * rest[a, 0] + wb * rest[b, 0] + wc * rest[c, 0]
                        points[j, i, 1] = wa * rest[a, 1] + wb * rest[b, 1] + wc * rest[c, 1]
                        points[j, i, 2] = wa * rest[a, 2] + wb * rest[b, 2] + wc * rest[c, 2]
                if p.glasses > 0:
                    br, bg, bb = _lens(br, bg, bb, cx, cy, rot, aa, p, colours)
                if truth:
                    shows[j, i] = what
                sr, sg, sb = sr + br, sg + bg, sb + bb
            norm = 255.0 / (n * n)
            image[row, col, 0] = int(min(max(sr * norm + 0.5, 0.0), 255.0))
            image[row, col, 1] = int(min(max(sg * norm + 0.5, 0.0), 255.0))
            image[row, col, 2] = int(min(max(sb * norm + 0.5, 0.0), 255.0))
