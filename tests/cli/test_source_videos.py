"""Source videos speak and make faces, on random weights of a tiny size."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.reenactment import reenact
from playmate_jax.media import open_video


def test_speech_dubs_the_lips_of_a_video(animator, source_video, speech_samples):
    """The video ends before the speech: 8 frames of 10, and only the lips differ from it."""
    animation = animator.animate(source_video, speech_samples)
    assert len(animation) == 8 and animation.size == (96, 96)
    assert any("ends after 0.3 s" in notice for notice in animation.notices)
    own = animator.reenact(source_video, source_video, gain=0.0).motion
    assert set(np.flatnonzero((animation.motion != own).any(0))) <= set(
        np.flatnonzero(np.isin(np.arange(63) // 3, (6, 12, 14, 17, 19, 20)))
    )
    assert (animation.motion != own).any()
    frames = list(animation)
    video = list(open_video(source_video).frames_at(25))
    assert len(frames) == 8
    for frame, before in zip(frames, video, strict=True):
        np.testing.assert_array_equal(frame[0], before[0])  # far from the face: the video's own
        assert (frame != before).any()
    assert len(list(animator.animate(source_video, speech_samples[:1280]))) == 2


def test_a_video_makes_the_face_of_a_template(animator, source_video, driving, clip):
    animation = animator.reenact(source_video, driving)
    assert len(animation) == 8 and len(list(animation)) == 8
    assert animation.sound is not None  # its own: a template has none
    own = animator.reenact(source_video, driving, gain=0.0).motion
    np.testing.assert_allclose(animation.motion, reenact(clip.motion[:8], own), atol=1e-3)


def test_a_video_held_in_a_queue_of_three_batches(animator, source_video, monkeypatch):
    """What waits to be pasted back does not grow with the video: a batch that is pasted, one that
    is ready and one that is drawn."""
    from playmate_jax.inference import source_video as module

    lengths = []

    class Watched(module.deque):
        def append(self, item):
            super().append(item)
            lengths.append(len(self))

    monkeypatch.setattr(module, "deque", Watched)
    list(animator.reenact(source_video, source_video))
    assert lengths and max(lengths) <= 3 * animator.renderer.batch


def test_a_source_video_keeps_its_own_head(animator, source_video, speech_samples, driving):
    with pytest.raises(UserError, match="keeps its own head"):
        animator.animate(source_video, speech_samples, driving=driving)
