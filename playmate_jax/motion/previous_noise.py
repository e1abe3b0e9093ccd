"""Noise on the previous window's motion (appendix A.2, Eqs. 9 and 10).

Frames generated earlier carry small faults; a generator that trusts them amplifies these from
window to window. In training the previous motion is therefore noised a little, with a step of its
own in (0, 50), and put in front of the noisy current motion in time (Eq. 10). Generation feeds back
what it made, without noise.

Eq. 9 as printed weighs the noise with (1 - alpha_bar); DDPM's forward process would use its square
root. Both are here; for steps under 50 of the linear schedule the printed form is weaker by a
factor of 4 to 100.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

FORMS = ("printed", "ddpm")
MAX_STEP = 50


def noisy_previous(
    key: PRNGKeyArray,
    previous: Float[Array, "b p m"],
    alphas_bar: Float[Array, " steps"],
    max_step: int = MAX_STEP,
    form: str = "printed",
) -> Float[Array, "b p m"]:
    """Eq. 9 with one step per sample, drawn from (0, max_step).

    Args:
      previous: normalised motion of the frames before the window.
      alphas_bar: the schedule's cumulative products.
      form: "printed" for (1 - alpha_bar), "ddpm" for sqrt(1 - alpha_bar).
    """
    step_key, noise_key = jax.random.split(key)
    steps = jax.random.randint(step_key, (previous.shape[0],), 1, max_step)
    noise = jax.random.normal(noise_key, previous.shape, previous.dtype)
    return noise_at(previous, noise, alphas_bar[steps], form)


def noise_at(
    previous: Float[Array, "b p m"],
    noise: Float[Array, "b p m"],
    alpha_bar: Float[Array, " b"],
    form: str = "printed",
) -> Float[Array, "b p m"]:
    """Eq. 9 at given alpha_bar with given noise."""
    if form not in FORMS:
        raise ValueError(f"expected a form of Eq. 9 among {FORMS}, found {form!r}")
    alpha_bar = alpha_bar[:, None, None]
    level = 1 - alpha_bar if form == "printed" else jnp.sqrt(1 - alpha_bar)
    return jnp.sqrt(alpha_bar) * previous + level * noise


def in_front(
    previous: Float[Array, "b p d"], current: Float[Array, "b t d"]
) -> Float[Array, "b pt d"]:
    """Eq. 10: the previous frames in front of the current ones, in time."""
    return jnp.concatenate([previous, current], 1)
