"""Identities: proportions, colours and style of one synthetic person, from (seed, index) alone.

`Shape` is a flat tuple of numbers, which compiled code can take as an argument; `Look` holds
everything that is not a single number. Lengths are in head units (the head is about 1.9 high and
1.35 wide), axes as in `expression.py`.
"""

import colorsys
import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Shape(NamedTuple):
    """Proportions and switches of one person; every field is a float, lengths in head units."""

    skull_w: float
    skull_h: float
    jaw_w: float
    jaw_h: float
    chin_w: float
    chin_y: float
    cheek: float
    nose_len: float
    nose_w: float
    nose_out: float
    nose_bridge: float
    eye_x: float
    eye_y: float
    eye_w: float
    eye_h: float
    eye_tilt: float
    iris: float
    brow_y: float
    brow_th: float
    brow_len: float
    brow_arch: float
    mouth_y: float
    mouth_w: float
    lip_up: float
    lip_lo: float
    bow: float
    ear: float
    hair_vol: float
    hairline: float
    part: float
    recede: float
    fringe: float
    sideburn: float
    nape: float
    curl: float
    curtain: float  # y at which long hair ends, 0 for none
    curtain_w: float
    bun: float
    buzz: float
    bald: float
    beard: float
    beard_long: float
    moustache: float
    goatee: float
    glasses: float
    glass_r: float
    glass_sq: float
    glass_th: float
    freckles: float
    blush: float
    shadow: float
    crease: float
    light_x: float
    light_y: float
    ambient: float
    spec: float
    neck_w: float


# Uniform ranges; `sample_identity` determines the other fields.
RANGES: dict[str, tuple[float, float]] = dict(
    skull_w=(0.63, 0.73), skull_h=(0.78, 0.86), jaw_w=(0.47, 0.61), jaw_h=(0.60, 0.70),
    chin_w=(0.12, 0.23), chin_y=(0.74, 0.84), cheek=(0.02, 0.10), nose_len=(0.21, 0.29),
    nose_w=(0.07, 0.115), nose_out=(0.08, 0.17), nose_bridge=(0.02, 0.06), eye_x=(0.275, 0.325),
    eye_y=(-0.06, 0.02), eye_w=(0.150, 0.190), eye_h=(0.084, 0.118), eye_tilt=(-0.03, 0.03),
    iris=(0.074, 0.090), brow_y=(0.185, 0.235), brow_th=(0.018, 0.044), brow_len=(0.17, 0.22),
    brow_arch=(0.0, 0.05), mouth_y=(0.46, 0.52), mouth_w=(0.225, 0.290), lip_up=(0.032, 0.060),
    lip_lo=(0.045, 0.080), bow=(0.1, 0.6), ear=(0.8, 1.2), hair_vol=(0.03, 0.15),
    hairline=(0.0, 1.0), part=(-1.0, 1.0), curl=(0.0, 1.0), curtain_w=(0.0, 0.12),
    glass_r=(0.205, 0.25), glass_sq=(0.0, 1.0), glass_th=(0.010, 0.026), blush=(0.0, 0.35),
    shadow=(0.1, 0.5), crease=(0.1, 0.7), light_x=(-0.6, 0.6), light_y=(-0.8, -0.1),
    ambient=(0.50, 0.68), spec=(0.0, 0.22), neck_w=(0.29, 0.38),
)  # fmt: skip

SKIN = ((0.98, 0.85, 0.77), (0.94, 0.77, 0.66), (0.87, 0.67, 0.53), (0.74, 0.53, 0.40),
        (0.57, 0.39, 0.29), (0.41, 0.28, 0.21))  # fmt: skip
HAIR = ((0.07, 0.06, 0.06), (0.17, 0.11, 0.08), (0.32, 0.20, 0.12), (0.50, 0.29, 0.15),
        (0.72, 0.55, 0.32), (0.86, 0.76, 0.57), (0.66, 0.66, 0.68))  # fmt: skip
IRIS = ((0.20, 0.11, 0.06), (0.36, 0.21, 0.10), (0.36, 0.38, 0.18), (0.25, 0.42, 0.34),
        (0.22, 0.40, 0.60), (0.42, 0.48, 0.54))  # fmt: skip


class Look(NamedTuple):
    """Appearance of one person: colours (9, 3), noise phases (16,), clothes and backdrop."""

    colours: NDArray[np.float32]  # rows: see COLOURS
    phases: NDArray[np.float32]
    cloth_kind: int  # 0 round neck, 1 V neck, 2 shirt collar, 3 stripes, 4 turtleneck
    cloth_neck: float
    shoulder: float
    backdrop_kind: int  # 0 gradient, 1 soft discs, 2 window, 3 wall and panel, 4 slanted light
    backdrop_seed: int


