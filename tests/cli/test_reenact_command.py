"""A driving face moves a portrait, on random weights of a tiny size."""

import pickle

import jax
import numpy as np
import pytest
from PIL import Image

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.inference import face_renderer
from playmate_jax.inference.reenactment import reenact
from playmate_jax.media import open_video, read_audio
from playmate_jax.motion.layout import ANGLES, EXPRESSION, POSE, YAW


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


def test_frames_of_any_motion_go_through_one_program(
    animator, portrait_pixels, driving, speech_samples, monkeypatch
):
    list(animator.reenact(portrait_pixels, driving))
    traced = []
    draw = face_renderer._draw
    monkeypatch.setattr(face_renderer, "_draw", lambda *a: traced.append(1) or draw(*a))
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
