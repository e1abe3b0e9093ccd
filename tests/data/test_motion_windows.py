"""Windows of clips as stages 1 and 2 see them."""

import numpy as np
import pytest

from playmate_jax.data import Loading, Windows, stage1, stage2
from playmate_jax.data.mixture import mixture_statistics, open_mixture
from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS, EXPRESSION, POSE
from playmate_jax.motion.normalization import clip_pose_statistics
from playmate_jax.motion.windows import WindowConfig
from tests.data.made_up_records import assert_batch

PLAIN = Windows(audio=True)


def told(batches, batch) -> np.ndarray:
    """Clip and frame that each row of speech says it belongs to, (b, 110, 2)."""
    speech = batch["speech"] * batches.statistics.speech_std + batches.statistics.speech_mean
    return np.rint(speech[..., :2]).astype(int)


def test_a_batch_is_what_its_type_says(talking_records):
    batch = next(stage1(talking_records, 4, windows=PLAIN))
    assert_batch(batch, MotionBatch)
    assert batch["motion"].shape == (4, 100, 70) and batch["previous_motion"].shape[1] == 10
    assert batch["speech"].shape[2] == 6 and batch["audio"].shape == (4, 110 * 640)
    assert "audio" not in next(stage1(talking_records, 4))


def test_speech_sound_and_motion_of_a_window_are_of_the_same_frames(talking_records):
    batches = stage1(talking_records, 64, windows=PLAIN)
    batch = next(batches)
    statistics = batches.statistics.motion
    for row, (clips, frames) in enumerate(told(batches, batch).transpose(0, 2, 1)):
        record = talking_records[clips[0]]
        assert (clips == clips[0]).all() and (np.diff(frames) >= 0).all()
        motion = np.concatenate([batch["previous_motion"][row], batch["motion"][row]])
        mean, std = clip_pose_statistics(record["motion"])
        pose = motion[:, POSE] * std + mean
        np.testing.assert_allclose(pose, record["motion"][frames, POSE], atol=1e-3)
        expression = motion[:, EXPRESSION] * statistics.expression_std + statistics.expression_mean
        np.testing.assert_allclose(expression, record["motion"][frames, EXPRESSION], atol=1e-3)
        valid, sound = batch["valid"][row], batch["audio"][row].reshape(110, 640)
        heard = np.broadcast_to(frames[:, None], sound.shape)
        np.testing.assert_array_equal(sound[10:][valid], heard[10:][valid])
        assert not sound[10:][~valid].any()
        assert batch["has_previous"][row] == (frames[0] < frames[10])
        if not batch["has_previous"][row]:
            assert (frames[:11] == 0).all() and not sound[:10].any()


def test_what_lies_past_the_end_of_a_clip_does_not_count(talking_records):
    batches = stage1(talking_records, 64)
    batch = next(batches)
    clips, frames = told(batches, batch).transpose(2, 0, 1)
    lengths = np.array([len(record["motion"]) for record in talking_records])
    left = lengths[clips[:, 0]] - frames[:, 10]
    np.testing.assert_array_equal(batch["valid"].sum(1), np.minimum(left, 100))
    assert {1, 7, 99} <= set(left.tolist())  # the very short clips are there