COLOURS = ("skin", "hair", "brow", "iris", "lip", "rim", "cloth", "cloth2", "backdrop")


class Identity(NamedTuple):
    """One person, identified by (seed, index): `shape` for geometry and paint, `look` for the
    rest."""

    seed: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used
    shape: Shape
    look: Look


def _ramp(stops: tuple[tuple[float, float, float], ...], at: float) -> NDArray[np.float64]:
    return np.array([np.interp(at * (len(stops) - 1), range(len(stops)), c) for c in zip(*stops)])  # noqa: B905


def _calm(rng: np.random.Generator, saturation: float, low: float, high: float):
    return np.array(
        colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.05, saturation), rng.uniform(low, high))
    )


@functools.lru_cache(maxsize=256)
def sample_identity(seed: int, index: int) -> Identity:
    """Person number `index` of the population `seed`: the same arguments, the same person."""
    rng = np.random.default_rng([seed, index, 0xFACE])
    p = {name: rng.uniform(*bounds) for name, bounds in RANGES.items()}
    some = lambda probability, low=0.0, high=1.0: (  # noqa: E731
        (rng.random() < probability) * rng.uniform(low, high)
    )
    man = rng.random() < 0.5  # changes probabilities only: every feature can occur with both
    p["bald"] = float(rng.random() < (0.10 if man else 0.01))
    p["buzz"] = float(rng.random() < (0.15 if man else 0.03))
    p["curtain"] = some(0.15 if man else 0.7, 0.55, 1.15)
    p["bun"] = 0.0 if p["curtain"] else some(0.03 if man else 0.35, 0.16, 0.26)
    p["sideburn"] = rng.uniform(0.02, 0.2) if not p["curtain"] else rng.uniform(0.25, 0.45)
    p["nape"] = rng.uniform(0.3, 0.55)
    p["fringe"] = some(0.1 if man else 0.25, 0.5, 1.0)
    p["recede"] = some(0.3 if man else 0.0)
    p["beard"] = some(0.4 if man else 0.0, 0.3, 1.0)
    p["beard_long"] = some(0.4 if p["beard"] else 0.0)
    p["moustache"] = 0.4 + 0.6 * rng.random()
    p["moustache"] *= rng.random() < (0.75 if p["beard"] else 0.1 * man)
    p["goatee"] = (not p["beard"]) * some(0.12 if man else 0.0, 0.5, 1.0)
    p["glasses"] = float(rng.random() < 0.25)
    p["freckles"] = some(0.3, 0.3, 0.9)
    if not man:
        p["jaw_w"] -= 0.03
        p["brow_th"] *= 0.8
        p["lip_up"] *= 1.1
    if p["bald"] or p["buzz"]:
        p["hair_vol"] = 0.012 * p["buzz"]
        p["curtain"] = p["bun"] = p["fringe"] = 0.0
    tone = rng.random()
    skin = _ramp(SKIN, tone) * rng.uniform(0.96, 1.04, 3)
    hair_tone = rng.random() if tone < 0.45 else rng.choice([0.45 * rng.random(), rng.random()])
    hair = _ramp(HAIR, hair_tone) * rng.uniform(0.94, 1.06, 3)
    lip = skin * (0.86, 0.58, 0.57)
    lip = lip + rng.uniform(0, 0.2 if man else 0.7) * (np.array([0.72, 0.22, 0.25]) - lip)
    iris = _ramp(IRIS, rng.random() * (1.0 if tone < 0.6 else 0.5))
    rim = rng.choice([0.1, 0.2, 0.45]) * np.ones(3) + rng.uniform(0, 0.15, 3)
    cloth = _calm(rng, 0.6, 0.15, 0.9)
    cloth2 = np.clip(cloth + rng.choice([-1, 1]) * rng.uniform(0.12, 0.3), 0.03, 0.97)
    backdrop = _calm(rng, 0.28, 0.35, 0.88)
    rows = [skin, hair, hair * 0.6, iris, lip, rim, cloth, cloth2, backdrop]
    look = Look(
        np.clip(np.array(rows), 0, 1).astype(np.float32),
        rng.uniform(0, 2 * np.pi, 16).astype(np.float32),
        int(rng.integers(5)),
        float(rng.uniform(0.1, 0.5)),
        float(rng.uniform(0.9, 1.25)),
        int(rng.integers(5)),
        int(rng.integers(2**31)),
    )
    return Identity(seed, index, Shape(**{k: float(p[k]) for k in Shape._fields}), look)
