"""Conditions while training: each dropped now and then, the past with a little noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.diffusion.schedule import linear_schedule
from playmate_jax.losses.motion import LossConfig, conditions

B = 2000
BARS = linear_schedule().alphas_bar


def batch():
    return {
        "motion": jnp.zeros((B, 1, 70)),
        "previous_motion": jnp.ones((B, 2, 70)),
        "speech": jnp.ones((B, 3, 4)),
        "identity": jnp.ones((B, 63)),
        "emotion": jnp.ones((B, 3, 8)),
        "has_previous": jnp.arange(B) % 2 == 0,
    }


def test_the_defaults_are_the_designs():
    config = LossConfig()
    assert config.previous_noise == "printed"
    assert config.speech_dropout == config.emotion_dropout == config.previous_dropout == 0.1


def test_each_condition_is_dropped_on_its_own_and_as_often_as_told():
    config = LossConfig(speech_dropout=0.1, emotion_dropout=0.3, previous_dropout=0.2)
    found = conditions(config, batch(), BARS, jax.random.key(0))
    speech, previous = np.asarray(found.has_speech), np.asarray(found.has_previous)
    emotion = np.asarray(found.emotion)[:, 0, 0] == 1
    # shares of 2000 (and 1000) draws scatter by 0.01 (0.013): four of them
    assert speech.mean() == pytest.approx(0.9, abs=0.04)
    assert emotion.mean() == pytest.approx(0.7, abs=0.04)
    assert previous[::2].mean() == pytest.approx(0.8, abs=0.05)
    assert not previous[1::2].any()  # a first window has no past to keep
    assert (speech & emotion).mean() == pytest.approx(0.63, abs=0.05)
    # a dropped emotion is the zero vector in every frame
    assert set(np.asarray(found.emotion).sum((1, 2)).tolist()) == {0.0, 24.0}


def test_the_past_gets_noise_and_speech_and_identity_are_not():
    found = conditions(LossConfig(), batch(), BARS, jax.random.key(0))
    moved = np.abs(np.asarray(found.previous_motion) - 1)
    # Eq. 9 as printed at its last step: 1 - alpha_bar is 0.03 there, the largest of 280,000 draws 5
    assert 0 < moved.max() < 5 * float(1 - BARS[49]) + 0.02
    np.testing.assert_array_equal(found.speech, batch()["speech"])
    np.testing.assert_array_equal(found.identity, batch()["identity"])


def test_no_dropout_keeps_everything():
    config = LossConfig(speech_dropout=0, emotion_dropout=0, previous_dropout=0)
    found = conditions(config, batch(), BARS, jax.random.key(0))
    assert found.has_speech.all() and (found.emotion == 1).all()
    np.testing.assert_array_equal(found.has_previous, batch()["has_previous"])
