"""From what was measured of clips to the numbers of a system, with intervals over clips."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from playmate_jax.metrics.clip_scores import ClipScores, Interval
from playmate_jax.metrics.videos import set_scores
from playmate_jax.metrics.videos.pairs import REFERENCE
from playmate_jax.metrics.videos.scores import (
    EMOTIONS_OF,
    HIGHER,
    Column,
    Metric,
    columns_of,
)
from playmate_jax.metrics.videos.store import Record
from playmate_jax.motion.layout import Emotion

FEATURES = {"fid": "inception", "kid": "inception", "fvd": "i3d"}


class Measured(NamedTuple):
    """The records of one clip: of the generated video, of its reference, and of the pair."""

    made: Record
    true: Record
    pair: Record


Read = Callable[[str], Measured]  # a clip's name -> its records, from disk


def summary(
    clips: Iterable[str], read: Read, metrics: Mapping[str, Metric], labels: Mapping[str, Emotion]
) -> dict[str, Any]:
    """The numbers of one system.

    Args:
      clips: names of those that were measured.

    Returns:
      scores: key -> value, low, high, clips (of infinite ones the number is given apart) and, of
        distances, samples; by_clip: name, scores and
      rank of each, the worst first; emotion, demo_emotion: the confusion matrices, where there are
      labels.
    """
    names, columns = list(clips), columns_of(dict(metrics))
    states = {column.key: ClipScores() for column in columns if column.group}
    infinite = dict.fromkeys(states, 0)
    rows: dict[str, dict[str, float]] = {}
    logits: dict[str, dict[str, np.ndarray]] = {name: {} for name in EMOTIONS_OF if name in metrics}
    for name in names:
        measured = read(name)
        rows[name] = {}
        for column in columns:
            if column.group:
                value = _number(measured, column)
                rows[name][column.key] = value
                infinite[column.key] += math.isinf(value)
                states[column.key] = states[column.key].update(name, np.array([value]))
        for metric, of_clips in logits.items():
            if (array := EMOTIONS_OF[metric][0]) in measured.made.arrays:
                of_clips[name] = measured.made.arrays[array]
    scores = {key: _told(_interval(state, infinite[key])) for key, state in states.items()}
    for key, count in infinite.items():
        if count:
            scores[key]["infinite"] = count
    distances = {key: group for key, group in FEATURES.items() if key in metrics}
    for key, group in distances.items():
        pairs = _pairs_of(names, read, group)
        distance = (
            set_scores.kernel(pairs, len(names)) if key == "kid" else set_scores.frechet(pairs)
        )
        scores[key] = _told(distance[0]) | {"samples": distance[1]}
    result = {"clips": len(names), "scores": scores, "by_clip": worst_first(rows, columns)}
    for metric, of_clips in logits.items():
        array, of_frames, whole = EMOTIONS_OF[metric]
        order = set_scores.PUBLISHED if metric == "emotion" else tuple(Emotion)
        found = set_scores.emotion_accuracy(of_clips, labels, order) if labels else {}
        if found:
            scores[of_frames] = _told(found.pop("emo_a"))
            scores[whole] = _told(found.pop("emo_a_clips"))
            result[array] = found
    return result


def of_reference(summaries: dict[str, Any], metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Of the reference's own summary only what does not compare it with itself."""
    own = {c.key for c in columns_of(dict(metrics)) if c.group and not c.pair}
    own |= {key for _, *keys in EMOTIONS_OF.values() for key in keys}
    scores = {key: value for key, value in summaries["scores"].items() if key in own}
    return summaries | {"scores": scores, "by_clip": [], "name": REFERENCE}


def worst_first(
    rows: Mapping[str, Mapping[str, float]], columns: list[Column]
) -> list[dict[str, Any]]:
    """Every clip with its scores and its rank: the mean of its places, from 0 for the worst to 1,
    over the columns that have a better direction. The worst comes first."""
    places: dict[str, list[float]] = {name: [] for name in rows}
    for column in columns:
        known = {
            name: row[column.key] for name, row in rows.items()
            if column.better and not math.isnan(row.get(column.key, math.nan))
        }  # fmt: skip
        values = np.array(list(known.values()))
        for name, value in known.items():
            worse = (values < value) if column.better == HIGHER else (values > value)
            same = (values == value).sum() - 1
            places[name].append(float((worse.sum() + same / 2) / max(1, len(values) - 1)))
    ranks = {name: float(np.mean(found)) if found else 0.5 for name, found in places.items()}
    order = sorted(rows, key=lambda name: (ranks[name], name))
    return [{"clip": name, "rank": ranks[name], "scores": dict(rows[name])} for name in order]


def _number(measured: Measured, column: Column) -> float:
    record = measured.pair if column.pair else measured.made
    return float(record.numbers.get(column.group, {}).get(column.key, math.nan))


def _interval(state: ClipScores, infinite: int) -> Interval | None:
    """The mean of finite scores; infinite where no clip has one and some are infinite (PSNR of
    copies)."""
    if state.means():
        return state.compute()
    return Interval(math.inf, math.inf, math.inf, infinite) if infinite else None


def _told(found: Interval | None) -> dict[str, Any]:
    if found is None:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "clips": 0}
    return {"value": found.mean, "low": found.low, "high": found.high, "clips": found.clips}


def _pairs_of(names: list[str], read: Read, group: str) -> set_scores.Pairs:
    """The features of both sides of every clip that has them, as long as the shorter one."""

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for name in names:
            measured = read(name)
            if group in measured.made.arrays and group in measured.true.arrays:
                x, y = measured.made.arrays[group], measured.true.arrays[group]
                n = min(len(x), len(y))
                yield x[:n], y[:n]

    return pairs
