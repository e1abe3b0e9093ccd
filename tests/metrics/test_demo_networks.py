"""The demo world's own networks: what is measured of them, and that their numbers stand apart."""

import json

import numpy as np
import pytest

from playmate_jax.data.speaking_people import SpeakingPeople
from playmate_jax.hub.bundles import METRICS, size_of
from playmate_jax.metrics.demo_networks import emotion_figures, sync_figures
from playmate_jax.metrics.sync import DEMO, SyncScore
from playmate_jax.metrics.videos import report
from playmate_jax.metrics.videos.evaluation import Evaluation
from playmate_jax.metrics.videos.request import Request
from playmate_jax.metrics.videos.scores import DEMO as NAMES
from playmate_jax.metrics.videos.scores import TABLE_1, find_metrics
from playmate_jax.models.small.emotion_classifier import KIND
from playmate_jax.motion.layout import Emotion
from tests.metrics.made_up_videos import PatchFaces, frames_of, opening_and_sound, write_clip


class SameEmbeddings(SyncScore):
    """A score for which lips and speech of one time are the same numbers."""

    def __init__(self):
        pass

    def embed(self, frames, audio):
        found = np.random.default_rng(int(audio[0])).normal(size=(40, 8))
        return found, found


def test_a_perfect_network_finds_every_shift_and_its_score_falls():
    audio = np.arange(3, dtype=np.int16)[:, None]
    nothing = np.zeros((3, 1, 1, 1, 3), np.uint8)
    people = SpeakingPeople(nothing, nothing, audio, np.zeros(3, np.int32))
    found = sync_figures(SameEmbeddings(), people)
    assert found["found"] == found["found_within_1"] == 1 and found["clips"] == 3
    assert len(found["at_rest"]) == 16
    assert found["at_rest"][0] > 2 > 0.5 > max(found["at_rest"][1:])


def test_accuracies_by_hand():
    """Two clips of two frames: one right twice, one right once, though wrong on average."""
    logits = np.zeros((2, 2, 8))
    logits[0, :, 3] = 1
    logits[1, 0, 5], logits[1, 1, 2] = 1, 3
    found = emotion_figures(logits, np.array([3, 5]))
    assert found["frames_right"] == 0.75 and found["clips_right"] == 0.5
    assert found["by_emotion"] == {"contempt": 1.0, "happy": 0.5}


def test_the_shipped_networks_are_small_and_say_what_they_are():
    assert size_of(METRICS) < 1.5e6
    for kind in (DEMO, KIND):
        card = json.loads((METRICS / kind / "card.json").read_text("utf-8"))
        assert card["domain"] == "drawn" and "synthetic faces alone" in card["title"]
        assert card["measured"]["held_out"]["clips"] >= 40


def test_their_numbers_are_asked_for_by_name_and_stand_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert not set(NAMES) & find_metrics([]).keys()
    said, sound = opening_and_sound()
    for folder in ("real", "made"):
        write_clip(tmp_path / folder / "a.mp4", frames_of(said), sound)
    request = Request(
        [str(tmp_path / "made")], tmp_path / "real", tmp_path / "out", NAMES, "quick",
        labels={"a": Emotion.SAD},
    )  # fmt: skip
    evaluation = Evaluation(request)
    found = evaluation.run(PatchFaces())
    report.write(evaluation, found)
    scores = found["systems"]["made"]["scores"]
    assert scores.keys() == {
        "demo_sync", "demo_offset", "demo_emotion", "demo_emotion_clips",
    }  # fmt: skip
    assert not scores.keys() & set(TABLE_1)
    assert np.isfinite([score["value"] for score in scores.values()]).all()
    assert found["networks"].keys() == {DEMO, KIND}
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "Sync (demo world)" in text and "Table 1" not in text
    assert "by the demo world's network" in text
    assert "by the demo world" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_without_syncnet_a_sentence_says_what_synthetic_faces_can_have(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said, sound = opening_and_sound()
    write_clip(tmp_path / "real" / "a.mp4", frames_of(said), sound)
    folder = tmp_path / "real"
    request = Request([f"copy={folder}"], folder, tmp_path / "out", ["sync", "psnr"])
    assert any("--metrics demo-sync" in sentence for sentence in Evaluation(request).left_out)
    with pytest.raises(Exception, match="did you mean 'demo-sync'"):
        find_metrics(["demo-sinc"])
