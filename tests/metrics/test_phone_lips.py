"""Lips by phones: each measure on a made alignment whose answer is computed by hand."""

import json

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_parts
from playmate_jax.media.wav import write_wav
from playmate_jax.metrics import phone_lips
from playmate_jax.metrics.lips import CLOSE, JAW, ROUND, WIDE
from playmate_jax.metrics.phone_alignment import Phone
from playmate_jax.metrics.phone_lips import (
    Spoken,
    far_from_closures,
    folder_figures,
    intervals,
    measures,
    mouth_by_loudness,
    phone_groups,
)

FRAMES = 50  # two seconds
# At 25 fps: SIL 0-9, M 10-11, AA 12-19, S 20-24, B 25-26, UW 27-34, T 35-44, P 45-46
SAID = [
    Phone("SIL", 0.0, 0.4),
    Phone("M", 0.4, 0.48),
    Phone("AA", 0.48, 0.8),
    Phone("S", 0.8, 1.0),
    Phone("B", 1.0, 1.08),
    Phone("UW", 1.08, 1.4),
    Phone("T", 1.4, 1.8),
    Phone("P", 1.8, 1.88),
]


def still(draws=1):
    return np.zeros((draws, FRAMES, 18))


def figures(units, said=SAID):
    return measures(phone_groups(units, said))


def test_a_closure_counts_one_frame_beside_its_phone_and_not_two():
    units = still()
    units[0, 9, CLOSE] = units[0, 27, CLOSE] = 0.6  # a frame before M, a frame behind B
    units[0, 43, CLOSE] = 0.6  # two frames before P
    assert figures(units)["closures"] == pytest.approx(2 / 3)


def test_closures_are_a_mean_over_draws():
    units = still(draws=2)
    units[1, 10, CLOSE] = 0.6
    assert figures(units)["closures"] == pytest.approx(1 / 6)
    units[1, 10, CLOSE] = 0.5  # has to be passed
    assert figures(units)["closures"] == 0


def test_frames_beside_closing_phones_and_pauses_are_no_false_closures():
    far = np.flatnonzero(far_from_closures(SAID, FRAMES))
    assert far.tolist() == [*range(14, 23), *range(29, 43), 49]
    fricative = [Phone("F", 1.2, 1.28)]  # frames 30 and 31
    assert np.flatnonzero(~far_from_closures(fricative, FRAMES)).tolist() == [*range(28, 34)]


def test_false_closures_are_a_share_of_far_frames():
    units = still()
    units[0, 12:20, CLOSE] = 0.9  # six of these are two frames away from M
    assert figures(units)["false_closures"] == pytest.approx(6 / 24)
    assert figures(np.ones_like(units))["false_closures"] == 1


def test_the_jaw_separates_open_vowels_from_shut_phones():
    said = [Phone(name, 0.2 * i, 0.2 * i + 0.2) for i, name in enumerate(("AA", "AO", "S", "T"))]
    units = still()
    units[0, [2, 7, 12, 17], JAW] = 0.8, 0.3, 0.3, 0.1  # the middles
    # of the pairs 0.8-0.3, 0.8-0.1, 0.3-0.3, 0.3-0.1 three are right and one is a tie
    assert figures(units, said)["jaw_separation"] == pytest.approx(3.5 / 4)


def test_rounding_separates_rounded_phones_from_spread_ones():
    said = [Phone(name, 0.2 * i, 0.2 * i + 0.2) for i, name in enumerate(("UW", "W", "IY"))]
    units = still()
    units[0, 2, ROUND], units[0, 7, WIDE], units[0, 12, WIDE] = 0.5, 0.9, 0.4
    # round minus wide is 0.5 and -0.9 against -0.4
    assert figures(units, said)["rounding_separation"] == pytest.approx(1 / 2)


def test_lips_in_silence_are_shut_and_still():
    units = still()
    units[0, 3:, JAW] = 0.3  # silent frames without the margin: 0-6; still in all but the 4th
    scores = figures(units)
    assert scores["silence_still"] == pytest.approx(6 / 7)
    assert scores["silence_shut"] == pytest.approx(3 / 7)


