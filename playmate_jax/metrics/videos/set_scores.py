"""Numbers of a whole set of clips: distances of features, and the accuracy of emotions.

Features are taken clip by clip, so that memory does not grow with the number of clips; the interval
of a distance is a jackknife's over groups of clips: a bootstrap would see some clips twice, which a
Frechet distance takes for a narrower set.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.metrics.clip_scores import ClipScores, Interval
from playmate_jax.metrics.feature_statistics import (
    KERNEL_SIZE,
    FeatureMoments,
    frechet_distance,
    kernel_distance,
)
from playmate_jax.models.efficientnet import LABELS
from playmate_jax.motion.layout import EMOTIONS, Emotion

GROUPS = 8  # of clips, for the jackknife
KERNEL_ROWS = 10_000  # images of KID on either side, evenly from all clips
PUBLISHED = LABELS  # the order of EmotiEffLib's classes
_NORMAL_95 = 1.96

Features = Float[np.ndarray, "n d"]
Pairs = Callable[[], Iterable[tuple[Features, Features]]]  # of each clip: generated, true


def frechet(pairs: Pairs) -> tuple[Interval | None, int]:
    """The distance with its interval over clips, and how many rows there were on either side.

    The interval is NaN for fewer than three clips; None where there are not two rows.
    """
    made: list[FeatureMoments] = []
    true: list[FeatureMoments] = []
    clips = 0
    for i, (x, y) in enumerate(pairs()):
        if i < GROUPS:
            made.append(FeatureMoments.of(x))
            true.append(FeatureMoments.of(y))
        else:
            made[i % GROUPS] = made[i % GROUPS].update(x)
            true[i % GROUPS] = true[i % GROUPS].update(y)
        clips = i + 1
    sides = [_merged(made), _merged(true)] if clips else []
    rows = min((side.count for side in sides), default=0)
    if rows < 2:  # noqa: PLR2004
        return None, rows
    value, spread = frechet_distance(*sides), float("nan")
    if clips > 2:  # noqa: PLR2004
        left_out = [
            frechet_distance(_merged(made[:g] + made[g + 1 :]), _merged(true[:g] + true[g + 1 :]))
            for g in range(len(made))
        ]
        n = len(left_out)
        spread = _NORMAL_95 * float(np.sqrt((n - 1) * np.var(left_out)))
    return Interval(value, value - spread, value + spread, clips), rows


def kernel(pairs: Pairs, clips: int) -> tuple[Interval | None, int]:
    """KID x 1000; its bounds are 1.96 standard deviations over subsets of images, NaN where there
    are no more images than in one subset."""
    most = max(1, KERNEL_ROWS // max(1, clips))
    found = [(_thinned(x, most), _thinned(y, most)) for x, y in pairs()]
    rows = sum(len(x) for x, _ in found)
    if rows < 2:  # noqa: PLR2004
        return None, rows
    made, true = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
    value, deviation = (1000 * number for number in kernel_distance(made, true))
    spread = _NORMAL_95 * deviation if rows > KERNEL_SIZE else float("nan")
    return Interval(value, value - spread, value + spread, clips), rows


def emotion_accuracy(
    logits: Mapping[str, Features],
    labels: Mapping[str, Emotion],
    classes: tuple[Emotion, ...] = PUBLISHED,
) -> dict[str, Any]:
    """Emo-A in percent, and who is taken for whom.

    Args:
      logits: of every clip's frames; NaN where there was no face.
      classes: their order.

    Returns:
      emo_a: share of frames, a clip's mean each; emo_a_clips: share of clips by their mean logits;
      confusion: of frames, and of clips, [asked for][seen]; emotions: the names of both axes.
    """
    frames, clips = ClipScores(), ClipScores()
    matrices = {name: np.zeros((len(EMOTIONS), len(EMOTIONS)), int) for name in ("frames", "clips")}
    for clip, rows in logits.items():
        known = rows[np.isfinite(rows[:, 0])]
        if clip not in labels or not len(known):
            continue
        wanted = labels[clip]
        order = _order(known.shape[1], classes)
        seen = np.array([int(order[i]) for i in known[:, : len(order)].argmax(1)])
        whole = int(order[known[:, : len(order)].mean(0).argmax()])
        matrices["frames"][wanted] += np.bincount(seen, minlength=len(EMOTIONS))
        matrices["clips"][wanted, whole] += 1
        frames = frames.update(clip, 100.0 * (seen == wanted))
        clips = clips.update(clip, np.array([100.0 * (whole == wanted)]))
    if not frames.means():
        return {}
    return {
        "emo_a": frames.compute(),
        "emo_a_clips": clips.compute(),
        "emotions": list(EMOTIONS),
        "confusion": {name: matrix.tolist() for name, matrix in matrices.items()},
    }


def _order(size: int, classes: tuple[Emotion, ...]) -> list[Emotion]:
    """The classes of a network with so many outputs: 7 are without contempt, 10 with valence and
    arousal behind."""
    return [e for e in classes if size != len(classes) - 1 or e is not Emotion.CONTEMPT]


def _merged(states: list[FeatureMoments]) -> FeatureMoments:
    total = states[0]
    for state in states[1:]:
        total = total.merge(state)
    return total


def _thinned(rows: Features, most: int) -> Features:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]
