"""Leakage: what comes along when head pose alone, or expression alone, is transferred.

Of pairs (i, j) of frames of one person, what a reader finds in the drawn image is explained by what
frames i and j show, over all pairs and components at once:

    read - mean = own (e_i - mean) + driver (e_j - mean)

Where frame i keeps its expression (Eq. 2), `own` should be 1 and `driver`, the leakage, 0; a swap
has 0 and 1. An expression that is drawn too weakly lowers `own` and leaves `driver` alone, which a
mere distance from e_i would not tell from leakage.
"""

from typing import Any

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


def leakage(transfers: Transfers) -> dict[str, Any]:
    """The figures of both transfers, by "pose_transferred" (Eq. 2) and "expression_transferred"
    (Eq. 3): of what was drawn, and of the true images where there are any (`true_image`: what is
    the reader's error, not the renderer's)."""
    own, other = transfers.own, transfers.other
    both = {
        "pose_transferred": (transfers.pose, transfers.turned),
        "expression_transferred": (transfers.expression, transfers.expressed),
    }
    return {
        name: {
            where: compare(seen, own, other)
            for where, seen in (("drawn", drawn), ("true_image", true))
            if seen is not None
        }
        for name, (drawn, true) in both.items()
    }


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


def yardstick_shares(yardstick: Yardstick) -> dict[str, float]:
    """Of Eq. 2's images between true ones: the expression of frame j, that of a third frame (what
    errors that are no leakage come to), their difference (leakage), and fading to rest."""
    found = np.linalg.lstsq(yardstick.gram, yardstick.moment, rcond=None)[0]
    driver, control, fading = map(float, found)
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
