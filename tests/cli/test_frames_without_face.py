"""Frames that do not show the face: never a reference, never painted on, and told."""

import json

import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.media import open_video
from playmate_jax.motion.layout import EXPRESSION
from tests.cli.conftest import SeenFaces

BLACK = np.zeros((96, 96, 3), np.uint8)
BARS = np.repeat(np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [20] * 3]), 24, 0)[None].repeat(
    96, 0
)


def talking(portrait, count, first=0):
    """A portrait that shifts to and fro, a pixel a frame."""
    return [np.roll(portrait, (first + t) % 5, 1) for t in range(count)]


@pytest.fixture
def seeing(animator, portrait_pixels, somebody_else):
    """The tiny animator, which sees the two portraits and nothing else."""
    animator.landmarker = SeenFaces(portrait_pixels, somebody_else)
    return animator


def frames_of(path):
    return [frame.image for frame in open_video(path).frames()]


def dubbed(animator, path, seconds=1.0):
    speech = np.random.default_rng(0).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)
    animation = animator.animate(path, speech)
    return animation, list(animation), frames_of(path)


def unchanged(frames, before):
    return [bool((a == b).all()) for a, b in zip(frames, before, strict=True)]


def test_a_cutaway_stays_as_it_is_and_is_told(seeing, write_frames, portrait_pixels):
    shots = [*talking(portrait_pixels, 8), *[BARS] * 8, *talking(portrait_pixels, 8)]
    animation, frames, before = dubbed(seeing, write_frames(shots))
    assert unchanged(frames, before) == [False] * 8 + [True] * 8 + [False] * 8
    assert animation.facts["frames_left_alone"] == 8
    assert animation.facts["left_alone_s"] == [(0.32, 0.64)]
    assert any("8 of 24 frames do not show the face" in notice for notice in animation.notices)


def test_somebody_else_after_a_cut_is_not_dubbed_and_the_first_one_is_again(
    seeing, write_frames, portrait_pixels, somebody_else
):
    shots = [
        *talking(portrait_pixels, 8), *talking(somebody_else, 9), *talking(portrait_pixels, 7)
    ]  # fmt: skip
    animation, frames, before = dubbed(seeing, write_frames(shots))
    assert unchanged(frames, before) == [False] * 8 + [True] * 9 + [False] * 7
    assert animation.facts["frames_left_alone"] == 9


@pytest.mark.parametrize("black", [(0, 7), (17, 24)])
def test_black_at_either_end_stays_black(seeing, write_frames, portrait_pixels, black):
    shots = talking(portrait_pixels, 24)
    shots[slice(*black)] = [BLACK] * 7
    animation, frames, before = dubbed(seeing, write_frames(shots))
    assert unchanged(frames, before) == [black[0] <= t < black[1] for t in range(24)]
    assert np.isfinite(animation.motion).all()


def test_a_hand_before_the_face_fades_the_new_lips_out_and_in(
    seeing, write_frames, portrait_pixels
):
    """No cut hides the gap: next to it the lips are nearly the video's own."""
    hidden = portrait_pixels.copy()
    hidden[40:80, 20:76] = (90, 60, 50)
    shots = [*talking(portrait_pixels, 16), *[hidden] * 4, *talking(portrait_pixels, 16)]
    path = write_frames(shots)
    seeing.landmarker = SeenFaces(portrait_pixels)
    animation, frames, before = dubbed(seeing, path, 1.44)
    assert unchanged(frames, before)[16:20] == [True] * 4
    own = seeing.reenact(path, path, gain=0.0).motion
    apart = np.abs(animation.motion - own)[:, EXPRESSION].max(1)
    assert apart[15] < 0.2 * apart[:8].max() and apart[20] < 0.2 * apart[:8].max()
    assert not apart[16:20].any()


def test_the_face_alone_has_as_many_frames(seeing, write_frames, portrait_pixels, speech_samples):
    path = write_frames([*talking(portrait_pixels, 4), *[BARS] * 3, *talking(portrait_pixels, 3)])
    frames = list(seeing.animate(path, speech_samples, paste=False))
    assert len(frames) == 10
    assert {frame.shape for frame in frames} == {(seeing.renderer.output_size,) * 2 + (3,)}


def test_a_black_beginning_is_no_reference(seeing, write_frames, portrait_pixels):
    """Driven by the same frames after some black, the portrait does the same, and rests before."""
    shots = talking(portrait_pixels, 12)
    plain = seeing.reenact(portrait_pixels, write_frames(shots, name="plain.mp4"))
    late = seeing.reenact(portrait_pixels, write_frames([*[BLACK] * 10, *shots], name="late.mp4"))
    np.testing.assert_allclose(late.motion[10:], plain.motion, atol=2e-2)
    assert np.ptp(late.motion[:11], axis=0).max() == 0
    np.testing.assert_allclose(late.motion[0], late.source_face.motion, atol=1e-3)
    assert late.facts["driving_held_s"] == ((0.0, 0.4),)


def test_a_gap_in_a_driving_video_is_held_and_only_a_long_one_is_told(
    seeing, write_frames, portrait_pixels
):
    for length, told in ((7, False), (14, True)):
        shots = talking(portrait_pixels, 40)
        shots[12 : 12 + length] = [BLACK] * length
        path = write_frames(shots, name=f"{length}.mp4")
        animation = seeing.reenact(portrait_pixels, path)
        motion = animation.motion
        seen = np.delete(motion, np.s_[12 : 12 + length], axis=0)
        most = np.abs(np.diff(seen, axis=0)).max(0)
        assert (np.abs(np.diff(motion, axis=0)).max(0) <= most + 1e-3).all()
        assert any("driving video" in notice for notice in animation.notices) is told
        assert len(animation.facts["driving_held_s"]) == 1


def test_another_driving_person_after_a_cut_does_not_drive(
    seeing, write_frames, portrait_pixels, somebody_else
):
    path = write_frames([*talking(portrait_pixels, 16), *talking(somebody_else, 14)])
    animation = seeing.reenact(portrait_pixels, path)
    assert len(animation) == 30 and np.ptp(animation.motion[15:], axis=0).max() == 0
    assert any("0.64-1.20 s" in notice for notice in animation.notices)


def test_a_driving_video_that_hardly_shows_a_face_is_refused(seeing, write_frames, portrait_pixels):
    path = write_frames([*talking(portrait_pixels, 5), *[BLACK] * 15])
    with pytest.raises(UserError, match="found one in 5 of 20"):
        seeing.reenact(portrait_pixels, path)


def test_the_summary_tells_what_was_left_alone(tiny, inputs, write_frames, portrait_pixels, capsys):
    path = write_frames([*talking(portrait_pixels, 4), *[BARS] * 3, *talking(portrait_pixels, 3)])
    tiny.landmarker = SeenFaces(portrait_pixels)
    command = ["animate", str(path), str(inputs / "speech.wav"), "-o", str(inputs / "o.mp4")]
    assert run([*command, "--quiet"]) == 0
    assert "3 frames without the face left as they are" in capsys.readouterr().out
    assert run([*command, "--overwrite", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames_left_alone"] == 3 and facts["left_alone_s"] == [[0.16, 0.28]]
