"""Motion that was read in one crop, told for another one of the same image."""

import jax.numpy as jnp
import numpy as np

from playmate_jax.faces import Square
from playmate_jax.geometry.head_pose import rotation
from playmate_jax.geometry.keypoints import Motion, equation_1
from playmate_jax.motion.layout import ANGLES, pack, unpack
from playmate_jax.prepare.crops import motion_in

SEEN, WANTED = Square(210.0, 160.0, 230.0, 0.1), Square(190.0, 175.0, 300.0, -0.2)


def _motion(rng: np.random.Generator) -> np.ndarray:
    return pack({
        "expression": 0.1 * rng.standard_normal((21, 3)),
        "scale": np.array([1.4]),
        "translation": np.array([0.1, -0.2, 0.0]),
        "pitch": np.float64(8.0), "yaw": np.float64(-15.0), "roll": np.float64(5.0),
    })  # fmt: skip


def _keypoints(x_c: np.ndarray, motion: np.ndarray) -> np.ndarray:
    parts = unpack(jnp.asarray(motion, jnp.float32))
    turn = rotation(parts["pitch"], parts["yaw"], parts["roll"])
    moved = Motion(turn, parts["expression"], parts["scale"], parts["translation"])
    return np.asarray(equation_1(jnp.asarray(x_c, jnp.float32), moved))


def _pixels(square: Square, points: np.ndarray) -> np.ndarray:
    matrix = square.matrix(2)
    return (points[:, :2] + 1) @ matrix[:, :2].T + matrix[:, 2]


def test_keypoints_stay_where_they_are_in_the_image():
    rng = np.random.default_rng(0)
    motion, x_c = _motion(rng), rng.standard_normal((21, 3))
    moved = motion_in(motion, SEEN, WANTED)
    before, after = (_keypoints(x_c, m) for m in (motion, moved))
    np.testing.assert_allclose(_pixels(WANTED, after), _pixels(SEEN, before), atol=2e-3)
    np.testing.assert_allclose(after[:, 2], before[:, 2] * SEEN.side / WANTED.side, atol=1e-5)


def test_only_roll_changes_of_the_head_pose():
    motion = _motion(np.random.default_rng(1))
    change = motion_in(motion, SEEN, WANTED)[ANGLES] - motion[ANGLES]
    np.testing.assert_allclose(change, [0, 0, np.rad2deg(0.3)], atol=1e-4)
    np.testing.assert_allclose(motion_in(motion, SEEN, SEEN), motion, atol=1e-6)
