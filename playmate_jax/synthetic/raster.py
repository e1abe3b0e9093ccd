"""Rasterisation: posed vertices, normals, depth buffer; compiled functions without state."""

import math

from playmate_jax.synthetic.compiled import jit
from playmate_jax.synthetic.deform import displacement

REST_SCALE = 0.72  # scale of the fixed pose of shoulders and base of the neck


@jit
def place_vertices(mesh, camera, e, p, samples, posed, screen):
    """Fills `posed` with the vertices after expression, in the head's frame, and `screen` with
    their x, y in samples and z.

    Args:
      e: units (18,).
      p: the person's `Shape`.
      samples: side of the image in samples.
    """
    half, rot = 0.5 * samples, camera.rot
    for i in range(mesh.rest.shape[0]):
        x, y, z = mesh.rest[i, 0], mesh.rest[i, 1], mesh.rest[i, 2]
        if mesh.face[i] > 0:
            dx, dy, dz = displacement(x, y, z, e, p)
            x, y, z = x + dx, y + dy, z + dz
        posed[i, 0], posed[i, 1], posed[i, 2] = x, y, z
        cx = camera.scale * (x * rot[0, 0] + y * rot[1, 0] + z * rot[2, 0]) + camera.tx
        cy = camera.scale * (x * rot[0, 1] + y * rot[1, 1] + z * rot[2, 1]) + camera.ty
        cz = camera.scale * (x * rot[0, 2] + y * rot[1, 2] + z * rot[2, 2])
        w = mesh.rigid[i]
        cx = w * cx + (1 - w) * REST_SCALE * x
        cy = w * cy + (1 - w) * REST_SCALE * y
        cz = w * cz + (1 - w) * REST_SCALE * z
        screen[i, 0], screen[i, 1], screen[i, 2] = (cx + 1) * half - 0.5, (cy + 1) * half - 0.5, cz


@jit
def vertex_normals(posed, triangles, normals):
    """Fills `normals` (v, 3) with area-weighted normals in the head's frame, pointing outwards."""
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
    """Fills `owner` (samples, samples) with the nearest triangle at every sample, or -1, using
    `depth` as buffer."""
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
