"""Faces that speak: lips follow the sounds, heads and emotions live, everything is repeatable."""

import numpy as np
import pytest

from playmate_jax.metrics import lips as lip_metrics
from playmate_jax.metrics import motion as motion_metrics
from playmate_jax.motion.layout import (
    ANGLES,
    EMOTIONS,
    EXPRESSION,
    FPS,
    PITCH,
    ROLL,
    TRANSLATION,
    YAW,
)
from playmate_jax.synthetic import clips, emotion, performance
from playmate_jax.synthetic.babble import babble
from playmate_jax.synthetic.expression import HIGH, LOW, UNIT, units_from_expression
from playmate_jax.synthetic.phonemes import BILABIALS, Segment

JAW, WIDE, ROUND, CLOSE = (UNIT[name] for name in ("jaw", "wide", "round", "close"))


def spoken(*names_and_seconds):
    segments, clock = [], 0.0
    for name, seconds in zip(names_and_seconds[::2], names_and_seconds[1::2], strict=True):
        segments.append(Segment(name, clock, clock + seconds, 0.0))
        clock += seconds
    return segments, round(clock * FPS)


@pytest.fixture(scope="module")
def performances():
    """Thirty people, eight seconds each."""
    result = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        phonemes = babble(rng, 8.0)
        result.append((phonemes, *performance.perform(rng, phonemes, 200)))
    return result


