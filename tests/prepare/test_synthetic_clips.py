"""Synthetic people as clips: images, motion, sound and labels show the same person and moment."""

import dataclasses
import pickle

import cv2
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.models.log_mel import LogMelConfig
from playmate_jax.motion.layout import ANGLES, EXPRESSION, SCALE, TRANSLATION
from playmate_jax.prepare.crops import jpeg
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.synthetic import SyntheticConfig
from playmate_jax.synthetic.draw import draw_with_truth
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints

CONFIG = SyntheticConfig(seed=3, identities=2, hours=4 / 3600, seconds=1, image_size=64, frames=3)


def clip_of(config, number):
    (clip,) = config.maker()(config.sources().sources[number])
    return clip


def test_images_show_the_motion_of_their_rows_on_the_face_the_clip_tells():
    clip = clip_of(CONFIG, 3)
    seed, person = clip.truth["person"]
    identity = sample_identity(int(seed), int(person))
    np.testing.assert_array_equal(clip.identity, keypoints(identity).ravel())
    motion = clip.motion[clip.rows]
    # The truth of the same images, by the drawing's own numbers.
    pose = np.concatenate([motion[:, 67:70], motion[:, SCALE], motion[:, TRANSLATION][:, :2]], -1)
    truth = draw_with_truth(identity, clip.truth["units"][clip.rows], pose, 64)
    np.testing.assert_allclose(truth["delta"].reshape(-1, 63), motion[:, EXPRESSION], atol=1e-6)
    assert clip.frames == tuple(jpeg(image) for image in truth["image"])
    decoded = [cv2.imdecode(np.frombuffer(f, np.uint8), 1)[..., ::-1] for f in clip.frames]
    assert np.abs(decoded - truth["image"].astype(float)).mean() < 4  # of 255: JPEG at 64 x 64


def test_lengths_and_types_are_those_of_a_clip():
    clip = clip_of(CONFIG, 0)
    assert clip.audio.shape == (16_000,) and clip.audio.dtype == np.int16
    assert clip.motion.shape == (25, 70)
    assert clip.features.shape == (25, CONFIG.speech_size) and clip.features.dtype == np.float16
    assert clip.rows.tolist() == [4, 12, 20]  # the middles of three equal parts of 25
    phonemes = clip.truth["phonemes"]
    np.testing.assert_array_equal(phonemes[1:, 1], phonemes[:-1, 2])  # no gaps
    assert phonemes[-1, 2] == pytest.approx(1, abs=1e-6)


def test_any_process_makes_the_same_clip():
    again = pickle.loads(pickle.dumps(CONFIG.maker()))
    source = CONFIG.sources().sources[1]
    (one,), (other,) = CONFIG.maker()(source), again(source)
    for field in dataclasses.fields(one):
        np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


def test_the_emotion_is_true_of_every_frame():
    clip = clip_of(dataclasses.replace(CONFIG, identities=7, hours=7 / 3600, frames=1), 6)
    assert clip.emotion == 6
    requested = np.zeros((25, 8))
    requested[:, 6] = clip.intensity
    np.testing.assert_allclose(clip.truth["emotions"], requested, atol=1e-6)
    assert 0.4 <= clip.intensity <= 1
    calm = clip_of(dataclasses.replace(CONFIG, emotional=False, frames=1), 1)
    assert (calm.emotion, calm.intensity) == (-1, 0)


def test_emotions_may_change_within_a_clip():
    """The label is the first emotion; the truth says what each frame asks for."""
    varied = {"varied": True, "seed": 2}  # in world 3, by a chance of 1 in 100, none of 24 blends
    config = dataclasses.replace(
        CONFIG, **varied, identities=24, hours=24 * 4 / 3600, seconds=4, frames=1, image_size=16
    )
    clips = [clip_of(config, number) for number in range(24)]
    tracks = [clip.truth["emotions"] for clip in clips]
    changing = [np.ptp(track, axis=0).max() > 0 for track in tracks]
    blended = [(track > 0).sum(1).max() > 1 for track in tracks]
    # of 24 clips a third changes and a fifth blends: 8 +- 2.3, 5 +- 2
    assert 2 <= sum(changing) <= 15 and 1 <= sum(blended) <= 11
    for clip, track in zip(clips, tracks, strict=True):
        assert clip.emotion == int(clip.id.split("-")[1]) % 8
        assert clip.intensity == pytest.approx(track.sum(1).max())


def test_zoom_makes_faces_larger_and_leaves_how_they_move():
    plain, near = (
        clip_of(dataclasses.replace(CONFIG, frames=1, zoom=zoom), 0) for zoom in (1.0, 1.5)
    )
    ratio = np.ones(70)
    ratio[SCALE], ratio[TRANSLATION] = 1.5, 1.5
    np.testing.assert_allclose(near.motion, plain.motion * ratio, rtol=1e-6)
    assert near.frames != plain.frames


def test_a_lively_speaker_turns_farther_and_is_drawn_so():
    calm, lively = (
        clip_of(dataclasses.replace(CONFIG, frames=1, head_motion=factor), 0)
        for factor in (1.0, 4.0)
    )
    spread = [clip.motion[:, ANGLES].std(0) for clip in (calm, lively)]
    np.testing.assert_allclose(spread[1], 4 * spread[0], rtol=1e-3)
    np.testing.assert_array_equal(lively.motion[:, EXPRESSION], calm.motion[:, EXPRESSION])
    assert lively.frames != calm.frames
    with pytest.raises(UserError, match="expected head_motion of 0 or more, found -1"):
        dataclasses.replace(CONFIG, head_motion=-1.0)


def test_people_share_the_clips_and_keep_to_one_split():
    sources = SyntheticConfig(identities=40, hours=0.1, seconds=4).sources().sources
    assert len(sources) == 90
    assert len({source.id for source in sources}) == 90
    assert len({source.speaker for source in sources}) == 40
    assert len({(source.speaker, source.split) for source in sources}) == 40
    assert {source.split for source in sources} == {"train", "validation", "test"}
    assert isinstance(sources[0], Source)


def test_frames_0_is_every_frame():
    clip = clip_of(dataclasses.replace(CONFIG, frames=0, seconds=0.2), 0)
    assert clip.rows.tolist() == [0, 1, 2, 3, 4]


def test_features_follow_the_front_end():
    config = dataclasses.replace(CONFIG, speech=LogMelConfig(bands=96, subframes=8), frames=1)
    assert config.speech_size == 768
    features = clip_of(config, 0).features
    assert features.shape == (25, 768)
    assert np.isfinite(features).all() and features.std() > 0.1


@pytest.mark.parametrize(
    "wrong",
    [{"hours": 0}, {"hours": np.inf}, {"seconds": np.nan}, {"seconds": 0.01}, {"frames": -1}],
)
def test_impossible_worlds_are_refused(wrong):
    with pytest.raises(UserError, match="expected"):
        SyntheticConfig(**wrong)
    with pytest.raises(UserError, match="a voice out of formant"):
        SyntheticConfig(voice="alto")
