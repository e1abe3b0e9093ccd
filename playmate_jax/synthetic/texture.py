"""The static texture of a head: skin tone, freckles, beard, hair strands, baked once per identity.

It covers the sheet of `surface.py` (columns x rows of the lattice); its channels are RGB in [0, 1]
and the share of hair.
"""

import math

import numpy as np
from numpy.typing import NDArray

from playmate_jax.synthetic.compiled import inlined, jit
from playmate_jax.synthetic.identity import Identity
from playmate_jax.synthetic.surface import Mesh, beard_cover, hair_depth, smoothstep

HEIGHT, WIDTH = 256, 448


@inlined
def noise(x, y, ph, f):
    """Smooth pseudo-random noise in [-1, 1] at (x, y), with phases ph and frequency f."""
    return 0.25 * (
        math.sin(f * x + ph[0] + math.sin(0.7 * f * y + ph[1]))
        + math.sin(1.1 * f * y + ph[2] + math.sin(0.8 * f * x + ph[3]))
        + math.sin(0.6 * f * (x + y) + ph[4])
        + math.sin(1.3 * f * (x - y) + ph[5])
    )


@jit
def face_shade(x, y, p, tip):
    """Darkening in [0, 1) at (x, y) by sockets, folds, nostrils and the hollow below the lips."""
    ax = abs(x)
    socket = ((ax - p.eye_x) / 0.17) ** 2 + ((y - p.eye_y) / 0.12) ** 2
    dark = 0.16 * p.shadow * math.exp(-socket * socket)
    if y < tip - 0.1:
        return dark
    fold = math.exp(-(((ax - 0.15 - 0.42 * (y - tip)) / 0.018) ** 2))
    fold *= smoothstep(y, tip - 0.02, tip + 0.05) * (1 - smoothstep(y, 0.42, 0.5))
    dark += 0.14 * p.crease * fold
    if ax < 0.3:
        hollow = (x / 0.10) ** 2 + ((y - p.mouth_y - p.lip_lo - 0.06) / 0.025) ** 2
        groove = (x / 0.016) ** 2 + ((y - p.mouth_y + p.lip_up + 0.05) / 0.03) ** 2
        under = (x / (p.nose_w * 1.2)) ** 2 + ((y - tip - 0.075) / 0.022) ** 2
        hole = ((ax - 0.45 * p.nose_w) / 0.022) ** 2 + ((y - tip - 0.052) / 0.013) ** 2
        wing = ((ax - 1.25 * p.nose_w) / 0.014) ** 2 + ((y - tip - 0.01) / 0.04) ** 2
        dark += 0.13 * math.exp(-hollow) + 0.07 * math.exp(-groove) + 0.16 * math.exp(-under)
        dark += 0.6 * math.exp(-hole * hole) + 0.12 * math.exp(-wing)
    return dark


@jit
def _bake(skin_grid, p, ph, colours, out):
    height, width = out.shape[:2]
    rows, columns = skin_grid.shape[:2]
    skin, hair = colours[0], colours[1]
    tip = p.eye_y + p.nose_len
    for i in range(height):
        gi = i * (rows - 1) / (height - 1)
        i0 = min(int(gi), rows - 2)
        fi = gi - i0
        for j in range(width):
            gj = j * (columns - 1) / (width - 1)
            j0 = min(int(gj), columns - 2)
            fj = gj - j0
            w00, w01, w10, w11 = (1 - fi) * (1 - fj), (1 - fi) * fj, fi * (1 - fj), fi * fj
            x, y, z = 0.0, 0.0, 0.0
            corners = ((i0, j0, w00), (i0, j0 + 1, w01), (i0 + 1, j0, w10), (i0 + 1, j0 + 1, w11))
            for k, l, w in corners:
                x += w * skin_grid[k, l, 0]
                y += w * skin_grid[k, l, 1]
                z += w * skin_grid[k, l, 2]
            ax = abs(x)
            front = smoothstep(-z, 0.0, 0.3)
            depth = hair_depth(x, y, z, p, ph)
            mask = min(max(depth / 0.02 + 0.5, 0.0), 1.0)
            tone = 1 + 0.03 * noise(x, y, ph, 9.0)
            red, spots, hairs = 0.0, 0.0, 0.0
            if front > 0 and mask < 1:
                tone += 0.015 * noise(x + z, y, ph, 31.0)
                tone -= front * face_shade(x, y, p, tip)
                red = 0.25 * math.exp(-((x / 0.08) ** 2 + ((y - tip) / 0.07) ** 2))
                red += p.blush * math.exp(-((ax - 0.37) ** 2 + (y - 0.2) ** 2) / 0.028)
                red *= 0.8 * front
                if p.freckles > 0:
                    spots = max(noise(1.3 * x, y, ph[4:], 75.0) - 0.3, 0.0) * 1.6 * p.freckles
                    spots *= math.exp(-((ax - 0.25) ** 2 / 0.06 + (y - 0.15) ** 2 / 0.025)) * front
            if y > 0.1 and z < 0.2 and max(p.beard, p.goatee, p.moustache) > 0:
                rough = 0.80 + 0.20 * noise(1.6 * x, 0.8 * y, ph[2:], 61.0)
                hairs = beard_cover(x, y, z, p, ph) * rough
                hairs = min(max(hairs * (0.75 + 0.25 * p.beard_long), 0.0), 0.93)
            if abs(depth + 0.02) < 0.12:  # hair's shadow
                tone -= 0.22 * math.exp(-(((depth + 0.02) / 0.05) ** 2)) * (1 - p.buzz)
            shade = 1.0
            if mask > 0:
                azimuth = math.atan2(x, 0.1 - z)
                flow = 3 * math.sin(3 * y + ph[6]) * (0.2 + p.curl)
                strand = 0.5 * math.sin(27 * azimuth + flow + ph[7])
                strand += 0.5 * math.sin(61 * azimuth + 1.7 * flow + 4 * y + ph[8])
                shade = 1 + 0.13 * strand + 0.06 * noise(x + z, y, ph[8:], 24.0)
                shade -= 0.25 * math.exp(-((depth / 0.035) ** 2)) * mask
            mask *= 1 - 0.35 * p.buzz
            arm = abs(y - p.eye_y + 0.03) < 0.6 * p.glass_th + 0.004 and ax > 0.4 and z < 0.05
            wear = 0.9 * p.glasses if arm else 0.0
            for c in range(3):
                v = skin[c] * tone * (1 - red * (0.0 if c == 0 else 0.35))
                v *= 1 - spots * (0.35 if c == 0 else 0.5)
                v += hairs * (0.8 * hair[c] * tone - v)
                v += mask * (hair[c] * shade - v)
                out[i, j, c] = v + wear * (0.6 * colours[5, c] - v)
            out[i, j, 3] = mask * (1 - wear)


def bake_texture(identity: Identity, mesh: Mesh) -> NDArray[np.float32]:
    """The texture of one person's head: RGB and share of hair, (HEIGHT, WIDTH, 4) float32."""
    out = np.empty((HEIGHT, WIDTH, 4), np.float32)
    _bake(mesh.skin, identity.shape, identity.look.phases, identity.look.colours, out)
    return out
