"""Reenactment and source videos, on random weights of a tiny size."""

import pickle

import jax
import numpy as np
import pytest
from PIL import Image

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference import face_renderer
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.inference.motion_files import MotionClip, write_motion
from playmate_jax.inference.reenactment import reenact
from playmate_jax.media import VideoWriter, open_video, read_audio
from playmate_jax.models import renderer
from playmate_jax.motion.layout import ANGLES, EXPRESSION, EYE_KEYPOINTS, POSE, SCALE, YAW
from tests.random_weights import TINY_RENDERER, random_params


@pytest.fixture
def clip():
    """Twelve frames of motion near a synthetic portrait's size, with openness."""
    rng = np.random.default_rng(3)
    motion = rng.normal(0, 0.02, (12, 70)).astype(np.float32)
    motion[:, SCALE] = 0.7 + rng.uniform(0, 0.05, (12, 1))
    motion[:, YAW] = np.linspace(0, 11, 12)
    openness = rng.uniform(0.1, 0.5, (12, 3)).astype(np.float32)
    return MotionClip(motion, 25.0, openness)


@pytest.fixture
def driving(clip, tmp_path):
    write_motion(tmp_path / "driving.npz", clip)
    return tmp_path / "driving.npz"


@pytest.fixture
def retargeter(animator, tiny_weights, monkeypatch):
    """The tiny animator with random stitching and retargeting networks."""
    config, params, _ = load_weights(tiny_weights / "renderer")
    more = random_params(renderer.retargeting_shapes(TINY_RENDERER), np.random.default_rng(0))
    more = jax.tree.map(lambda leaf: leaf * np.float32(0.5), more)
    found = FaceRenderer.from_weights(config, params | more, "here", batch=4)
    monkeypatch.setattr(animator, "renderer", found)
    return animator


@pytest.fixture
def source_video(tmp_path, portrait_pixels):
    """Eight frames of a portrait that shifts, with sound."""
    sound = np.random.default_rng(1).normal(0, 0.1, 5120).astype(np.float32)
    with VideoWriter(tmp_path / "source.mp4", 25, (96, 96), sound) as out:
        for step in range(8):
            out.write(np.roll(portrait_pixels, step, 1))
    return tmp_path / "source.mp4"


def test_a_portrait_follows_a_template(animator, portrait_pixels, driving, clip):
    animation = animator.reenact(portrait_pixels, driving)
    expected = reenact(clip.motion, animation.source_face.motion)
    np.testing.assert_allclose(animation.motion, expected, atol=1e-3)
    frames = list(animation)
    assert len(frames) == 12 and frames[0].shape == (96, 96, 3)
    assert animation.sound is None


def test_regions_smoothing_and_gains_reach_the_motion(animator, portrait_pixels, driving):
    own = animator.reenact(portrait_pixels, driving).source_face.motion
    whole = animator.reenact(portrait_pixels, driving).motion
    still = animator.reenact(portrait_pixels, driving, head_motion=0.0).motion
    np.testing.assert_allclose(still[:, POSE], np.tile(own[POSE], (12, 1)), atol=1e-6)
    np.testing.assert_array_equal(still[:, EXPRESSION], whole[:, EXPRESSION])
    lips = animator.reenact(portrait_pixels, driving, region="lips").motion
    assert (lips != own).any(0).sum() == 18
    steady = animator.reenact(portrait_pixels, driving, smooth_s=0.2).motion
    rough = lambda motion: np.abs(np.diff(motion[:, EXPRESSION], axis=0)).mean()  # noqa: E731
    assert rough(steady) < 0.3 * rough(whole)
    half = animator.reenact(portrait_pixels, driving, gain=0.5).motion
    np.testing.assert_allclose(half - own, (whole - own) / 2, atol=1e-4)


def test_a_driving_video_gives_its_motion_and_its_sound(animator, portrait_pixels, source_video):
    animation = animator.reenact(portrait_pixels, source_video)
    assert len(animation) == 8 and animation.sound is not None
    np.testing.assert_allclose(animation.motion[0], animation.source_face.motion, atol=1e-4)
    assert np.abs(np.diff(animation.motion, axis=0)).max() > 1e-5
    path = animation.write(source_video.with_name("out.mp4"))
    assert len(list(open_video(path))) == 8
    assert len(read_audio(path)) == pytest.approx(5120, abs=640)


def test_a_driving_image_is_taken_as_it_is_and_held(animator, portrait_pixels, tmp_path):
    Image.fromarray(portrait_pixels).save(tmp_path / "face.png")
    animation = animator.reenact(portrait_pixels[:, ::-1].copy(), tmp_path / "face.png")
    assert len(animation) == 25 and animation.facts["pose"] == "absolute"
    assert np.ptp(animation.motion, axis=0).max() == 0
    seen = animator.reenact(portrait_pixels, tmp_path / "face.png").source_face.motion
    np.testing.assert_allclose(animation.motion[0, ANGLES], seen[ANGLES], atol=0.1)


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


