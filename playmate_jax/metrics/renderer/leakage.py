"""Leakage: what comes along when head pose alone, or expression alone, is transferred.

Of pairs (i, j) of frames of one person, what a reader finds in the drawn image is explained by what
frames i and j show, over all pairs and components at once:

    read - mean = own (e_i - mean) + driver (e_j - mean)

Where frame i keeps its expression (Eq. 2), `own` should be 1 and `driver`, the leakage, 0; a swap
has 0 and 1. An expression that is drawn too weakly lowers `own` and leaves `driver` alone, which a
mere distance from e_i would not tell from leakage.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from playmate_jax.metrics.renderer.networks import Seen
from playmate_jax.metrics.renderer.observation import Transfers, Yardstick


def shares(
    read: Float[np.ndarray, "n e"],
    own: Float[np.ndarray, "n e"],
    driver: Float[np.ndarray, "n e"],
) -> tuple[float, float]:
    """(own, driver): the least-squares shares of both frames in what is read."""
    read, own, driver = ((x - x.mean(0)).ravel().astype(np.float64) for x in (read, own, driver))
    found = np.linalg.lstsq(np.stack([own, driver], -1), read, rcond=None)[0]
    return float(found[0]), float(found[1])


def rms(x: np.ndarray) -> float:
    """Root of the mean square over rows of the squared norm of a row."""
    return float(np.sqrt(np.square(x, dtype=np.float64).sum(-1).mean()))


def leakage(people: Sequence[Transfers]) -> dict[str, Any]:
    """The figures of both transfers over people, by "pose_transferred" (Eq. 2) and
    "expression_transferred" (Eq. 3): of what was drawn, and of the true images where there are any
    (`true_image`: what is the reader's error, not the renderer's). Each name has its standard error
    beside it, as NAME_se."""
    return {
        name: {
            where: _with_errors(people, seen)
            for where, seen in (("drawn", drawn), ("true_image", true))
            if getattr(people[0], seen) is not None
        }
        for name, (drawn, true) in {
            "pose_transferred": ("pose", "turned"),
            "expression_transferred": ("expression", "expressed"),
        }.items()
    }


def joined(parts: Sequence[Any]) -> Any:
    """The rows of several people's readings in one."""
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def standard_errors(
    figures_of: Callable[[Sequence[Any]], Mapping[str, float]], people: Sequence[Any]
) -> dict[str, float]:
    """The jackknife's standard errors of figures over people: what they are without each of them
    in turn. Frames of one person are not independent, people are."""
    count = len(people)
    without = [figures_of([*people[:n], *people[n + 1 :]]) for n in range(count)]
    return {
        name: float(np.std([figures[name] for figures in without]) * np.sqrt(count - 1))
        for name in without[0]
    }


def _with_errors(people: Sequence[Transfers], seen: str) -> dict[str, float]:
    def figures_of(some: Sequence[Transfers]) -> dict[str, float]:
        every = joined(some)
        return compare(getattr(every, seen), every.own, every.other)

    errors = standard_errors(figures_of, people)
    return figures_of(people) | {f"{name}_se": error for name, error in errors.items()}


def compare(seen: Seen, own: Seen, other: Seen) -> dict[str, float]:
    """What is seen against both frames: shares of expression and head pose, and how far they are
    from frame i's: expression as a share of the distance between i and j, head pose in degrees."""
    expression_own, expression_driver = shares(seen.expression, own.expression, other.expression)
    pose_own, pose_driver = shares(seen.angles, own.angles, other.angles)
    apart = rms(other.expression - own.expression)
    return {
        "expression_own": expression_own,
        "expression_driver": expression_driver,
        "expression_change": rms(seen.expression - own.expression) / (apart + 1e-12),
        "pose_own": pose_own,
        "pose_driver": pose_driver,
        "pose_change_deg": float(np.abs(seen.angles - own.angles).mean()),
    }


def yardstick_shares(people: Sequence[Yardstick]) -> dict[str, float]:
    """Of Eq. 2's images between true ones: the expression of frame j, that of a third frame (what
    errors that are no leakage come to), their difference (leakage), and fading to rest."""
    gram, moment = (np.sum(parts, 0) for parts in zip(*people, strict=True))
    driver, control, fading = map(float, np.linalg.lstsq(gram, moment, rcond=None)[0])
    return {
        "expression_driver": driver,
        "expression_control": control,
        "expression_leakage": driver - control,
        "fading": fading,
    }


def stillness(by_m: Transfers) -> dict[str, float]:
    """How still M's delta is where a face only turns, from true images of one person.

    Returns:
      delta_turned, delta_expressed: its change where only the head pose changes, and where only the
        expression does; ratio, of the two: 0 is right. angles_turned_deg, angles_expressed_deg and
        angles_ratio: the same of M's angles.
    """
    assert by_m.turned is not None and by_m.expressed is not None
    turned, expressed = by_m.turned, by_m.expressed
    delta = [rms(x.expression - by_m.own.expression) for x in (turned, expressed)]
    angles = [rms(x.angles - by_m.own.angles) for x in (turned, expressed)]
    return {
        "delta_turned": delta[0],
        "delta_expressed": delta[1],
        "ratio": delta[0] / (delta[1] + 1e-12),
        "angles_turned_deg": angles[0],
        "angles_expressed_deg": angles[1],
        "angles_ratio": angles[1] / (angles[0] + 1e-12),
    }
