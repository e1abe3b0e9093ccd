"""Plots of motion: head angles, energy of keypoint groups, and single clips over time."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.data.report.plots import Plot, Tick, axis, band, curve, histogram, span
from playmate_jax.motion.layout import (
    ANGLES,
    AUDIO_HZ,
    EXPRESSION,
    EYE_KEYPOINTS,
    FPS,
    KEYPOINTS,
    LIP_KEYPOINTS,
    SAMPLES_PER_FRAME,
)

ANGLE_NAMES = ("pitch", "yaw", "roll")
GROUPS: Mapping[str, tuple[int, ...]] = {
    "lips": LIP_KEYPOINTS,
    "eyes": EYE_KEYPOINTS,
    "rest": tuple(k for k in range(KEYPOINTS) if k not in LIP_KEYPOINTS + EYE_KEYPOINTS),
}
# A clip moves less than this: a frozen image or a broken extractor. The floors below which
# normalisation takes motion to be at rest (expression units, degrees).
STILL_EXPRESSION, STILL_DEG = 1e-4, 0.1
SHOWN_S = 10  # of a clip over time, at most
PARTS = 2  # of a frame, in the outline of the sound


def energy(motion: Float[np.ndarray, "t 70"]) -> dict[str, float]:
    """Root mean square distance of each group's keypoints from their mean over the clip."""
    points = motion[:, EXPRESSION].reshape(-1, KEYPOINTS, 3).astype(np.float64)
    moved = np.square(points - points.mean(0)).sum(-1).mean(0)
    return {name: float(np.sqrt(moved[list(keys)].mean())) for name, keys in GROUPS.items()}


def stillness(motion: Float[np.ndarray, "t 70"]) -> str:
    """Which of lips and head never move, as a phrase; "" if both do."""
    lips_still = energy(motion)["lips"] < STILL_EXPRESSION
    head_still = bool((motion[:, ANGLES].std(0) < STILL_DEG).all())
    return " and ".join(["the lips"] * lips_still + ["the head"] * head_still)


class Movement:
    """Collects the motion of clips: `add` each, then take the plots."""

    def __init__(self) -> None:
        self.angles: list[np.ndarray] = []
        self.energies: list[dict[str, float]] = []

    def add(self, motion: Float[np.ndarray, "t 70"]) -> None:
        """Adds the motion of one clip to the plots."""
        self.angles.append(motion[:, ANGLES].astype(np.float32))
        self.energies.append(energy(motion))

    def plots_of_pose(self) -> list[Plot]:
        """Histograms of pitch, yaw and roll over frames, on one axis."""
        angles = np.concatenate(self.angles) if self.angles else np.zeros((0, 3), np.float32)
        limits = span([angles.ravel()])
        return [
            histogram(f"{name}, degrees", {"kept": angles[:, k]}, limits, noun="frames")
            for k, name in enumerate(ANGLE_NAMES)
        ]

    def plots_of_expression(self) -> list[Plot]:
        """Histograms of the energy of each keypoint group over clips, on one axis."""
        values = {name: np.array([e[name] for e in self.energies]) for name in GROUPS}
        limits = (0.0, span(values.values())[1])
        return [histogram(name, {"kept": v}, limits) for name, v in values.items()]


@dataclasses.dataclass(frozen=True)
class Trace:
    """One clip over time: curves as points of SVG polylines, the sound as points of a polygon."""

    caption: str
    angles: tuple[tuple[str, str], ...]
    angle_ticks: tuple[Tick, ...]
    lips: tuple[str, ...]
    lip_reach: str
    sound: str
    seconds: tuple[Tick, ...]
    width: float  # of the clip, as a share of the axis


def trace_of(record: Mapping[str, Any], caption: str, shown_s: int = SHOWN_S) -> Trace:
    """The first seconds of a record: angles, heights of lip keypoints, outline of the sound.

    Angles are about the clip's medians, so that all three fit one axis; so are the lips.
    """
    length = shown_s * FPS
    motion = record["motion"][:length].astype(np.float64)
    turned = motion[:, ANGLES] - np.nanmedian(motion[:, ANGLES], 0)
    low, high, ticks = axis(*_about_zero(turned, 2.0), count=3)
    points = motion[:, EXPRESSION].reshape(-1, KEYPOINTS, 3)[:, list(LIP_KEYPOINTS), 1]
    lips = -(points - np.nanmedian(points, 0))  # y points down in the image
    reach = _about_zero(lips, 1e-3)[1]
    return Trace(
        caption,
        tuple((name, curve(turned[:, k], low, high, length)) for k, name in enumerate(ANGLE_NAMES)),
        ticks,
        tuple(curve(column, -reach, reach, length) for column in lips.T),
        f"\N{PLUS-MINUS SIGN}{reach:.2g}",
        band(envelope(record["audio"][: shown_s * AUDIO_HZ]), length * PARTS),
        tuple(Tick(100 * s / shown_s, f"{s} s") for s in range(0, shown_s + 1, 2)),
        100 * len(motion) / length,
    )


def envelope(audio: np.ndarray) -> Float[np.ndarray, "n"]:
    """Root mean square of every half frame, as a share of the 99th percentile, at most 1."""
    size = SAMPLES_PER_FRAME // PARTS
    sound = audio[: len(audio) // size * size].reshape(-1, size).astype(np.float64)
    level = np.sqrt(np.square(sound).mean(1))
    loud = np.percentile(level, 99) if level.size else 0.0
    return np.minimum(level / loud, 1.0) if loud > 0 else level * 0


def _about_zero(values: np.ndarray, least: float) -> tuple[float, float]:
    finite = np.abs(values[np.isfinite(values)])
    reach = max(float(finite.max(initial=0.0)), least)
    return -reach, reach
