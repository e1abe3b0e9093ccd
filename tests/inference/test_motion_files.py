"""Motion on disk."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.motion_files import MotionClip, read_motion, write_motion
from playmate_jax.motion.layout import MOTION_SIZE


def _clip(n=7):
    motion = np.random.default_rng(0).normal(0, 1, (n, MOTION_SIZE)).astype(np.float32)
    return MotionClip(motion, 25.0)


def test_what_was_written_is_read(tmp_path):
    """Angles go through a float32 rotation matrix and back: 1e-4 degrees is a few of its ulps."""
    write_motion(tmp_path / "m.npz", _clip())
    found = read_motion(tmp_path / "m.npz")
    np.testing.assert_allclose(found.motion, _clip().motion, atol=1e-4)
    assert found.fps == 25
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]


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


@pytest.mark.parametrize("change", ["missing", "shape", "nan", "fps", "empty"])
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
        case "empty":
            parts = {k: v[:0] if v.ndim else v for k, v in parts.items()}
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(UserError, match="expected"):
        read_motion(tmp_path / "m.npz")
