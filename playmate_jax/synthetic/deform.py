"""Deformation of the skin by expression: a smooth displacement of every point of the head at rest.

Lids, lips, brows and irises are painted (`paint.py`). The skin below them is displaced here, so
that chin and cheeks move with the jaw and the flow between two frames is known exactly.
"""

import math

import numpy as np
from jaxtyping import Float

from playmate_jax.synthetic.compiled import inlined, jit
from playmate_jax.synthetic.expression import UNIT
from playmate_jax.synthetic.identity import Shape
from playmate_jax.synthetic.surface import smoothstep

_JAW, _WIDE, _ROUND, _CLOSE, _FV = (UNIT[n] for n in ("jaw", "wide", "round", "close", "fv"))
_SMILE, _ASYM, _LIP_UP, _LIP_LO = (UNIT[n] for n in ("smile", "asym", "lip_up", "lip_lo"))
_FROWN, _CHEEK = UNIT["frown"], UNIT["cheek"]


@inlined
def displacement(x, y, z, e, p):
    """Displacement of the rest point (x, y, z), in head units, for units e (18,) and `Shape` p."""
    front = smoothstep(-z, -0.25, 0.35)
    ax, v = abs(x), y - p.mouth_y
    low = smoothstep(v, -0.14, 0.20) * front  # moves with the jaw
    mouth = math.exp(-((x / 0.28) ** 2 + (v / 0.17) ** 2)) * front
    cheek = math.exp(-(((ax - 0.37) / 0.16) ** 2 + ((y - 0.20) / 0.14) ** 2)) * front
    smile = e[_SMILE] * (1 if e[_SMILE] < 0 else 1.3)
    lift = max(smile, 0.0) * 0.03 + 0.045 * e[_CHEEK]
    side = e[_ASYM] * (1 if x > 0 else -1) * min(ax / 0.2, 1.0)
    dx = mouth * x * (0.25 * e[_WIDE] + 0.16 * smile - 0.38 * e[_ROUND])
    dx += mouth * 0.012 * e[_ASYM]
    dy = low * (0.16 * e[_JAW] - 0.03 * e[_CLOSE]) - cheek * lift
    dy -= mouth * (0.03 * smile * min(ax / 0.2, 1.0) + 0.03 * side)
    dz = low * 0.03 * e[_JAW] - mouth * (0.075 * e[_ROUND] - 0.015 * e[_CLOSE]) - cheek * lift
    dz += 0.03 * e[_FV] * low * mouth
    brow = math.exp(-((x / 0.10) ** 2 + ((y - p.eye_y + 0.15) / 0.07) ** 2)) * front
    return dx, dy, dz - 0.03 * e[_FROWN] * brow


@jit
def _displace(points, e, p, out):
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        dx, dy, dz = displacement(x, y, z, e, p)
        out[i, 0], out[i, 1], out[i, 2] = x + dx, y + dy, z + dz


def displace(
    points: Float[np.ndarray, "*b 3"], units: Float[np.ndarray, "18"], shape: Shape
) -> Float[np.ndarray, "*b 3"]:
    """Points of the head at rest, in head units, moved by the expression `units`."""
    flat = np.ascontiguousarray(points, np.float32).reshape(-1, 3)
    out = np.empty_like(flat)
    _displace(flat, np.asarray(units, np.float32), shape, out)
    return out.reshape(points.shape)
