"""Laws of Eq. 8 and of the objective."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.diffusion.guidance import chained, guided
from playmate_jax.diffusion.objective import masked_sum, squared_error, velocity_error


@pytest.fixture
def branches():
    return jax.random.normal(jax.random.key(0), (3, 2, 5))


def test_zero_scales_are_unconditional(branches):
    np.testing.assert_array_equal(chained(branches, [0.0, 0.0]), branches[0])


def test_one_scale_of_one_is_conditional(branches):
    np.testing.assert_allclose(chained(branches[:2], [1.0]), branches[1], atol=1e-6)


def test_scales_of_one_are_fully_conditional(branches):
    np.testing.assert_allclose(chained(branches, [1.0, 1.0]), branches[2], atol=1e-6)


def test_the_chain_equals_its_expansion(branches):
    none, audio, both = branches
    expanded = none + 1.5 * (audio - none) + 2.5 * (both - audio)  # Eq. 8 as printed
    np.testing.assert_allclose(chained(branches, [1.5, 2.5]), expanded, atol=1e-5)


def test_the_number_of_scales_must_fit(branches):
    with pytest.raises(ValueError, match="one per added condition"):
        chained(branches, [1.5])


def test_guidance_makes_one_call_for_all_branches():
    calls = []

    def predict(x, step, conditions):
        calls.append(x.shape)
        return x * 0 + conditions[:, None]

    conditions = jnp.arange(3.0)[:, None] * jnp.ones(2)  # branch i predicts i
    guided_noise = guided(predict, conditions, jnp.array([1.5, 2.0]))(jnp.ones((2, 5)), 0)
    assert calls == [(6, 5)]
    np.testing.assert_allclose(guided_noise, 3.5)  # 0 + 1.5 * 1 + 2 * 1


def test_branches_keep_their_order_in_the_batch():
    x = jnp.array([[1.0], [10.0]])
    conditions = jnp.array([[0.0, 0.0], [2.0, 3.0]])
    predict = lambda x, step, c: x * c[:, None]  # noqa: E731
    np.testing.assert_allclose(guided(predict, conditions, jnp.array([1.0]))(x, 0), [[2.0], [30.0]])


def mean(total_and_count):
    total, count = total_and_count
    return float(total / count)


def test_the_noise_objective_is_equation_7():
    key = jax.random.split(jax.random.key(1), 3)
    x0, noise, output = (jax.random.normal(k, (2, 4, 3)) for k in key)
    error = squared_error("noise", output, x0, noise, jnp.array([0.5, 0.9]))
    everything = jnp.ones((2, 4), bool)
    expected = ((noise - output) ** 2).mean()
    np.testing.assert_allclose(mean(masked_sum(error, everything)), expected, rtol=1e-6)


def test_frames_past_the_end_do_not_count():
    error = jnp.ones((1, 4, 3)).at[0, 3].set(1e6)
    valid = jnp.array([[True, True, True, False]])
    assert [float(x) for x in masked_sum(error, valid)] == [3.0, 3.0]


def test_weights_shift_the_mean_and_keep_its_scale():
    error = jnp.array([[[1.0, 3.0]]])
    valid = jnp.ones((1, 1), bool)
    assert mean(masked_sum(error, valid, jnp.array([2.0, 2.0]))) == pytest.approx(2.0)
    assert mean(masked_sum(error, valid, jnp.array([0.0, 5.0]))) == pytest.approx(3.0)


def test_a_constant_offset_has_no_velocity_error():
    x0 = jax.random.normal(jax.random.key(0), (2, 6, 3))
    valid = jnp.ones((2, 6), bool)
    assert mean(velocity_error(x0 + 5.0, x0, valid)) < 1e-10  # noqa: PLR2004
    assert mean(velocity_error(x0 * 0, x0, valid)) > 0.5  # noqa: PLR2004
