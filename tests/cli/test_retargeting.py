"""Eyes and lips open as far as the driving face's, on random weights of a tiny size."""

import numpy as np
import pytest
from PIL import Image

from playmate_jax.errors import UserError
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.inference.motion_files import MotionClip, write_motion
from playmate_jax.motion.layout import EYE_KEYPOINTS


def test_retargeting_opens_eyes_by_offsets_instead_of_expression(
    retargeter, portrait_pixels, driving, clip
):
    free = retargeter.reenact(portrait_pixels, driving)
    eyes = retargeter.reenact(portrait_pixels, driving, retarget="eyes")
    own = eyes.source_face.motion
    numbers = [3 * k + i for k in EYE_KEYPOINTS for i in range(3)]
    np.testing.assert_array_equal(eyes.motion[:, numbers], np.tile(own[numbers], (12, 1)))
    assert (free.motion[:, numbers] != own[numbers]).any()
    kept = np.delete(np.arange(70), numbers)
    np.testing.assert_array_equal(eyes.motion[:, kept], free.motion[:, kept])
    assert any((a != b).any() for a, b in zip(free, eyes, strict=True))


def moved(renderer, source_face, openness):
    """Offsets of the keypoints as `draw` computes them, batch by batch."""
    motion = np.zeros((len(openness.wanted), 70), np.float32)
    batches = renderer._batches(motion, openness)
    return np.concatenate(
        [np.asarray(renderer._moved(source_face.keypoints, given))[:n] for _, n, given in batches]
    )


def test_offsets_are_the_networks_of_the_portrait_and_both_openings(retargeter, portrait_pixels):
    """Delta_eyes(x_s, c_s, c_d) + Delta_lips(x_s, c_s, c_d), each by its own MLP."""
    renderer = retargeter.renderer
    source_face = renderer.encode_source(
        np.asarray(Image.fromarray(portrait_pixels).resize((64, 64)))
    )
    own = np.array([0.3, 0.2, 0.1], np.float32)
    wanted = np.random.default_rng(0).uniform(0, 0.5, (6, 2)).astype(np.float32)
    both = moved(renderer, source_face, Openness(own, wanted))
    assert both.shape == (6, 21, 3)
    for t in range(6):
        expected = np.zeros((21, 3))
        for name, c_s, c_d in (("eyes", own[:2], wanted[t, 0]), ("lips", own[2:], wanted[t, 1])):
            x = np.concatenate([np.asarray(source_face.keypoints).reshape(-1), c_s, [c_d]])
            layers = renderer._params[name]["params"]
            for i in range(len(layers)):
                x = x @ np.asarray(layers[f"layer_{i}"]["kernel"])
                x = np.maximum(x, 0) if i < len(layers) - 1 else x
            expected += x.reshape(21, 3)
        np.testing.assert_allclose(both[t], expected, atol=1e-5)
    none = Openness(own, np.full((6, 2), np.nan, np.float32))
    assert not moved(renderer, source_face, none).any()


def openness_given_to(method, monkeypatch):
    """A list that grows by what each call of a drawing method is told of openness."""
    asked, draw = [], getattr(FaceRenderer, method)

    def record(self, faces, motion, openness=None):
        asked.append(openness)
        return draw(self, faces, motion, openness)

    monkeypatch.setattr(FaceRenderer, method, record)
    return asked


def test_an_open_mouth_is_shut_before_relative_motion(
    retargeter, portrait_pixels, driving, monkeypatch
):
    asked = openness_given_to("draw", monkeypatch)
    list(retargeter.reenact(portrait_pixels, driving))
    assert asked == [None]  # the mouth that the face finder of these tests sees is shut
    detect = retargeter.landmarker.detect

    def gaping(image):
        faces = detect(image)
        for face in faces:
            face.landmarks[14, 1] += 0.1 * 96
        return faces

    monkeypatch.setattr(retargeter.landmarker, "detect", gaping)
    list(retargeter.reenact(portrait_pixels, driving))
    own, wanted = asked[1]
    assert own[2] > 0.03 and np.isnan(wanted[:, 0]).all() and not wanted[:, 1].any()
    for options in ({"pose": "absolute"}, {"region": "pose"}, {"region": "eyes"}):
        list(retargeter.reenact(portrait_pixels, driving, **options))
    assert asked[2:] == [None, None, None]


def test_a_source_video_is_retargeted_frame_by_frame(
    retargeter, source_video, driving, clip, monkeypatch
):
    """Each frame's own keypoints and openness go into the networks."""
    asked = openness_given_to("draw_each", monkeypatch)
    free = list(retargeter.reenact(source_video, driving))
    both = retargeter.reenact(source_video, driving, retarget="both")
    frames = list(both)
    own, wanted = asked[1]
    assert own.shape == (8, 3)
    np.testing.assert_allclose(wanted[:, 0], clip.openness[:8, :2].mean(-1), atol=1e-5)
    np.testing.assert_allclose(wanted[:, 1], clip.openness[:8, 2], atol=1e-5)
    assert len(frames) == 8 and any((a != b).any() for a, b in zip(free, frames, strict=True))


def test_a_driving_file_without_openings_cannot_retarget(
    retargeter, portrait_pixels, clip, tmp_path
):
    write_motion(tmp_path / "m.npz", MotionClip(clip.motion, 25.0))
    with pytest.raises(UserError, match="openness of eyes and lips"):
        retargeter.reenact(portrait_pixels, tmp_path / "m.npz", retarget="lips")
