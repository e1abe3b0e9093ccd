"""Table 2 of the paper on the synthetic world: what the scales of guidance do (Eq. 8).

Clips are held out and their motion is known, so nothing is drawn: in place of FID and FVD stands
Frechet's distance of the motion itself, of frames and of windows of 16, in place of SyncNet the
correlation of the jaw with the true one, in place of a classifier the nearest of the eight
emotions.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.errors import UserError
from playmate_jax.inference.generate import GenerateOptions, MotionModel
from playmate_jax.metrics.feature_statistics import FeatureMoments, frechet_distance
from playmate_jax.metrics.generated_emotion import accuracy
from playmate_jax.metrics.held_out import generated, held_out
from playmate_jax.metrics.lips import compare_lips, correlation
from playmate_jax.metrics.motion import units_of
from playmate_jax.motion.layout import ANGLES
from playmate_jax.synthetic.expression import UNIT

WINDOW = 16  # frames, as of FVD
# w_a, w_e -> FID, FVD, Sync-C, CSIM, Emo-A of the paper; None: no emotion
PAPER: Mapping[tuple[float, float | None], tuple[float | None, ...]] = {
    (1.0, None): (17.128, 118.481, 7.937, 0.939, None),
    (1.5, None): (17.096, 120.678, 8.141, 0.935, None),
    (2.0, None): (15.968, 122.718, 8.113, 0.936, None),
    (2.5, None): (16.887, 125.738, 8.03, 0.936, None),
    (1.5, 1.5): (18.948, 138.511, 7.395, 0.922, 54.405),
    (1.5, 2.0): (19.978, 173.114, 7.205, 0.905, 57.579),
    (1.5, 2.5): (17.498, 169.053, 7.181, 0.888, 56.276),
    (1.5, 3.0): (17.825, 177.528, 7.16, 0.888, 50.055),
    (1.5, 3.5): (22.32, 207.535, 6.89, 0.871, 55.753),
}
Clips = Mapping[str, Any]
Progress = Callable[[str, int, int], None]


def guidance_sweep(
    model: MotionModel, count: int, progress: Progress = lambda phase, done, total: None
) -> list[dict[str, Any]]:
    """The rows of the table.

    Args:
      count: held-out clips of 12 s for each row, 2 at least; those with emotion are others than
        those without.
      progress: called with "guidance", rows done and rows in all.

    Returns:
      a row for each pair of scales: "audio", "emotion" (None: no emotion was asked for), "clips"
      and the figures of `against_truth`; with emotion also "emotion_accuracy".

    Raises:
      UserError: the generator has no emotion controller.
    """
    if "emotion" not in model.params:
        raise UserError(
            "expected a generator with an emotion controller, found one of the first stage alone: "
            "train the second (configs/paper_stage2.py), or measure the weights 'demo'"
        )
    progress("guidance", 0, len(PAPER))
    plain, emotional = held_out("test_formant", count), held_out("test_emotional", count)
    neutral = None
    rows = []
    for audio, scale in PAPER:
        options = GenerateOptions(audio_scale=audio)
        row: dict[str, Any] = {"audio": audio, "emotion": scale, "clips": len(plain["motion"])}
        if scale is None:
            row |= against_truth(plain, generated(model, plain, options))
        else:
            if neutral is None:  # all rows with emotion have the same audio scale
                neutral = units_of(generated(model, emotional, options))
            options = dataclasses.replace(options, emotion_scale=scale)
            motion = generated(model, emotional, options, emotional["emotion"])
            row |= against_truth(emotional, motion)
            row["emotion_accuracy"] = accuracy(emotional["emotion"], units_of(motion), neutral)
        rows.append(row)
        progress("guidance", len(rows), len(PAPER))
    return rows


def against_truth(clips: Clips, motion: Float[np.ndarray, "n t 70"]) -> dict[str, float]:
    """Generated motion against that of the clips.

    Returns:
      frames, windows: Frechet's distances; jaw, jaw_error: the mean correlation over clips and its
      standard error; closures, false_closures: shares, as in `compare_lips`; head: the spread of
      its angles over the true one.
    """
    units = units_of(motion)
    true, made = (_features(*both) for both in ((clips["units"], clips["motion"]), (units, motion)))
    scale = np.maximum(true.std((0, 1)), 1e-6)
    jaws = [
        correlation(m[:, UNIT["jaw"]], t[:, UNIT["jaw"]])
        for m, t in zip(units, clips["units"], strict=True)
    ]
    lips = compare_lips(clips["units"], units, clips["phonemes"])
    head = motion[..., ANGLES].std(1).mean() / clips["motion"][..., ANGLES].std(1).mean()
    return {
        "frames": _distance(true / scale, made / scale, 1),
        "windows": _distance(true / scale, made / scale, WINDOW),
        "jaw": float(np.mean(jaws)),
        "jaw_error": float(np.std(jaws, ddof=1) / np.sqrt(len(jaws))),
        "closures": lips["bilabial_hit"],
        "false_closures": lips["false_closure"],
        "head": float(head),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A heading and a line for each row, with the paper's figures to the right."""
    heading = [
        "w_a", "w_e", "frames ↓", "windows ↓", "jaw ↑", "closures ↑", "false ↓", "head (1)",
        "Emo-A ↑", "paper: FID", "FVD", "Sync-C", "CSIM", "Emo-A",
    ]  # fmt: skip
    return [heading, *(_line(row) for row in rows)]


def _line(row: Mapping[str, Any]) -> list[str]:
    cell = lambda value, form=".3f": "-" if value is None else format(value, form)  # noqa: E731
    seen = row.get("emotion_accuracy")
    return [
        cell(row["audio"], ".1f"), cell(row["emotion"], ".1f"), cell(row["frames"], ".2f"),
        cell(row["windows"], ".1f"), f"{row['jaw']:.3f} ± {row['jaw_error']:.3f}",
        cell(row["closures"]), cell(row["false_closures"]), cell(row["head"], ".2f"),
        cell(None if seen is None else 100 * seen, ".1f"),
        *(cell(value) for value in PAPER[row["audio"], row["emotion"]]),
    ]  # fmt: skip


def _features(
    units: Float[np.ndarray, "n t 18"], motion: Float[np.ndarray, "n t 70"]
) -> Float[np.ndarray, "n t 21"]:
    """Of every frame its facial units, and how the head is turned away from the clip's mean."""
    angles = motion[..., ANGLES]
    return np.concatenate([units, angles - angles.mean(1, keepdims=True)], -1)


def _distance(
    true: Float[np.ndarray, "n t d"], made: Float[np.ndarray, "n t d"], length: int
) -> float:
    """Frechet's distance of windows that do not overlap."""
    both = []
    for x in (true, made):
        whole = x[:, : x.shape[1] // length * length]
        both.append(FeatureMoments.of(whole.reshape(-1, length * x.shape[-1])))
    return frechet_distance(*both)
