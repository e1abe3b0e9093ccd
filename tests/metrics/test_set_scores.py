"""Numbers of a set: the same however clips are ordered, and values by hand."""

import numpy as np
import pytest

from playmate_jax.metrics.feature_statistics import FeatureMoments, frechet_distance
from playmate_jax.metrics.videos.scores import METRICS, columns_of
from playmate_jax.metrics.videos.set_scores import emotion_accuracy, frechet, kernel
from playmate_jax.metrics.videos.summary import worst_first
from playmate_jax.motion.layout import Emotion


def clips(count=12, rows=20, d=5, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(shift, 1, (rows, d)).astype(np.float32) for _ in range(count)]


def pairs(made, true):
    return lambda: zip(made, true, strict=True)


def test_clips_in_any_order_give_the_distance_of_all_rows_at_once():
    made, true = clips(seed=1, shift=0.5), clips(seed=2)
    whole = frechet_distance(*(FeatureMoments.of(np.concatenate(x)) for x in (made, true)))
    found, rows = frechet(pairs(made, true))
    assert rows == 240 and found.clips == 12
    assert found.mean == pytest.approx(whole, rel=1e-10)
    assert frechet(pairs(made[::-1], true[::-1]))[0].mean == pytest.approx(whole, rel=1e-10)
    assert found.low < found.mean < found.high


def test_a_set_is_at_no_distance_from_itself_and_further_sets_are_further():
    true = clips()
    assert frechet(pairs(true, true))[0].mean == pytest.approx(0, abs=1e-9)
    near, far = (frechet(pairs(clips(shift=s, seed=1), true))[0].mean for s in (0.3, 0.6))
    assert 0 < near < far
    near, far = (kernel(pairs(clips(shift=s, seed=1), true), 12)[0].mean for s in (0.3, 0.6))
    assert near < far


def test_the_interval_has_the_distance_of_many_clips_about_as_often_as_it_says():
    held = 0
    for seed in range(40):
        # clips of persons: rows of one clip are alike, so that few clips move the mean
        rng = np.random.default_rng(seed)
        made = [rng.normal(1 + rng.normal(0, 1, (1, 1)), 1, (30, 1)) for _ in range(16)]
        true = [rng.normal(rng.normal(0, 1, (1, 1)), 1, (30, 1)) for _ in range(16)]
        found = frechet(pairs(made, true))[0]
        held += found.low <= 1 <= found.high  # means 1 apart, the same spread
    assert held >= 34  # of 40; 38 expected of normal errors


def test_too_little_has_no_distance_or_no_interval():
    assert frechet(pairs([], [])) == (None, 0)
    one = np.ones((1, 3))
    assert frechet(pairs([one], [one])) == (None, 1)
    found, rows = frechet(pairs(clips(2), clips(2, seed=1)))
    assert rows == 40 and found.mean > 0 and np.isnan(found.low)


def test_emotions_by_hand():
    def logits(*seen):  # EmotiEffLib's order: anger 0, contempt 1, ..., happiness 4, neutral 5
        return np.eye(8, dtype=np.float32)[list(seen)]

    gap = np.full((1, 8), np.nan, np.float32)
    found = emotion_accuracy(
        {
            "a": np.concatenate([logits(4, 4, 4, 5), gap]),
            "b": logits(0, 5, 5),
            "no label": logits(0),
            "no face": gap,
        },
        {"a": Emotion.HAPPY, "b": Emotion.ANGRY, "no face": Emotion.SAD},
    )
    assert found["emo_a"].mean == pytest.approx((75 + 100 / 3) / 2)
    assert found["emo_a_clips"].mean == 50
    matrix = np.array(found["confusion"]["frames"])
    assert matrix.sum() == 7 and matrix[Emotion.HAPPY, Emotion.HAPPY] == 3
    assert matrix[Emotion.ANGRY, Emotion.NEUTRAL] == 2
    assert np.array(found["confusion"]["clips"])[Emotion.ANGRY, Emotion.NEUTRAL] == 1
    assert emotion_accuracy({"a": gap}, {"a": Emotion.SAD}) == {}


@pytest.mark.parametrize(("size", "sad"), [(7, 5), (10, 6)])
def test_seven_classes_are_without_contempt_and_ten_have_two_numbers_more(size, sad):
    rows = np.eye(size, dtype=np.float32)[[sad]]
    rows[:, 8:] = 5  # valence and arousal are no classes
    assert emotion_accuracy({"a": rows}, {"a": Emotion.SAD})["emo_a"].mean == 100


def test_the_worst_clip_is_the_one_with_the_worst_places():
    rows = {
        "middle": {"psnr": 25.0, "lpips": 0.2},
        "best": {"psnr": 30.0, "lpips": 0.1},
        "worst": {"psnr": 20.0, "lpips": 0.3},
        "unknown": {"psnr": float("nan")},
    }
    found = worst_first(rows, columns_of({k: METRICS[k] for k in ("psnr", "lpips")}))
    assert [row["clip"] for row in found] == ["worst", "middle", "unknown", "best"]
    assert found[0]["rank"] == 0 and found[-1]["rank"] == 1
