"""A video keeps its frame rate; motion comes at 25 frames a second and is resampled to it."""

from fractions import Fraction

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.video_frames import VideoPrefix, steady_rate
from playmate_jax.media import VideoFrame, open_video
from playmate_jax.motion.layout import LIP_KEYPOINTS
from playmate_jax.motion.timing import resample

NTSC = Fraction(30000, 1001)
LIPS = [3 * k + i for k in LIP_KEYPOINTS for i in range(3)]


def shifted(portrait, count):
    return [np.roll(portrait, t % 5, 1) for t in range(count)]


@pytest.mark.parametrize(("fps", "count"), [(60, 24), (50, 20), (30, 12), (NTSC, 12)])
def test_a_dubbed_video_keeps_its_rate(
    animator, write_frames, portrait_pixels, speech_samples, fps, count
):
    """0.4 s of speech: as many frames as the video shows in them, each with the motion of its
    time."""
    path = write_frames(shifted(portrait_pixels, 2 * count), fps)
    animation = animator.animate(path, speech_samples)
    assert len(animation) == count and animation.fps == fps
    out = open_video(animation.write(path.with_name("out.mp4")))
    assert out.fps == fps and len(list(out.frames())) == count
    at_25 = animator.animate(
        write_frames(shifted(portrait_pixels, 10), name="25.mp4"), speech_samples
    )
    times = np.arange(count) / float(fps)
    lips = resample(at_25.motion[:, LIPS], np.arange(10) / 25, times)
    np.testing.assert_allclose(animation.motion[:, LIPS], lips, atol=0.05)


def test_a_rate_that_varies_keeps_its_times(
    animator, write_frames, portrait_pixels, speech_samples
):
    times = [Fraction(t, 60) for t in (0, 1, 2, 4, 5, 7, 8, 10, 12, 13, 14, 16, 17, 19, 20, 22)]
    path = write_frames(shifted(portrait_pixels, len(times)), 40, times_s=times)
    animation = animator.animate(path, speech_samples)
    out = open_video(animation.write(path.with_name("out.mp4")))
    found = [float(frame.time_s) for frame in out.frames()]
    np.testing.assert_allclose(found, [float(time) for time in times], atol=1e-3)
    assert animation.summary()["fps"] == pytest.approx(40, rel=0.1)
    animation.save_motion(path.with_name("m.npz"))


def test_lips_move_in_a_slow_video(animator, write_frames, portrait_pixels, speech_samples):
    """15 frames a second are shown twice each: lips would not be seen to move."""
    path = write_frames(shifted(portrait_pixels, 12), 15)
    animation = animator.animate(path, speech_samples)
    assert animation.fps == 30 and len(animation) == 12
    before = [frame.image for frame in open_video(path).frames()]
    for t, frame in enumerate(animation):
        np.testing.assert_array_equal(frame[0], before[t // 2][0])  # far from the face


def test_a_longer_source_video_is_told_its_length(
    animator, write_frames, portrait_pixels, speech_samples
):
    path = write_frames(shifted(portrait_pixels, 40))
    animation = animator.animate(path, speech_samples)
    assert len(animation) == 10
    assert any("lasts 1.6 s" in notice and "0.4 s" in notice for notice in animation.notices)


def test_a_driving_video_of_another_rate_is_resampled(animator, write_frames, portrait_pixels):
    """Every other of 50 frames a second falls on a frame of 25."""
    shots = [np.roll(portrait_pixels, t // 4, 1) for t in range(24)]
    fast = animator.reenact(portrait_pixels, write_frames(shots, 50, "fast.mp4"))
    slow = animator.reenact(portrait_pixels, write_frames(shots[::2], 25, "slow.mp4"))
    assert len(fast) == len(slow) == 12
    np.testing.assert_allclose(fast.motion, slow.motion, atol=0.05)


def test_rounded_times_of_a_constant_rate_are_steady():
    rounded = [Fraction(round(t * 1001 / 30), 1000) for t in range(500)]
    assert steady_rate(rounded, Fraction(30000, 1001)) == Fraction(30000, 1001)
    dropped = [Fraction(t, 30) for t in range(20) if t != 7]
    assert steady_rate(dropped, Fraction(30)) is None
    twice = [Fraction(t, 30) for t in range(20)]
    assert steady_rate(twice, Fraction(15)) == 30


def test_a_jump_in_time_of_hours_is_refused(monkeypatch, write_frames):
    path = write_frames([np.zeros((32, 32, 3), np.uint8)] * 3)
    shown = [VideoFrame(np.zeros(0), Fraction(t)) for t in (0, 36_000)]
    monkeypatch.setattr(VideoPrefix.__mro__[1], "frames", lambda self: iter(shown))
    with pytest.raises(UserError, match="nothing between 0.0 s and 36000.0 s"):
        list(VideoPrefix(path).frames())


def test_a_frame_that_stands_for_a_second_is_shown_25_times(monkeypatch, write_frames):
    path = write_frames([np.zeros((32, 32, 3), np.uint8)] * 3)
    shown = [VideoFrame(np.zeros(0), Fraction(t)) for t in (0, 1)]
    monkeypatch.setattr(VideoPrefix.__mro__[1], "frames", lambda self: iter(shown))
    times = [frame.time_s for frame in VideoPrefix(path, lively=True).frames()]
    assert times == [Fraction(t, 25) for t in range(25)] + [Fraction(1)]
