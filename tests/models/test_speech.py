"""Features of pretrained speech encoders at the rate of video."""

import numpy as np

from playmate_jax.models.speech import SpeechEncoder, at_video_rate
from playmate_jax.models.speech_encoders import LogMel
from playmate_jax.motion.layout import SAMPLES_PER_FRAME


def test_neighbouring_pairs_are_averaged_and_an_odd_row_stands_alone():
    rows = np.array([[0, 10], [2, 20], [4, 30], [6, 50], [9, 90]], np.float32)
    assert at_video_rate(rows[:4]).tolist() == [[1, 15], [5, 40]]
    assert at_video_rate(rows).tolist() == [[1, 15], [5, 40], [9, 90]]


def test_the_log_mel_front_end_is_a_speech_encoder_at_the_same_rate():
    assert isinstance(LogMel(), SpeechEncoder)
    assert LogMel()(np.ones(2 * SAMPLES_PER_FRAME, np.float32)).shape == (2, LogMel.size)
