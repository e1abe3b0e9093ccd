"""Generated motion of single windows against the truth."""

import numpy as np
import pytest

from playmate_jax.metrics.window_motion import compare_window, shown_emotion, values
from playmate_jax.motion.layout import ANGLES, EMOTIONS, EXPRESSION
from playmate_jax.synthetic.emotion import PROTOTYPES
from playmate_jax.synthetic.expression import BASIS


def motion(seed: int, n: int = 200) -> np.ndarray:
    """Units of noise on a synthetic face, and a head that moves."""
    rng = np.random.default_rng(seed)
    made = np.zeros((n, 70), np.float32)
    made[:, EXPRESSION] = rng.random((n, len(BASIS))) @ BASIS
    made[:, ANGLES] = rng.standard_normal((n, 3))
    return made


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_truth_itself_is_right_and_another_clip_is_not(synthetic):
    true, other = motion(0), motion(1)
    found = values(compare_window(true, true, other, synthetic))
    elsewhere = found.pop("correlation_elsewhere")
    assert all(value == pytest.approx(1, abs=1e-4) for value in found.values())
    # white noise of 200 frames: correlations scatter by 0.07
    assert abs(elsewhere) < 0.3


def test_a_head_at_half_its_reach_has_half_the_spread():
    true = motion(0)
    half = true.copy()
    half[:, ANGLES] *= 0.5
    assert values(compare_window(half, true, true, True))["head_spread"] == pytest.approx(0.5)


def test_a_clip_that_is_shorter_than_the_other_is_compared_over_what_both_have():
    found = compare_window(motion(0, 30), motion(0, 30), motion(1, 50), True)
    assert found.keys() == compare_window(motion(0), motion(0), motion(1, 20), True).keys()


def test_the_emotion_that_shows_is_named():
    plain = motion(0)
    for number, name in enumerate(EMOTIONS):
        asked = np.zeros((200, 8), np.float32)
        asked[:, number] = 0.8
        shown = plain.copy()
        shown[:, EXPRESSION] += 0.8 * PROTOTYPES[number] @ BASIS
        assert shown_emotion(shown, plain, asked) == {"emotion_accuracy": (1.0, 1.0)}, name
    assert values(shown_emotion(plain, plain, asked)) == {"emotion_accuracy": 0.0}


def test_sums_of_nothing_are_left_out():
    assert values({"a": (1.0, 2.0), "b": (0.0, 0.0)}) == {"a": 0.5}
