"""Readouts of openness and landmarks: what a linear fit must and must not find."""

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.losses.openness_readout import (
    RIDGE,
    STD_FLOOR,
    explained,
    fit,
    inputs_of,
    read,
    read_landmarks,
    read_openness,
)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_one_input_by_hand():
    # x has mean 1 and std 2, y = 3 x: the ridge makes the slope 3 / (1 + RIDGE), the mean stays
    x = np.array([[-1.0], [3.0]])
    linear = fit(x, 3 * x)
    assert linear["kernel"].item() == pytest.approx(3 / (1 + RIDGE))
    assert read(linear, jnp.ones((1, 1))).item() == pytest.approx(3)


def test_an_input_that_hardly_moves_is_not_magnified():
    x = normal(0, 200, 1) * STD_FLOOR / 100
    y = x / x.std()
    assert abs(fit(x, y)["kernel"].item()) < abs(1 / x.std()) / 100


def test_a_linear_relation_is_explained_and_noise_is_not():
    x = normal(1, 400, 5)
    y = np.concatenate([x @ normal(2, 5, 2) + 7, normal(3, 400, 1)], 1)
    found = explained(x, y)
    # the ridge leaves 1e-4 of the variance; noise fitted by 5 inputs and 300 rows costs 2 %
    assert found[:2] == pytest.approx([1, 1], abs=1e-3) and -0.1 < found[2] < 0.1


def test_openness_is_read_from_delta_and_x_c_and_landmarks_from_posed_keypoints():
    found = {"delta": jnp.ones((2, 21, 3)), "x_c": 2 * jnp.ones((2, 21, 3)), "R": jnp.zeros(2)}
    assert inputs_of(found).shape == (2, 126)
    kernel = np.zeros((126, 3), np.float32)
    kernel[0, 0], kernel[63, 1] = 1, 1
    mesh = np.zeros((63, 936), np.float32)
    mesh[62, 935] = 1  # z of the last keypoint to y of the last landmark
    readout = {
        "openness": {"kernel": kernel, "bias": np.array([0, 0, 0.5], np.float32)},
        "landmarks": {"kernel": mesh, "bias": np.zeros(936, np.float32)},
    }
    np.testing.assert_array_equal(read_openness(readout, found), [[1, 2, 0.5]] * 2)
    points = read_landmarks(readout, jnp.arange(63.0).reshape(1, 21, 3))
    assert points.shape == (1, 468, 2) and points[0, 467, 1] == 62 and points.sum() == 62
