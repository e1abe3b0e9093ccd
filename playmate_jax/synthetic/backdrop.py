"""The parts of an image that do not move: the wall behind the head, and shoulders in clothes."""

import numpy as np
from jaxtyping import Float

from playmate_jax.synthetic.identity import Identity


def _axes(size: int, reach: float):
    g = (((np.arange(size) + 0.5) / size * 2 - 1) * reach).astype(np.float32)
    return np.meshgrid(g, g, indexing="xy")


def _edge(d, width):
    return np.clip(0.5 - d / width, 0, 1)


def draw_backdrop(identity: Identity, size: int, reach: float = 1.0) -> Float[np.ndarray, "h w 3"]:
    """The wall behind one person, (size, size, 3) RGB in [0, 1]; `reach` as in `draw.draw`."""
    x, y = _axes(size, reach)
    rng = np.random.default_rng(identity.look.backdrop_seed)
    base = identity.look.colours[8]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.22)
    light = 1 + slope * (np.cos(angle) * x + np.sin(angle) * y) - 0.06 * (x * x + y * y)
    kind = identity.look.backdrop_kind
    if kind == 1:  # soft discs
        for _ in range(rng.integers(3, 8)):
            cx, cy, r = rng.uniform(-1, 1), rng.uniform(-1, 0.6), rng.uniform(0.12, 0.4)
            light += rng.uniform(-0.12, 0.12) * _edge(np.hypot(x - cx, y - cy) - r, 0.15)
    elif kind == 2:  # a window or image on the wall
        cx, cy = rng.uniform(-0.8, 0.8), rng.uniform(-0.7, 0.1)
        w, h = rng.uniform(0.3, 0.55), rng.uniform(0.3, 0.6)
        inside = _edge(np.maximum(abs(x - cx) - w, abs(y - cy) - h), 0.06)
        light += rng.choice([-0.25, 0.2]) * inside
    elif kind == 3:  # panel of another height
        light += rng.choice([-0.2, 0.15]) * _edge(rng.uniform(-0.2, 0.6) - y, 0.05)
    elif kind == 4:  # light falling in
        turn = rng.uniform(-0.8, 0.8)
        light += (
            0.12 * np.sin(rng.uniform(2, 4) * (x + turn * y) + rng.uniform(0, 6)) * (0.5 - 0.5 * y)
        )
    tint = 1 + rng.uniform(-0.05, 0.05, 3).astype(np.float32) * y[..., None]
    return np.clip(base * tint * light[..., None], 0, 1).astype(np.float32)


def draw_clothes(identity: Identity, size: int, reach: float = 1.0) -> Float[np.ndarray, "h w 4"]:
    """Shoulders and collar of one person, (size, size, 4): RGB and coverage, both in [0, 1].

    `reach` as in `draw.draw`.
    """
    x, y = _axes(size, reach)
    look, aa = identity.look, 3.0 / size
    cx, cy = x / 0.72, y / 0.72
    shoulders = 1.16 + 0.28 * (cx / look.shoulder) ** 2 - cy
    kind = look.cloth_kind
    neck = identity.shape.neck_w
    if kind == 4:  # turtleneck
        hole = (1.02 + 0.10 * (1 - (cx / neck) ** 2)) - cy
        tube = np.maximum(hole, abs(cx) - (1.27 * neck + 0.1 * (cy - 1.1)))
        body, opening = np.minimum(shoulders, tube), np.full_like(x, 1.0)
    elif kind in (1, 2):
        opening = np.maximum(abs(cx) - (1.5 + 0.3 * look.cloth_neck - cy) * 0.62, 0.9 - cy)
        body = shoulders
    else:
        opening = np.hypot(cx / (neck * 1.35), (cy - 1.0) / (0.22 + 0.5 * look.cloth_neck)) - 1
        body = shoulders
    cover = _edge(body, aa) * _edge(-opening, aa)
    first, second = look.colours[6], look.colours[7]
    trim = _edge(abs(opening - 0.04) - 0.04, 0.03) if kind != 4 else 0 * x
    if kind == 2:
        trim = _edge(opening - 0.16, 0.03)
    if kind == 3:
        trim = _edge(np.sin(cy * 24) + 0.2, 0.6)
    shade = 1 - 0.22 * (cx / 1.4) ** 2 - 0.25 * np.exp(-np.clip(opening, 0, None) / 0.08)
    colour = first + trim[..., None] * (second - first)
    return np.dstack([np.clip(colour * shade[..., None], 0, 1), cover]).astype(np.float32)
