"""The pipeline on random weights of a tiny size."""

from fractions import Fraction

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference import generators, motion_generator
from playmate_jax.inference.motion_files import read_motion
from playmate_jax.media import open_video, read_audio
from playmate_jax.motion.continuity import starting_from
from playmate_jax.motion.layout import ANGLES, EXPRESSION, POSE


def test_frames_are_as_many_as_the_speech_is_long(animator, portrait_pixels, speech_samples):
    """640 samples a frame at 16 kHz and 25 fps; a started frame counts."""
    animation = animator.animate(portrait_pixels, speech_samples)
    frames = list(animation)
    assert len(animation) == len(frames) == 10
    assert {f.shape for f in frames} == {(96, 96, 3)} and frames[0].dtype == np.uint8
    assert len(animator.animate(portrait_pixels, speech_samples[:5761])) == 10


def test_the_image_outside_the_crop_is_untouched(animator, portrait_pixels, speech_samples):
    wide = np.pad(portrait_pixels, ((0, 0), (150, 150), (0, 0)), constant_values=77)
    animation = animator.animate(wide, speech_samples[:1280])
    left, _, right, _ = animation.facts["face_box"]
    assert left > 30 and right < 366
    for frame in animation:
        np.testing.assert_array_equal(frame[:, :left], wide[:, :left])
        np.testing.assert_array_equal(frame[:, right:], wide[:, right:])


def test_the_same_seed_gives_the_same_frames(animator, portrait_pixels, speech_samples):
    one, two, other = (
        animator.animate(portrait_pixels, speech_samples, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.motion, two.motion)
    np.testing.assert_array_equal(np.stack(list(one)), np.stack(list(two)))
    assert np.abs(one.motion - other.motion).max() > 1e-4


def test_a_batch_that_is_not_full_changes_nothing(animator, portrait_pixels, speech_samples):
    """10 frames in batches of 4: the last two frames equal those drawn in a batch of their own."""
    animation = animator.animate(portrait_pixels, speech_samples)
    whole = np.stack(list(animation))
    animation.motion = animation.motion[8:]
    np.testing.assert_array_equal(np.stack(list(animation)), whole[8:])


def test_zero_head_motion_keeps_the_portraits_pose(animator, portrait_pixels, speech_samples):
    animation = animator.animate(portrait_pixels, speech_samples, head_motion=0.0)
    own = animation.source_face.motion[POSE]
    np.testing.assert_allclose(animation.motion[:, POSE], np.tile(own, (10, 1)), atol=1e-5)


def test_driving_turns_the_head_and_leaves_the_lips(
    animator, portrait_pixels, speech_samples, tmp_path
):
    free = animator.animate(portrait_pixels, speech_samples)
    free.save_motion(tmp_path / "m.npz")
    driven = animator.animate(
        portrait_pixels, speech_samples, driving=tmp_path / "m.npz", pose="absolute", seed=9
    )
    same = animator.animate(portrait_pixels, speech_samples, seed=9)
    np.testing.assert_array_equal(driven.motion[:, EXPRESSION], same.motion[:, EXPRESSION])
    np.testing.assert_allclose(driven.motion[:, ANGLES], free.motion[:, ANGLES], atol=1e-3)
    assert np.abs(same.motion[:, ANGLES] - free.motion[:, ANGLES]).max() > 2e-3


def test_a_video_and_a_image_drive(animator, portrait_pixels, speech_samples, tmp_path):
    from PIL import Image

    animation = animator.animate(portrait_pixels, speech_samples)
    animation.write(tmp_path / "head.mp4")
    Image.fromarray(portrait_pixels).save(tmp_path / "head.png")
    moving = animator.animate(portrait_pixels, speech_samples, driving=tmp_path / "head.mp4")
    still = animator.animate(portrait_pixels, speech_samples, driving=tmp_path / "head.png")
    # relative: the first frame keeps the portrait's own pose
    np.testing.assert_allclose(moving.motion[0, POSE], moving.source_face.motion[POSE], atol=1e-3)
    assert np.ptp(still.motion[:, POSE], axis=0).max() == 0
    assert moving.facts["pose"] == "relative" and still.facts["pose"] == "absolute"


def test_the_file_has_the_frames_and_the_sound(animator, inputs):
    animation = animator.animate(inputs / "portrait.png", inputs / "speech.wav")
    path = animation.write(inputs / "out.mp4")
    video = open_video(path)
    assert video.fps == Fraction(25) and len(list(video)) == 10 and video.size == (96, 96)
    assert len(read_audio(path)) == pytest.approx(6400, abs=640)
    with pytest.raises(UserError, match="exists"):
        animation.write(path)


def test_saved_motion_is_what_was_drawn(animator, inputs):
    animation = animator.animate(inputs / "portrait.png", inputs / "speech.wav", emotion="happy")
    animation.save_motion(inputs / "m.npz")
    np.testing.assert_allclose(read_motion(inputs / "m.npz").motion, animation.motion, atol=1e-3)


def test_uncropped_and_unpasted_give_the_drawn_face(animator, portrait_pixels, speech_samples):
    side = animator.renderer.output_size
    for options in ({"crop": False}, {"paste": False}):
        animation = animator.animate(portrait_pixels, speech_samples[:640], **options)
        assert animation.size == (side, side)
        assert next(iter(animation)).shape == (side, side, 3)


def test_samples_that_are_no_numbers_are_refused(animator, portrait_pixels, speech_samples):
    broken = speech_samples.copy()
    broken[7] = np.nan
    with pytest.raises(UserError, match="finite"):
        animator.animate(portrait_pixels, broken)


def test_another_generator_plugs_in_by_its_kind(
    animator, tiny_weights, portrait_pixels, speech_samples, tmp_path, monkeypatch
):
    """The pipeline knows generators only through the table and the protocol."""
    from playmate_jax.hub.weights import save_weights

    class Still:
        def __init__(self, config, params, card, directory):
            self.offset = config["offset"]

        def with_defaults(self, request):
            return request.with_defaults(sampler="none")

        def __call__(self, audio, request, progress):
            return np.repeat(request.own[None] + self.offset, -(-len(audio) // 640), 0)

    assert issubclass(Still, motion_generator.MotionGenerator)
    monkeypatch.setitem(generators.LOADERS, "still", Still)
    config = {"kind": "still", "offset": 0.25}
    save_weights(tmp_path / "g", config, {"a": np.zeros(1)}, {"name": "still"})
    other, card = generators.load_generator(tmp_path / "g")
    assert card["name"] == "still"
    monkeypatch.setattr(animator, "generator", other)
    animation = animator.animate(portrait_pixels, speech_samples)
    own = animation.source_face.motion
    wanted = starting_from(own, np.repeat(own[None] + 0.25, len(animation.motion), 0))
    np.testing.assert_allclose(animation.motion, wanted, atol=1e-6)
    np.testing.assert_allclose((animation.motion - own)[:, EXPRESSION], 0.25, atol=1e-6)
    assert animation.facts["sampler"] == "none" and animation.facts["audio_scale"] is None