def test_what_a_recording_lacks_is_not_measured():
    scores = figures(still(), [Phone("K", 0.0, 2.0)])
    assert scores.pop("false_closures") == 0
    assert np.isnan(list(scores.values())).all()


def test_phones_behind_the_last_frame_are_left_out():
    groups = phone_groups(still(), [Phone("B", 2.0, 2.1), Phone("AA", 1.9, 2.4)])
    assert groups["closures"].shape == (1, 0) and groups["open"].shape == (1, 1)


def noise_in_the_second_half():
    sound = np.random.default_rng(0).standard_normal(FRAMES * 640) * 0.1
    sound[: FRAMES * 320] *= 1e-3
    return sound.astype(np.float32)


def test_the_mouth_by_loudness_opens_in_loud_frames_and_shuts_in_quiet_ones():
    units = mouth_by_loudness(noise_in_the_second_half(), FRAMES)
    assert units[0, 1:24, CLOSE].all()  # the first is beside the last in the filter
    assert not units[0, 26:, CLOSE].any()
    assert units[0, 26:, JAW].min() > 0.7 and not units[..., ROUND].any()


def test_pooling_weighs_phones_and_the_interval_holds_the_mean():
    silent = noise_in_the_second_half()
    one = Spoken("one", silent, SAID, True)
    other = Spoken("other", silent, SAID[-1:], False)
    shut, units = still(), still()
    shut[..., CLOSE] = 1
    found = folder_figures([one, other], [units, shut])
    assert found["recordings"]["one"]["closures"] == 0
    assert found["recordings"]["other"]["closures"] == 1
    assert found["recordings"]["other"]["phones_from"] == "decoded without transcript"
    assert found["pooled"]["closures"] == pytest.approx(1 / 4) and found["pooled"]["bilabials"] == 4
    low, high = found["interval"]["closures"]
    assert 0 <= low < 1 / 4 < high <= 1 and found["interval_over"] == "phones"


def test_recordings_that_agree_have_a_narrow_interval_and_others_a_wide_one():
    def part(hits, misses):
        units = np.zeros((1, FRAMES, 18))
        units[0, :hits, CLOSE] = 1
        said = [Phone("B", 0.04 * i, 0.04 * i + 0.04) for i in (*range(hits), *[40] * misses)]
        return phone_groups(units, said)

    low, high = intervals([part(3, 3)] * 6)["closures"]
    assert low == high == 0.5
    low, high = intervals([part(6, 0)] * 3 + [part(0, 6)] * 3)["closures"]
    assert low < 0.2 and high > 0.8


def test_the_command_measures_a_folder_and_writes_its_figures(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "speech"
    folder.mkdir()
    write_wav(folder / "a.wav", noise_in_the_second_half())
    write_wav(folder / "b.wav", noise_in_the_second_half())
    (folder / "transcription").write_text("<s> words </s> (a)\n")
    monkeypatch.setattr(phone_lips, "align", lambda audio, words: SAID)
    monkeypatch.setattr(phone_lips, "decode_phones", lambda audio: SAID[:3])
    monkeypatch.setattr(phone_lips, "drawn_units", lambda m, audio, o, draws: still(draws))
    out = tmp_path / "figures.json"
    weights = find_parts("demo")["generator"]
    phone_lips.main([str(weights), str(folder), "--draws", "2", "--json", str(out)])
    found = json.loads(out.read_text())["phone_lips"]["speech"]
    assert found["recordings"]["a.wav"]["phones_from"] == "transcript"
    assert found["recordings"]["b.wav"]["phones_from"] == "decoded without transcript"
    assert found["pooled"]["bilabials"] == 4 and found["pooled"]["closures"] == 0
    assert found["by_loudness"]["rounding_separation"] == 0.5
    assert "by_loudness" in capsys.readouterr().out


def test_a_transcript_without_its_recording_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", noise_in_the_second_half())
    (tmp_path / "transcription").write_text("<s> words </s> (b)\n")
    with pytest.raises(UserError, match="found none for b"):
        phone_lips.read_folder(tmp_path)


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(UserError, match="folder of recordings"):
        phone_lips.read_folder(tmp_path)