def test_frames_of_any_motion_go_through_one_program(
    animator, portrait_pixels, driving, speech_samples, monkeypatch
):
    list(animator.reenact(portrait_pixels, driving))
    traced = []
    move = face_renderer._move
    monkeypatch.setattr(face_renderer, "_move", lambda *a: traced.append(1) or move(*a))
    list(animator.reenact(portrait_pixels, driving, region="lips", pose="absolute", smooth_s=0.1))
    list(animator.animate(portrait_pixels, speech_samples))
    assert not traced


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retarget": "eyes"}, "retargeters"),
        ({"retarget": "ears"}, "'eyes'"),
        ({"region": "lip"}, "did you mean 'lips'"),
        ({"pose": "relativ"}, "'relative'"),
        ({"retarget": "eyes", "crop": False}, "--no-crop"),
    ],
)
def test_what_cannot_be_done_is_told(animator, portrait_pixels, driving, options, told):
    with pytest.raises(UserError, match=told):
        animator.reenact(portrait_pixels, driving, **options)


def test_a_driving_file_without_openings_cannot_retarget(
    retargeter, portrait_pixels, clip, tmp_path
):
    write_motion(tmp_path / "m.npz", MotionClip(clip.motion, 25.0))
    with pytest.raises(UserError, match="how far eyes and lips are open"):
        retargeter.reenact(portrait_pixels, tmp_path / "m.npz", retarget="lips")


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


def test_a_video_held_in_a_queue_of_two_batches(animator, source_video, monkeypatch):
    """What waits to be pasted back does not grow with the video."""
    from playmate_jax.inference import source_video as module

    lengths = []

    class Watched(module.deque):
        def append(self, item):
            super().append(item)
            lengths.append(len(self))

    monkeypatch.setattr(module, "deque", Watched)
    list(animator.reenact(source_video, source_video))
    assert lengths and max(lengths) <= 2 * animator.renderer.batch


def test_the_command_reenacts_without_speech(tiny, inputs, driving, clip, capsys):
    from playmate_jax.inference.motion_files import read_motion

    out = inputs / "out.mp4"
    portrait = str(inputs / "portrait.png")
    options = ["--region", "pose", "--quiet", "--save-motion", str(inputs / "made.npz")]
    assert run(["animate", portrait, "--driving", str(driving), "-o", str(out), *options]) == 0
    assert len(list(open_video(out))) == 12 and not open_video(out).has_audio
    made = read_motion(inputs / "made.npz").motion
    assert np.ptp(made[:, EXPRESSION], axis=0).max() == 0 and np.ptp(made[:, YAW]) > 5


def _template(path, clip):
    from playmate_jax.geometry.head_pose import rotation
    from playmate_jax.motion.layout import unpack

    parts = unpack(clip.motion)
    turned = np.asarray(jax.jit(rotation)(parts["pitch"], parts["yaw"], parts["roll"]))
    frames = [
        {"scale": s[None], "R_d": r[None], "exp": e[None], "t": t[None]}
        for s, r, e, t in zip(
            parts["scale"], turned, parts["expression"], parts["translation"], strict=True
        )
    ]
    path.write_bytes(pickle.dumps({"n_frames": 12, "output_fps": 25, "motion": frames}))
    return path


def test_a_template_drives_wherever_an_npz_does(tiny, animate, inputs, clip, portrait_pixels):
    template = _template(inputs / "t.pkl", clip)
    animation = tiny.reenact(portrait_pixels, template)
    np.testing.assert_allclose(
        animation.motion, reenact(clip.motion, animation.source_face.motion), atol=1e-3
    )
    assert any("face space" in notice for notice in animation.notices)
    head = tiny.reenact(portrait_pixels, template, region="pose")
    assert not any("face space" in notice for notice in head.notices)
    assert animate("--driving", str(template), "--quiet") == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--emotion", "happy"], "--emotion"),
        (["--region", "nose"], "lips"),
        (["--smooth", "-1"], "from 0"),
    ],
)
def test_options_without_a_meaning_in_reenactment_are_refused(
    no_work, inputs, driving, refused, options, told
):
    portrait = str(inputs / "portrait.png")
    code = run(["animate", portrait, "--driving", str(driving), "-o", str(inputs / "o.mp4"),
                *options])  # fmt: skip
    refused(code, told)


@pytest.mark.parametrize("option", [["--region", "all"], ["--smooth", "0"], ["--retarget", "eyes"]])
def test_options_of_reenactment_are_refused_with_speech(no_work, animate, refused, driving, option):
    refused(animate("--driving", str(driving), *option), option[0], "no speech")


def test_a_pickle_with_code_is_refused_by_the_command(tiny, inputs, refused, files):
    class Trap:
        def __reduce__(self):
            return (open, (str(inputs / "ran"), "w"))

    (inputs / "t.pkl").write_bytes(pickle.dumps({"motion": Trap()}))
    before = files()
    code = run(["animate", str(inputs / "portrait.png"), "--driving", str(inputs / "t.pkl"),
                "-o", str(inputs / "o.mp4")])  # fmt: skip
    refused(code, "io.open'", "t.pkl", "nothing of the file was run")
    assert files() == before


def test_a_source_video_keeps_its_own_head(animator, source_video, speech_samples, driving):
    with pytest.raises(UserError, match="keeps its own head"):
        animator.animate(source_video, speech_samples, driving=driving)
