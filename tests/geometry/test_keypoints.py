"""Eqs. 1 to 3, by hand and by what each must leave alone."""

import jax.numpy as jnp
import numpy as np

from playmate_jax.geometry import head_pose
from playmate_jax.geometry.keypoints import (
    Motion,
    equation_1,
    equation_2,
    equation_3,
    transform_keypoints,
)


def motion(seed: int) -> Motion:
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> jnp.ndarray:
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    rotation = head_pose.rotation(10 * draw(2), 10 * draw(2), 10 * draw(2))
    return Motion(rotation, 0.1 * draw(2, 21, 3), 1.0 + 0.1 * draw(2, 1), draw(2, 3))


def test_equation_1_by_hand():
    # A quarter turn of roll for row vectors takes x to y: (1, 0, 0) R = (0, 1, 0). Then
    # 2 ((0, 1, 0) + (.5, 0, 1)) + (10, 20, dropped) = (11, 22, 2).
    quarter = head_pose.rotation(jnp.zeros(1), jnp.zeros(1), jnp.full(1, 90.0))
    moved = transform_keypoints(
        jnp.array([[[1.0, 0.0, 0.0]]]),
        quarter,
        jnp.array([[[0.5, 0.0, 1.0]]]),
        jnp.array([[2.0]]),
        jnp.array([[10.0, 20.0, 30.0]]),
    )
    np.testing.assert_allclose(moved, [[[11.0, 22.0, 2.0]]], atol=1e-5)


def test_equation_1_is_the_row_vector_product():
    x_c = jnp.asarray(np.random.default_rng(3).standard_normal((2, 21, 3)), jnp.float32)
    m = motion(0)
    expected = m.scale[..., None] * (np.asarray(x_c) @ np.asarray(m.rotation) + m.delta)
    expected += np.asarray(m.translation)[:, None] * [1.0, 1.0, 0.0]
    np.testing.assert_allclose(equation_1(x_c, m), expected, atol=1e-5)


def test_equation_2_of_one_frame_is_that_frame():
    x_c = jnp.ones((2, 21, 3))
    x_i, transferred = equation_2(x_c, motion(0), motion(0))
    np.testing.assert_array_equal(x_i, transferred)


def test_equation_2_takes_the_pose_of_j_and_keeps_the_expression_of_i():
    x_c, i, j = jnp.ones((2, 21, 3)), motion(0), motion(1)
    x_i, transferred = equation_2(x_c, i, j)
    expected = transform_keypoints(x_c, j.rotation, i.delta, j.scale, j.translation)
    np.testing.assert_array_equal(x_i, equation_1(x_c, i))
    np.testing.assert_array_equal(transferred, expected)


def test_equations_2_and_3_meet_for_equal_canonical_keypoints():
    # Pose of j with expression of i, once from frame i and once from frame j (Eq. 4 compares them).
    x_c, i, j = jnp.ones((2, 21, 3)), motion(0), motion(1)
    np.testing.assert_array_equal(equation_2(x_c, i, j)[1], equation_3(x_c, i, j)[1])
    np.testing.assert_array_equal(equation_3(x_c, i, j)[0], equation_1(x_c, j))
