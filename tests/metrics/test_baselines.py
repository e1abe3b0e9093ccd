"""The trivial baselines: a still image, and lips that know nothing but the level of the speech."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics.videos import baseline
from playmate_jax.metrics.videos.baseline import Lips, by_loudness, write_loudness
from playmate_jax.metrics.videos.evaluation import Evaluation
from playmate_jax.metrics.videos.protocol import PROTOCOLS, Protocol
from playmate_jax.metrics.videos.request import Request
from playmate_jax.metrics.videos.video import Video
from tests.metrics.made_up_videos import PatchFaces, frames_of, opening_and_sound, write_clip


def patch_lips(portrait):
    """Draws the patch that the landmarker takes for the opening of the lips, into one image."""
    image = portrait.copy()

    def drawn(amount):
        image[48:56, 8:16] = round(255 * amount)
        return image

    return drawn


LIPS = Lips("patches", patch_lips)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "tiny", Protocol(size=64, every=20))


@pytest.fixture
def clips(tmp_path):
    said, sound = opening_and_sound()
    write_clip(tmp_path / "real" / "one.mp4", frames_of(said), sound)
    write_clip(tmp_path / "made" / "one.mp4", frames_of(said), sound)
    write_clip(tmp_path / "real" / "mute.mp4", frames_of(said))
    write_clip(tmp_path / "made" / "mute.mp4", frames_of(said))
    return tmp_path


def test_lips_are_shut_in_pauses_and_widest_where_speech_is_loudest():
    said, sound = opening_and_sound()
    amounts = by_loudness(sound, len(said))
    assert amounts.shape == said.shape and 0 <= amounts.min() and amounts.max() <= 1
    assert not amounts[2:8].any() and not amounts[32:40].any()  # pauses, without their ends
    assert np.corrcoef(amounts, said)[0, 1] > 0.7
    assert amounts[amounts > 0].min() >= baseline.LOUD


def test_both_baselines_are_systems_of_their_own_and_the_loud_one_follows_the_speech(clips):
    request = Request(
        [str(clips / "made")], clips / "real", clips / "out", ["jaw", "landmarks", "silence"],
        "tiny", baseline=True, loudness=LIPS,
    )  # fmt: skip
    found = Evaluation(request).run(PatchFaces())
    still, loud = (found["systems"][name] for name in ("first frame", LIPS.system))
    assert LIPS.system == "mouth by loudness (patches)"
    # a still image has the noise of its coding alone
    assert loud["scores"]["jaw_sync"]["value"] > 0.5 + still["scores"]["jaw_sync"]["value"]
    assert loud["scores"]["mouth_distance"]["value"] > 0
    assert loud["clips"] == 1 and still["clips"] == 2
    faults = [fault for fault in found["faults"] if fault["system"] == LIPS.system]
    assert [fault["clip"] for fault in faults] == ["mute"] and "with sound" in faults[0]["sentence"]


def test_a_video_that_is_there_is_not_drawn_again(clips):
    reference = Video(clips / "real" / "one.mp4", PROTOCOLS["tiny"])
    path = write_loudness(reference, clips / "loud" / "one.mp4", LIPS)

    def never(portrait):
        raise AssertionError("drawn again")

    assert write_loudness(reference, path, Lips("other", never)) == path
    frames = np.stack(list(Video(path, PROTOCOLS["tiny"]).frames()))
    assert len(frames) == len(list(reference.frames()))
    levels = frames[:, 50:54, 10:14].mean((1, 2, 3))
    assert np.ptp(levels) > 100  # frames of their own, though one image is drawn into


def test_a_system_of_the_same_name_is_refused(clips):
    given = [f"{LIPS.system}={clips / 'made'}"]
    request = Request(given, clips / "real", clips / "out", ["psnr"], "tiny", loudness=LIPS)
    with pytest.raises(UserError, match="expected no system 'mouth by loudness .patches.'"):
        Evaluation(request)
