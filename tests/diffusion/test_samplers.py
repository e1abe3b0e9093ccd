"""Laws of the schedule, the forward process and the samplers.

On Gaussian data N(mean, std^2) everything is known in closed form: the ideal noise estimate, and
where the probability-flow ODE carries a noise sample.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.diffusion.forward import (
    PREDICTIONS,
    add_noise,
    noise_from,
    target_of,
    x0_from,
    x0_from_noise,
)
from playmate_jax.diffusion.samplers import SAMPLERS, ddim, ddpm, dpm_solver_pp
from playmate_jax.diffusion.schedule import cosine_schedule, even_in_snr, linear_schedule, respaced
from playmate_jax.errors import UserError

SCHEDULE = linear_schedule()
MEAN, STD = 1.5, 0.4


def ideal_noise(x, step):
    """E[noise | x] for N(MEAN, STD^2)."""
    a = SCHEDULE.alphas_bar[step]
    return jnp.sqrt(1 - a) * (x - jnp.sqrt(a) * MEAN) / (a * STD**2 + 1 - a)


def ode_end(x):
    """Where the ODE carries x from the last step: the same quantile of the data."""
    a = SCHEDULE.alphas_bar[-1]
    return MEAN + STD * (x - jnp.sqrt(a) * MEAN) / jnp.sqrt(a * STD**2 + 1 - a)


def test_the_linear_schedule_is_ddpms():
    # by hand: the first beta is 1e-4; DDPM's final sqrt(alpha_bar) is 0.00635
    assert float(SCHEDULE.alphas_bar[0]) == pytest.approx(1 - 1e-4, rel=1e-6)
    assert float(jnp.sqrt(SCHEDULE.alphas_bar[-1])) == pytest.approx(0.00635, rel=1e-2)
    assert (jnp.diff(SCHEDULE.alphas_bar) < 0).all()


def test_the_cosine_schedule_falls_to_nothing():
    bars = cosine_schedule().alphas_bar
    assert (jnp.diff(bars) < 0).all() and bars[0] > 0.999 and bars[-1] < 1e-6


def test_respaced_steps_run_from_last_to_first():
    steps = respaced(1000, 20)
    assert steps[0] == 999 and steps[-1] == 0 and (np.diff(steps) < 0).all()
    assert respaced(1000, 1000).tolist() == list(range(999, -1, -1))
    assert respaced(1000, 8, last=300).tolist() == [999, 899, 799, 699, 600, 500, 400, 300]
    assert even_in_snr(SCHEDULE, 8, last=300).tolist()[::7] == [999, 300]


@pytest.mark.parametrize("steps", [0, 1001])
def test_more_or_fewer_steps_than_the_schedule_has_are_refused(steps):
    for respacing in (lambda n: respaced(1000, n), lambda n: even_in_snr(SCHEDULE, n)):
        with pytest.raises(UserError, match=f"1 to 1000 sampling steps, found {steps}"):
            respacing(steps)


def test_steps_even_in_snr_run_from_last_to_first_in_even_jumps():
    steps = even_in_snr(SCHEDULE, 20)
    assert steps[0] == 999 and steps[-1] == 0 and (jnp.diff(steps) < 0).all()
    jumps = jnp.diff(SCHEDULE.half_log_snr[steps])
    # the schedule's own first step is a jump of 0.35 of this size 0.5
    assert jumps.max() / jumps.min() < 2


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_prediction_gives_back_noise_and_clean_sample(prediction):
    key = jax.random.split(jax.random.key(0))
    x0, noise = jax.random.normal(key[0], (4, 5, 3)), jax.random.normal(key[1], (4, 5, 3))
    alpha_bar = SCHEDULE.alphas_bar[jnp.array([50, 300, 600, 900])]
    x = add_noise(x0, noise, alpha_bar)
    output = target_of(prediction, x0, noise, alpha_bar)
    # float32 rounding grows by 1/sqrt(alpha_bar) = 40 at the last of these steps
    np.testing.assert_allclose(noise_from(prediction, output, x, alpha_bar), noise, atol=1e-4)
    np.testing.assert_allclose(x0_from(prediction, output, x, alpha_bar), x0, atol=1e-4)


def test_unknown_predictions_are_refused():
    with pytest.raises(ValueError, match="x0"):
        noise_from("clean", jnp.zeros(2), jnp.zeros(2), jnp.array(0.5))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("last", [0, 300])
def test_a_perfect_denoiser_is_recovered(name, last):
    truth = jax.random.normal(jax.random.key(1), (3, 7))

    def knows_the_truth(x, step):  # and must not be asked beyond the last step
        a = SCHEDULE.alphas_bar[step]
        return jnp.where(step >= last, (x - jnp.sqrt(a) * truth) / jnp.sqrt(1 - a), jnp.nan)

    x = jax.random.normal(jax.random.key(2), (3, 7))
    key = jax.random.key(3)
    sample = SAMPLERS[name](knows_the_truth, key, x, SCHEDULE, n_steps=10, last=last)
    np.testing.assert_allclose(sample, truth, atol=2e-4)  # float32 at alpha_bar 4e-5


@pytest.mark.parametrize(
    "sampler, n_steps, tolerance",
    # ddim is of first order: its error falls with the number of steps; 2M reaches it with 50
    [(ddim, 1000, 0.01), (ddim, 250, 0.03), (dpm_solver_pp, 50, 0.005), (dpm_solver_pp, 20, 0.03)],
)
def test_deterministic_samplers_follow_the_closed_form_on_gaussian_data(
    sampler, n_steps, tolerance
):
    x = jnp.linspace(-2.5, 2.5, 41)
    sample = sampler(ideal_noise, jax.random.key(0), x, SCHEDULE, n_steps=n_steps)
    np.testing.assert_allclose(sample, ode_end(x), atol=tolerance)


def test_ddpm_draws_from_the_data():
    x = jax.random.normal(jax.random.key(0), (20_000,))
    sample = ddpm(ideal_noise, jax.random.key(1), x, SCHEDULE, n_steps=1000)
    # standard errors of mean and std of 20,000 draws: 0.003 and 0.002
    assert float(sample.mean()) == pytest.approx(MEAN, abs=0.012)
    assert float(sample.std()) == pytest.approx(STD, abs=0.012)


def test_ddim_at_eta_one_is_ddpm():
    x, key = jax.random.normal(jax.random.key(0), (64,)), jax.random.key(5)
    one = ddim(ideal_noise, key, x, SCHEDULE, n_steps=40, eta=1.0)
    other = ddpm(ideal_noise, key, x, SCHEDULE, n_steps=40)
    # the same jump written two ways
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_ddim_at_eta_zero_needs_no_key():
    x = jnp.linspace(-1, 1, 5)
    a = ddim(ideal_noise, jax.random.key(0), x, SCHEDULE, n_steps=10)
    b = ddim(ideal_noise, jax.random.key(1), x, SCHEDULE, n_steps=10)
    np.testing.assert_array_equal(a, b)


def test_bounds_hold_the_sample():
    x = jnp.linspace(-3, 3, 5)
    for sampler in SAMPLERS.values():
        sample = sampler(
            ideal_noise, jax.random.key(0), x, SCHEDULE, n_steps=10, bounds=(-0.5, 0.5)
        )
        assert float(jnp.abs(sample).max()) <= 0.5  # noqa: PLR2004


def test_x0_from_noise_undoes_add_noise():
    x0, noise, a = jnp.array([0.3]), jnp.array([-1.2]), jnp.array(0.7)
    np.testing.assert_allclose(x0_from_noise(noise, add_noise(x0, noise, a), a), x0, rtol=1e-5)
