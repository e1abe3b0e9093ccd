"""The evaluation of a face space: figures over people, and contact sheets of the first of them.

People are drawn and read one after the other; only readings are kept, and the images of those that
the sheets show.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from playmate_jax.metrics.renderer.leakage import (
    joined,
    leakage,
    standard_errors,
    stillness,
    yardstick_shares,
)
from playmate_jax.metrics.renderer.networks import FaceSpace, Reader
from playmate_jax.metrics.renderer.observation import Observation, observe
from playmate_jax.metrics.renderer.people import TARGETS, Person
from playmate_jax.metrics.renderer.readout import readout_r2
from playmate_jax.metrics.renderer.sheets import (
    Sheet,
    Shown,
    cross_sheet,
    self_sheet,
    transfer_sheet,
)

SHOWN = 6  # people on a sheet
ANGLES = ("pitch", "yaw", "roll")
Figures = dict[str, Any]


def evaluate(
    space: FaceSpace,
    people: Iterable[Person],
    reader: Reader | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Figures, dict[str, Sheet]]:
    """Figures, and sheets by name ("self", "transfer", "cross").

    Args:
      people: at least two; their truth, where it is known, is that of all of them.
      reader: of synthetic faces; not used where the truth is not known.
      progress: is called with the number of people that are done.

    Returns:
      self_reenactment, by_person (worst first) and leakage; transfer, stillness and readout where
      there is a truth, or landmarks for the readout.
    """
    found: list[Observation] = []
    names: list[str] = []
    shown: list[Shown] = []
    for person in people:
        observation, drawn, m = observe(space, person, reader)
        found.append(observation)
        names.append(person.name)
        if len(shown) < SHOWN:
            shown.append(Shown(person.images, m, drawn))
        progress(len(found))
    figures: Figures = {"self_reenactment": self_reenactment(found)}
    figures["by_person"] = by_person(names, found)
    figures["leakage"] = {"m": leakage([one.by_m for one in found])}
    by_reader = [one.by_reader for one in found if one.by_reader is not None]
    if len(by_reader) == len(found):
        figures["leakage"]["reader"] = leakage(by_reader)
    figures |= with_truth(found)
    if all(one.targets is not None for one in found):
        figures["readout"] = readout(found)
    sheets = {"self": self_sheet(shown), "transfer": transfer_sheet(shown)}
    return figures, sheets | {"cross": cross_sheet(space, shown)}


def self_reenactment(found: list[Observation]) -> Figures:
    """Means over all pairs: PSNR and that of the source copied, in dB; keypoint errors in percent
    of the image's side; errors of the head pose in degrees, against the truth or else M's reading
    of the true frame: as M reads it in the drawn image, in the true frame (`true_image`: M's own
    error), and of the source's (`copy`)."""
    mean = {
        name: np.concatenate([getattr(one, name) for one in found]).mean(0)
        for name in ("psnr", "psnr_copy", "keypoints", "keypoints_copy")
    }
    angles = {
        where: np.concatenate([getattr(one, name) for one in found]).mean(0)
        for where, name in (
            ("drawn", "angles"), ("true_image", "angles_true"), ("copy", "angles_copy"),
        )
    }  # fmt: skip
    return {
        "pairs": sum(len(one.psnr) for one in found),
        "psnr_drawn": float(mean["psnr"]),
        "psnr_copy": float(mean["psnr_copy"]),
        "gain_db": float(mean["psnr"] - mean["psnr_copy"]),
        "keypoints_drawn_percent": float(100 * mean["keypoints"]),
        "keypoints_copy_percent": float(100 * mean["keypoints_copy"]),
        "head_pose_deg": {
            where: dict(zip(ANGLES, map(float, value), strict=True)) | {"mean": float(value.mean())}
            for where, value in angles.items()
        },
    }


def by_person(names: list[str], found: list[Observation]) -> list[Figures]:
    """PSNR, gain over the copy and keypoint error of each person, the least gain first."""
    rows = [
        {
            "name": name,
            "psnr_drawn": float(one.psnr.mean()),
            "gain_db": float((one.psnr - one.psnr_copy).mean()),
            "keypoints_drawn_percent": float(100 * one.keypoints.mean()),
        }
        for name, one in zip(names, found, strict=True)
    ]
    return sorted(rows, key=lambda row: row["gain_db"])


def with_truth(found: list[Observation]) -> Figures:
    """What only true images tell: PSNR of the transfers against them, Eq. 2's expression between
    them, and how still delta is where a face only turns."""
    known = [one.true_images for one in found if one.true_images is not None]
    if len(known) < len(found):
        return {}
    yardsticks = [one.yardstick for one in known]
    error = standard_errors(yardstick_shares, yardsticks)["expression_leakage"]
    transfer = {
        "psnr_pose": float(np.concatenate([one.psnr_pose for one in known]).mean()),
        "psnr_expression": float(np.concatenate([one.psnr_expression for one in known]).mean()),
    }
    return {
        "transfer": transfer | yardstick_shares(yardsticks) | {"expression_leakage_se": error},
        "stillness": stillness(joined([one.by_m for one in found])),
    }


def readout(found: list[Observation]) -> Figures:
    """R^2 of mouth, lids and brows, read from M's delta by one linear map for all people."""
    deltas, targets = [], []
    for one in found:
        assert one.targets is not None
        known = np.isfinite(one.targets).all(-1)
        deltas.append(one.delta[known])
        targets.append(one.targets[known])
    r2 = readout_r2(deltas, targets)
    return dict(zip(TARGETS, map(float, r2), strict=True)) | {
        "images": sum(len(delta) for delta in deltas)
    }