def test_an_epoch_visits_every_clip_once_per_hundred_frames(talking_records):
    visits = [-(-len(record["motion"]) // 100) for record in talking_records]
    batches = stage1(talking_records, sum(visits))
    for _ in range(3):
        clips = told(batches, next(batches))[:, 0, 0]
        assert np.bincount(clips, minlength=8).tolist() == visits


def test_windows_start_anywhere_and_often_at_the_start(talking_records):
    batches = stage1(talking_records[:1], 50)  # 300 frames: starts 10 to 210, or 0
    frames = np.concatenate([told(batches, next(batches))[:, 10, 1] for _ in range(4)])
    assert len(np.unique(frames)) > 80 and 190 < frames.max() <= 210
    # 200 draws at 0.15 scatter by 0.025
    assert np.mean(frames == 0) == pytest.approx(0.15, abs=0.1)
    assert not ((0 < frames) & (frames < 10)).any()


def test_three_second_clips_are_seen_with_a_past(talking_records):
    """As emotional clips are; what lies past their end is not valid."""
    short = [dict(record, emotion=3) for record in talking_records if len(record["motion"]) == 99]
    short = [{**r, **{n: r[n][:75] for n in ("motion", "features")}} for r in short]
    batches = stage2(short, 200)
    batch = next(batches)
    starts = told(batches, batch)[:, 10, 1]
    # 200 draws at 0.85 scatter by 0.025
    assert batch["has_previous"].mean() == pytest.approx(0.85, abs=0.1)
    np.testing.assert_array_equal(batch["has_previous"], starts >= 10)
    np.testing.assert_array_equal(batch["valid"].sum(1), 75 - starts)
    assert (75 - starts).min() >= 37


@pytest.mark.parametrize("make", [stage1, stage2])
def test_two_processes_see_the_two_halves_of_one_batch(make, talking_records):
    """Different rows of the same windows, which together are the batch of one process."""
    with make(talking_records, 8, seed=5) as batches:
        whole = [next(batches) for _ in range(3)]
    halves = []
    for process in (0, 1):
        with make(talking_records, 8, seed=5, loading=Loading(0, process, 2)) as batches:
            halves.append([next(batches) for _ in range(3)])
    for n, batch in enumerate(whole):
        for name, rows in batch.items():
            first, second = (half[n][name] for half in halves)
            assert len(first) == len(second) == 4
            np.testing.assert_array_equal(np.concatenate([first, second]), rows)
        assert not (halves[0][n]["motion"] == halves[1][n]["motion"]).all((1, 2)).any()


def test_stage_2_sees_labelled_clips_with_their_intensity(talking_records):
    batches = stage2(talking_records, 64)
    batch = next(batches)
    clips = told(batches, batch)[:, 0, 0]
    assert set(clips) == {1, 3, 5, 7}
    wanted = 0.75 * np.eye(len(EMOTIONS))[clips][:, None].repeat(110, 1)
    np.testing.assert_array_equal(batch["emotion"], wanted.astype(np.float32))


def test_emotions_that_change_within_a_clip_come_frame_by_frame(talking_records):
    """Records of synthetic people say what each frame asks for."""
    emotions = [np.arange(len(r["motion"]))[:, None] * np.ones(8) for r in talking_records]
    records = [
        dict(r, truth={"emotions": e.astype(np.float32)}) for r, e in zip(talking_records, emotions)
    ]
    batches = stage2(records, 32)
    batch = next(batches)
    frames = told(batches, batch)[..., 1]
    np.testing.assert_array_equal(batch["emotion"], frames[..., None] * np.ones(8))


def test_clips_without_a_label_ask_for_no_emotion(talking_records):
    batches = stage1(talking_records[::2], 16)
    assert not next(batches)["emotion"].any()


def test_stage_2_without_labels_is_told(talking_records):
    with pytest.raises(UserError, match="labelled emotion, found none of 4"):
        stage2(talking_records[::2], 4)


def test_noise_reaches_the_identity_and_the_speech(talking_records):
    quiet = next(stage1(talking_records, 64))
    windows = Windows(identity_noise=0.2, speech_noise=lambda rng, speech: speech + 1)
    noisy = next(stage1(talking_records, 64, windows=windows))
    noise = noisy["identity"] - quiet["identity"]
    # 64 x 63 draws scatter by 0.002
    assert noise.std() == pytest.approx(0.2, abs=0.01)
    std = stage1(talking_records, 64).statistics.speech_std
    assert noisy["speech"].mean() - quiet["speech"].mean() == pytest.approx(
        (1 / std).mean(), rel=1e-3
    )


def test_windows_of_another_length(talking_records):
    batch = next(stage1(talking_records, 4, windows=Windows(WindowConfig(16, 4))))
    assert batch["motion"].shape == (4, 16, 70) and batch["speech"].shape == (4, 20, 6)


def test_features_that_the_model_does_not_take_are_told(talking_records):
    other = [dict(r, features=np.zeros((len(r["motion"]), 9), np.float16)) for r in talking_records]
    statistics = stage1(talking_records, 4).statistics
    with pytest.raises(UserError, match="6 numbers a frame, found 9"):
        stage1(other, 4, statistics=statistics)


def test_they_are_normalised_by_the_statistics_of_the_whole_set(talking_records):
    parts = open_mixture(talking_records, "train", (), ())
    wanted = mixture_statistics(parts).normalization()
    found = stage1(talking_records, 4).statistics
    np.testing.assert_array_equal(found.speech_mean, wanted.speech_mean)
    speech = np.concatenate([record["features"] for record in talking_records]).astype(float)
    np.testing.assert_allclose(found.speech_mean, speech.mean(0), rtol=1e-5, atol=1e-6)