def test_heads_turn_farther_about_the_same_mean_pose():
    calm, lively = (
        performance.perform(rng, babble(rng, 4.0), 100, head_motion=factor)
        for factor in (1.0, 4.0)
        for rng in [np.random.default_rng(5)]
    )
    angles, turned = calm[0][:, ANGLES], lively[0][:, ANGLES]
    np.testing.assert_allclose(turned.mean(0), angles.mean(0), atol=1e-4)
    np.testing.assert_allclose(
        turned - turned.mean(0), 4 * (angles - angles.mean(0)), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(lively[1], calm[1])


def test_every_bilabial_closes_the_lips(performances):
    worst = 1.0
    for phonemes, _, units in performances:
        for p in phonemes:
            if p.name in BILABIALS and p.start > 0.1 and p.end < 7.9:
                at = round((p.start + p.end) / 2 * FPS)
                worst = min(worst, units[max(0, at - 1) : at + 2, CLOSE].max())
    assert worst > 0.6  # the shortest last 30 ms: less than a frame


def test_mouths_are_shut_in_silence(performances):
    jaw = [u[lip_metrics.silent_frames(p, 200), JAW] for p, _, u in performances]
    assert np.concatenate(jaw).max() < 0.1


def test_the_mouth_takes_the_shape_of_the_vowel():
    shapes = {}
    for vowel in ("iy", "aa", "uw"):
        phonemes, n = spoken("sil", 0.4, vowel, 0.6, "sil", 0.4)
        shapes[vowel] = performance.lips(phonemes, n)[n // 2]
    assert shapes["aa"][0] > 0.8 > 0.4 > shapes["iy"][0]
    assert shapes["iy"][1] > 0.7 and shapes["uw"][1] < -0.6
    assert shapes["uw"][2] > 0.9 > 0.1 > shapes["iy"][2]


def test_lips_round_before_a_round_vowel_is_heard():
    phonemes, n = spoken("sil", 0.4, "iy", 0.3, "t", 0.08, "uw", 0.4)
    after, _ = spoken("sil", 0.4, "iy", 0.3, "t", 0.08, "iy", 0.4)
    t = round(0.74 * FPS)  # inside the t, whose own lips do not care
    rounding = performance.lips(phonemes, n)[t, 2] - performance.lips(after, n)[t, 2]
    assert rounding > 0.3


def test_an_accent_opens_wider():
    plain, n = spoken("sil", 0.3, "eh", 0.2, "sil", 0.3)
    accented = [p._replace(stress=1.0) if p.name == "eh" else p for p in plain]
    assert performance.lips(accented, n)[:, 0].max() > 1.1 * performance.lips(plain, n)[:, 0].max()


def test_units_stay_in_range_and_are_read_back_from_motion(performances):
    for _, motion, units in performances:
        assert (units >= LOW).all() and (units <= HIGH).all()
        # float32 products of 63 terms
        np.testing.assert_allclose(units_from_expression(motion[:, EXPRESSION]), units, atol=1e-4)


def test_heads_move_as_much_as_heads_do(performances):
    motion = np.stack([m for _, m, _ in performances])
    pitch, yaw, roll = motion_metrics.within_clip_std(motion)
    assert 1.0 < pitch < 2.0 and 1.5 < yaw < 3.0 and 0.8 < roll < 1.8
    base = motion.mean(1)
    assert 3 < base[:, YAW].std() < 9 and 2 < base[:, PITCH].std() < 6
    assert 0.68 < base[:, 63].mean() < 0.76
    assert np.abs(motion[..., TRANSLATION.stop - 1]).max() == 0


def test_head_motion_is_band_limited(performances):
    angles = np.stack([m[:, PITCH : ROLL + 1] for _, m, _ in performances])
    angles = (angles - angles.mean(1, keepdims=True)) * np.hanning(200)[:, None]
    power = (np.abs(np.fft.rfft(angles, axis=1)) ** 2).mean((0, 2))
    hz = np.fft.rfftfreq(200, 1 / FPS)
    assert power[hz > 4].sum() < 0.002 * power.sum()


def test_roll_leans_with_yaw(performances):
    together = [lip_metrics.correlation(m[:, ROLL], m[:, YAW]) for _, m, _ in performances]
    assert 0.2 < np.mean(together) < 0.9  # partly: not one from the other


def test_nods_follow_accents(performances):
    nods = []
    for phonemes, motion, _ in performances:
        pitch = motion[:, PITCH]
        for p in phonemes:
            at = round((p.start + p.end) / 2 * FPS)
            if p.stress > 0.8 and 8 <= at < 192:
                nods.append(pitch[at] - 0.5 * (pitch[at - 8] + pitch[at + 8]))
    assert np.mean(nods) > 0.4  # degrees, chin down


def test_people_blink_now_and_then(performances):
    blinks = 0
    for _, _, units in performances:
        shut = units[:, UNIT["lid_l"]] > 0.6
        blinks += int(np.sum(shut[1:] & ~shut[:-1]))
    per_minute = blinks / (30 * 8 / 60)
    assert 12 < per_minute < 45


def emotional(index, intensity, seed=0, who=None):
    rng = np.random.default_rng(seed)
    phonemes = babble(np.random.default_rng(5), 6.0)
    asked = np.eye(8)[index]
    return performance.perform(rng, phonemes, 150, asked, intensity, who)[1]


def test_every_emotion_is_recognised_in_different_people():
    right = [
        motion_metrics.nearest_emotion(motion_metrics.emotion_offset(emotional(e, 1.0, s)), 1.0)
        == e
        for e in range(len(EMOTIONS))
        for s in range(6)
    ]
    assert np.mean(right) >= 0.95


def test_emotion_grows_with_intensity():
    for index in range(1, len(EMOTIONS)):
        amplitudes = [
            motion_metrics.emotion_amplitude(
                motion_metrics.emotion_offset(emotional(index, i)), index
            )
            for i in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
        assert motion_metrics.rises_monotonically(amplitudes)


def test_people_show_an_emotion_differently():
    happy = [
        motion_metrics.emotion_offset(emotional(EMOTIONS.index("happy"), 1.0, seed=s))
        for s in range(8)
    ]
    assert np.std(happy, 0).max() > 0.08


def test_part_of_the_difference_is_in_the_face():
    one, other = emotion.face(9, 0), emotion.face(9, 1)
    same_person = emotional(5, 1.0, who=one)
    assert np.array_equal(same_person, emotional(5, 1.0, who=one.copy()))
    assert np.abs(same_person - emotional(5, 1.0, who=other)).mean() > 0.01


def test_emotion_swells_and_starts_softly():
    track = np.zeros((100, 8), np.float32)
    track[50:, 5] = 1
    eased = emotion.ease(track, 0.4)
    assert eased[:50].max() == 0 and 0.95 < eased[-1, 5] <= 1.0 + 1e-6
    assert np.diff(eased[:, 5]).max() < 0.2 and np.diff(eased[:, 5]).min() > -1e-6
    units = emotional(5, 1.0)[:, UNIT["smile"]]
    assert units[25:].std() > 0.02


def test_lips_still_close_for_bilabials_when_surprised():
    phonemes, n = spoken("sil", 0.3, "aa", 0.2, "m", 0.12, "aa", 0.2, "sil", 0.3)
    asked = np.eye(8)[EMOTIONS.index("surprised")]
    units = performance.perform(np.random.default_rng(0), phonemes, n, asked)[1]
    assert units[round(0.56 * FPS), CLOSE] > 0.9


def test_a_clip_is_repeatable_and_another_index_is_another_clip():
    kw = dict(seconds=2, voice="formant", emotional=True, features=lambda a: a[::640, None])
    first, again, other = clips.clip(4, 2, **kw), clips.clip(4, 2, **kw), clips.clip(4, 3, **kw)
    for name in ("audio", "motion", "units", "identity", "emotion", "features"):
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    assert first["motion"].shape == (50, 70) and first["features"].shape == (50, 1)
    assert first["emotion"][:, 2].max() > 0.2  # index 2: the third of the eight


def test_a_calm_clip_has_no_emotion_asked():
    assert not clips.clip(4, 2, seconds=1, voice="formant")["emotion"].any()


def test_tracks_ask_for_the_named_emotion_and_stay_in_range():
    for seed in range(60):
        track = emotion.sample_track(np.random.default_rng(seed), 100, seed % 8)
        assert track.min() >= 0 and track.sum(1).max() <= 1 + 1e-6
    constant = emotion.sample_track(np.random.default_rng(0), 100, 3, varied=False)
    assert np.ptp(constant, axis=0).max() == 0 and (constant > 0).any(0).sum() == 1
