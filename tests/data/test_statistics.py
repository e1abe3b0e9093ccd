"""Statistics of data sets: what is stored, and what normalisation makes of it."""

import dataclasses

import numpy as np
import pytest

from playmate_jax.data.records import Clip
from playmate_jax.data.statistics import (
    STATISTICS_FILE,
    SetStatistics,
    read_statistics,
    statistics_text,
)
from playmate_jax.errors import UserError
from playmate_jax.motion.normalization import (
    IDENTITY_STD_FLOOR,
    SPEECH_STD_FLOOR,
    motion_statistics,
)


def a_clip(number: int, frames: int, features: int = 5) -> Clip:
    rng = np.random.default_rng(number)
    return Clip(
        id=f"clip-{number}", source="", speaker="", dataset="folder", split="train",
        audio=np.zeros(frames * 640, np.int16),
        motion=(rng.standard_normal((frames, 70)) + rng.standard_normal(70)).astype(np.float32),
        features=rng.standard_normal((frames, features)).astype(np.float16),
        identity=rng.standard_normal(63).astype(np.float32),
    )  # fmt: skip


@pytest.fixture
def clips():
    return [a_clip(number, frames) for number, frames in enumerate((75, 40, 120))]


@pytest.fixture
def statistics(clips):
    return SetStatistics.merged(map(SetStatistics.of, clips))


def test_they_are_those_of_all_clips_together(clips, statistics):
    assert (statistics.clips, statistics.frames) == (3, 235)
    found = statistics.normalization()
    speech = np.concatenate([clip.features for clip in clips]).astype(np.float64)
    identity = np.stack([clip.identity for clip in clips]).astype(np.float64)
    np.testing.assert_allclose(found.speech_mean, speech.mean(0), atol=1e-7)
    np.testing.assert_allclose(found.speech_std, speech.std(0), rtol=1e-6)
    np.testing.assert_allclose(found.identity_mean, identity.mean(0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found.identity_std, identity.std(0), rtol=1e-6)
    motion = motion_statistics([clip.motion for clip in clips])
    for field in dataclasses.fields(motion):
        np.testing.assert_array_equal(
            getattr(found.motion, field.name), getattr(motion, field.name), err_msg=field.name
        )


def test_one_face_that_speaks_silence_keeps_its_floors():
    silent = dataclasses.replace(a_clip(0, 30), features=np.zeros((30, 5), np.float16))
    found = SetStatistics.of(silent).normalization()
    np.testing.assert_array_equal(found.identity_std, np.full(63, IDENTITY_STD_FLOOR, np.float32))
    np.testing.assert_array_equal(found.speech_std, np.full(5, SPEECH_STD_FLOOR, np.float32))


def test_what_is_written_is_read_back_to_the_last_bit(statistics, tmp_path):
    written = {"train": statistics, "test": SetStatistics.of(a_clip(9, 30))}
    (tmp_path / STATISTICS_FILE).write_text(statistics_text(written), encoding="utf-8")
    read = read_statistics(tmp_path)
    assert statistics_text(read) == statistics_text(written)
    np.testing.assert_array_equal(read["train"].expression.m2, statistics.expression.m2)


def test_a_folder_without_them_has_none(tmp_path):
    assert read_statistics(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"train": 1}', '{"train": {"expression": {}}}'])
def test_another_file_of_that_name_is_told(tmp_path, text):
    (tmp_path / STATISTICS_FILE).write_text(text)
    with pytest.raises(UserError, match="measured anew"):
        read_statistics(tmp_path)


def test_a_clip_with_numbers_that_are_not_finite_is_told():
    broken = a_clip(0, 30)
    broken.motion[3, 5] = np.nan
    with pytest.raises(UserError, match="clip-0, found NaN"):
        SetStatistics.of(broken)


def test_features_of_two_encoders_do_not_mix(statistics):
    with pytest.raises(UserError, match="5 and 7"):
        statistics.merge(SetStatistics.of(a_clip(9, 30, features=7)))
