"""Motion on disk: ours, and LivePortrait's templates."""

import copy
import pickle

import jax
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.geometry.head_pose import rotation
from playmate_jax.inference.motion_files import MotionClip, read_motion, write_motion
from playmate_jax.motion.layout import MOTION_SIZE, SCALE, unpack


def _clip(n=7):
    motion = np.random.default_rng(0).normal(0, 1, (n, MOTION_SIZE)).astype(np.float32)
    motion[:, SCALE] = np.exp(motion[:, SCALE])
    return MotionClip(motion, 25.0)


def test_what_was_written_is_read(tmp_path):
    """Angles go through a float32 rotation matrix and back: 1e-4 degrees is a few of its ulps."""
    write_motion(tmp_path / "m.npz", _clip())
    found = read_motion(tmp_path / "m.npz")
    np.testing.assert_allclose(found.motion, _clip().motion, atol=1e-4)
    assert found.fps == 25 and found.openness is None
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


def test_openings_are_kept(tmp_path):
    openness = np.random.default_rng(1).uniform(0, 1, (7, 3)).astype(np.float32)
    write_motion(tmp_path / "m.npz", MotionClip(_clip().motion, 25.0, openness))
    np.testing.assert_array_equal(read_motion(tmp_path / "m.npz").openness, openness)


def test_real_motion_is_read(shared):
    clip = read_motion(shared / "data" / "motion" / "talking.npz")
    assert clip.fps == 20 and clip.motion.shape == (100, 70)


def test_text_is_refused(tmp_path):
    (tmp_path / "m.npz").write_text("hello")
    with pytest.raises(UserError, match="expected a motion file"):
        read_motion(tmp_path / "m.npz")


def test_a_truncated_file_is_refused(tmp_path):
    write_motion(tmp_path / "m.npz", _clip())
    whole = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="expected a motion file"):
        read_motion(tmp_path / "m.npz")


def test_a_pickled_array_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.savez(tmp_path / "m.npz", fps=np.array(25), rotation=np.array([Trap()], object))
    with pytest.raises(UserError, match="expected a motion file"):
        read_motion(tmp_path / "m.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "change", ["missing", "shape", "nan", "fps", "empty", "rotation", "scale", "openings"]
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, change):
    write_motion(tmp_path / "m.npz", _clip())
    with np.load(tmp_path / "m.npz") as file:
        parts = dict(file)
    match change:
        case "missing":
            del parts["scale"]
        case "shape":
            parts["scale"] = parts["scale"][:3]
        case "nan":
            parts["expression"][0, 0, 0] = np.nan
        case "fps":
            parts["fps"] = np.array(0)
        case "rotation":
            parts["rotation"] *= 2
        case "scale":
            parts["scale"][3] = 0
        case "openings":
            parts["openings"] = np.zeros((3, 3), np.float32)
        case "empty":
            parts = {k: v[:0] if v.ndim else v for k, v in parts.items()}
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(UserError, match="expected"):
        read_motion(tmp_path / "m.npz")


def _template(clip: MotionClip, old: bool = False, openness=None) -> dict:
    """The clip as LivePortrait writes it, with its older or newer keys."""
    parts = unpack(clip.motion)
    turned = np.asarray(jax.jit(rotation)(parts["pitch"], parts["yaw"], parts["roll"]))
    frames = [
        {
            "scale": parts["scale"][i][None], "R_d" if old else "R": turned[i][None],
            "exp": parts["expression"][i][None], "t": parts["translation"][i][None],
        }
        for i in range(len(turned))
    ]  # fmt: skip
    found = {"n_frames": len(frames), "output_fps": int(clip.fps), "motion": frames}
    if not old:
        for frame in frames:
            frame |= {"kp": np.zeros((1, 21, 3), np.float32), "x_s": np.zeros((1, 21, 3))}
    if openness is not None:
        key = "c_d_{}_lst" if old else "c_{}_lst"
        found[key.format("eyes")] = [row[None, :2] for row in openness]
        found[key.format("lip")] = [row[None, 2:] for row in openness]
    return found


def _write(tmp_path, template, protocol=4):
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(template, protocol))
    return path


@pytest.mark.parametrize("old", [False, True])
def test_templates_of_both_ages_are_the_same_clip(tmp_path, old):
    openness = np.random.default_rng(1).uniform(0, 1, (7, 3)).astype(np.float32)
    found = read_motion(_write(tmp_path, _template(_clip(), old, openness)))
    np.testing.assert_allclose(found.motion, _clip().motion, atol=1e-4)
    np.testing.assert_array_equal(found.openness, openness)
    assert found.fps == 25
    assert read_motion(_write(tmp_path, _template(_clip(), old))).openness is None


def test_a_real_template_is_the_same_as_its_arrays(shared):
    """talking.npz was taken from the same recording by others."""
    folder = shared / "data" / "motion"
    ours, theirs = read_motion(folder / "talking.npz"), read_motion(folder / "template_talking.pkl")
    np.testing.assert_allclose(theirs.motion, ours.motion, atol=1e-6)
    assert theirs.fps == ours.fps == 20
    old = read_motion(folder / "template_old_keys.pkl")
    assert old.motion.shape == (16, 70) and old.openness.shape == (16, 3) and old.fps == 30


DAMAGES = {
    "no motion": lambda t: t.pop("motion"),
    "motion is no list": lambda t: t.update(motion={"exp": 1}),
    "no frames": lambda t: t.update(motion=[], n_frames=0),
    "fewer frames than it says": lambda t: t["motion"].pop(),
    "a key is missing": lambda t: t["motion"][3].pop("exp"),
    "rotation is missing": lambda t: t["motion"][3].pop("R"),
    "a frame is no dict": lambda t: t["motion"].insert(0, None),
    "wrong shape": lambda t: t["motion"][2].update(exp=np.zeros((1, 20, 3), np.float32)),
    "text for numbers": lambda t: t["motion"][2].update(scale="one"),
    "nan": lambda t: t["motion"][2]["t"].fill(np.nan),
    "no rotation": lambda t: t["motion"][2]["R"].fill(0),
    "no scale": lambda t: t["motion"][2]["scale"].fill(0),
    "no frame rate": lambda t: t.update(output_fps=0),
    "a frame rate of text": lambda t: t.update(output_fps="fast"),
    "openness of other length": lambda t: t["c_eyes_lst"].pop() is t["c_lip_lst"].pop(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_template_that_does_not_fit_is_refused(tmp_path, damage):
    template = copy.deepcopy(_template(_clip(), openness=np.full((7, 3), 0.3, np.float32)))
    DAMAGES[damage](template)
    with pytest.raises(UserError, match=r"expected.*t\.pkl"):
        read_motion(_write(tmp_path, template))


def test_a_list_or_a_truncated_template_is_refused(tmp_path):
    with pytest.raises(UserError, match="a list in"):
        read_motion(_write(tmp_path, [1, 2]))
    path = _write(tmp_path, _template(_clip()))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        read_motion(path)


def test_a_template_with_code_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    template = _template(_clip())
    template["motion"][0]["exp"] = Trap()
    with pytest.raises(UserError, match="refused: nothing of the file was run"):
        read_motion(_write(tmp_path, template))
    assert not (tmp_path / "ran").exists()
