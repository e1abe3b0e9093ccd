"""Eqs. 2 to 4: what the transfers keep, and that the loss is zero where nothing leaks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry import head_pose
from playmate_jax.geometry.keypoints import Motion, equation_1
from playmate_jax.losses.transfer import expression_transferred, pose_transferred, transfer

B, K = 3, 5
IDENTITY = {"pixels": 1.0}


def draw(seed: int, *shape: int):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def frame(seed: int, x_c=None):
    """What M finds in a frame: canonical keypoints and motion."""
    pitch, yaw, roll = 10 * draw(seed, 3, B)
    motion = Motion(
        head_pose.rotation(pitch, yaw, roll),
        0.1 * draw(seed + 1, B, K, 3),
        1 + 0.1 * draw(seed + 2, B, 1),
        draw(seed + 3, B, 3),
    )
    return (draw(seed + 4, B, K, 3) if x_c is None else x_c), motion


def picture(keypoints):
    """A renderer of one person: any function of the driving keypoints alone."""
    weights = draw(50, K * 3, 4 * 4 * 3)
    return jax.nn.sigmoid(keypoints.reshape(len(keypoints), -1) @ weights).reshape(-1, 4, 4, 3)


def features(image):
    return {"pixels": image}


def loss(frame_i, frame_j):
    """Eq. 4 of two frames of one person."""
    _, by_pose = pose_transferred(frame_i, frame_j)
    _, by_expression = expression_transferred(frame_j, frame_i)
    return transfer(features, picture(by_pose), picture(by_expression), IDENTITY)


def test_equation_2_by_hand():
    # x_c = (1, 0, 0), no rotation in i, a quarter turn of roll in j: (1, 0, 0) R_j = (0, 1, 0).
    # x_i = 1 ((1, 0, 0) + (.5, 0, 0)) + 0; x_{i, j pose} = 2 ((0, 1, 0) + (.5, 0, 0)) + (3, 4, 0)
    def motion(roll, delta, scale, t):
        turn = head_pose.rotation(jnp.zeros(1), jnp.zeros(1), jnp.full(1, roll))
        return Motion(turn, jnp.array([[delta]]), jnp.array([[scale]]), jnp.array([t]))

    x_c = jnp.array([[[1.0, 0.0, 0.0]]])
    i = x_c, motion(0.0, [0.5, 0.0, 0.0], 1.0, [0.0, 0.0, 0.0])
    j = 9 * x_c, motion(90.0, [7.0, 7.0, 7.0], 2.0, [3.0, 4.0, 5.0])
    x_i, moved = pose_transferred(i, j)
    np.testing.assert_allclose(x_i, [[[1.5, 0.0, 0.0]]], atol=1e-6)
    np.testing.assert_allclose(moved, [[[4.0, 6.0, 0.0]]], atol=1e-6)
    # Eq. 3: x_j = 2 ((0, 9, 0) + (7, 7, 7)) + (3, 4, 0), and with i's delta
    # 2 (.5, 9, 0) + (3, 4, 0)
    x_j, moved = expression_transferred(j, i)
    np.testing.assert_allclose(x_j, [[[17.0, 36.0, 14.0]]], atol=1e-5)
    np.testing.assert_allclose(moved, [[[4.0, 22.0, 0.0]]], atol=1e-5)


def test_a_transfer_within_one_frame_changes_nothing():
    i = frame(0)
    for transferred in (pose_transferred, expression_transferred):
        own, moved = transferred(i, i)
        np.testing.assert_array_equal(own, equation_1(*i))
        np.testing.assert_array_equal(own, moved)


def test_each_transfer_starts_at_its_own_frame():
    i, j = frame(0), frame(10)
    np.testing.assert_array_equal(pose_transferred(i, j)[0], equation_1(*i))
    np.testing.assert_array_equal(expression_transferred(j, i)[0], equation_1(*j))


def test_the_loss_is_zero_where_pose_and_expression_are_apart():
    """One person has one x_c, whatever the frame; then Eqs. 2 and 3 end at the same keypoints."""
    i, j = frame(0), frame(10, x_c=frame(0)[0])
    assert float(loss(i, j).value()) == 0
    gradient = jax.grad(lambda x_c: loss((x_c, i[1]), (x_c, j[1])).value())(i[0])
    np.testing.assert_array_equal(gradient, 0)  # and not NaN, at a norm of zero


def test_the_loss_sees_expression_that_leaked_into_canonical_keypoints():
    i, j = frame(0), frame(10)
    leaked = i[0] + j[1].delta, j[1]._replace(delta=0 * j[1].delta)
    assert float(loss(i, leaked).value()) > 1e-3


def test_equation_4_by_hand():
    # 3 and 4 among the six numbers of one of two rows: 2 sqrt((9 + 16) / 6) / 2 rows
    a = jnp.zeros((2, 1, 2, 3))
    b = a.at[0, 0, :, 1].set(jnp.array([3.0, 4.0]))
    found = transfer(features, a, b, {"pixels": 2.0})
    assert float(found.value()) == pytest.approx(np.sqrt(25 / 6))
    assert float(found.count) == 2


def test_the_gradient_flows_into_both_images():
    a, b = draw(0, 2, 4, 4, 3), draw(1, 2, 4, 4, 3)
    to_a, to_b = jax.grad(lambda *ab: transfer(features, *ab, IDENTITY).value(), (0, 1))(a, b)
    np.testing.assert_allclose(to_a, -to_b)
    assert (to_a != 0).all()


def test_rows_add_up_however_they_are_divided():
    a, b = draw(0, 4, 4, 4, 3), draw(1, 4, 4, 4, 3)
    whole = transfer(features, a, b, IDENTITY)
    parts = [transfer(features, a[r], b[r], IDENTITY) for r in (slice(1), slice(1, 4))]
    added = jax.tree.map(jnp.add, *parts)
    assert float(added.value()) == pytest.approx(float(whole.value()), rel=1e-6)
    assert float(added.count) == 4
