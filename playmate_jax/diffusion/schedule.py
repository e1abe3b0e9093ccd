"""Noise schedules of DDPM (Ho et al. 2020, §2): how much signal is left at each diffusion step.

x_step = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise; step 0 is nearly clean, the last step
nearly pure noise.
"""

import flax.struct
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from playmate_jax.errors import UserError


@flax.struct.dataclass
class Schedule:
    """A discrete noise schedule, as a pytree.

    Attributes:
      alphas_bar: cumulative products of (1 - beta), one per step, decreasing.
    """

    alphas_bar: Float[Array, " steps"]

    @property
    def n_steps(self) -> int:
        """The number of diffusion steps of the schedule."""
        return self.alphas_bar.shape[0]

    @property
    def half_log_snr(self) -> Float[Array, " steps"]:
        """Half the log of the signal-to-noise ratio at each step: the time of DPM-Solver."""
        return 0.5 * (jnp.log(self.alphas_bar) - jnp.log1p(-self.alphas_bar))


def linear_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """DDPM's schedule: betas that rise linearly (Ho et al. 2020, §4)."""
    return _of_betas(np.linspace(first_beta, last_beta, n_steps))


def cosine_schedule(
    n_steps: int = 1000, offset: float = 0.008, max_beta: float = 0.999, min_beta: float = 0.0
) -> Schedule:
    """The cosine schedule of improved DDPM (Nichol and Dhariwal 2021, Eq. 17).

    Betas are clipped to [min_beta, max_beta].
    """
    grid = np.arange(n_steps + 1) / n_steps
    signal = np.cos((grid + offset) / (1 + offset) * np.pi / 2) ** 2
    return _of_betas(np.clip(1 - signal[1:] / signal[:-1], min_beta, max_beta))


def quadratic_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """Betas whose square roots rise linearly (the "scaled linear" schedule of latent diffusion)."""
    return _of_betas(np.linspace(first_beta**0.5, last_beta**0.5, n_steps) ** 2)


def sigmoid_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """Betas that rise along a sigmoid, evaluated from -5 to 5."""
    rise = 1 / (1 + np.exp(-np.linspace(-5, 5, n_steps)))
    return _of_betas(first_beta + rise * (last_beta - first_beta))


def _of_betas(betas: Float[np.ndarray, " steps"]) -> Schedule:
    """The product is taken in float64: float32 would lose digits at the last steps."""
    return Schedule(jnp.asarray(np.cumprod(1 - betas), jnp.float32))


def posterior_variance(
    alpha_bar: Float[ArrayLike, "*b"], next_alpha_bar: Float[ArrayLike, "*b"]
) -> Float[ArrayLike, "*b"]:
    """Variance of the sample at the next (cleaner) step given x and x0 (DDPM, Eq. 7)."""
    return (1 - next_alpha_bar) / (1 - alpha_bar) * (1 - alpha_bar / next_alpha_bar)


def respaced(n_schedule: int, n_steps: int, last: int = 0) -> Int[np.ndarray, " steps"]:
    """`n_steps` evenly spaced steps of a schedule, from its last step down to step `last`.

    Raises:
      UserError: `n_steps` is not between 1 and the length of the schedule.
    """
    _check_steps(n_schedule, n_steps)
    return np.linspace(n_schedule - 1, last, n_steps).round().astype(np.int32)


def even_in_snr(schedule: Schedule, n_steps: int, last: int = 0) -> Int[Array, " steps"]:
    """As `respaced`, evenly spaced in the log of the signal-to-noise ratio instead of the step.

    Near step 0 some steps may repeat.
    """
    _check_steps(schedule.n_steps, n_steps)
    times = schedule.half_log_snr
    wanted = jnp.linspace(times[-1], times[last], n_steps)
    return jnp.argmin(jnp.abs(times - wanted[:, None]), 1)


def _check_steps(n_schedule: int, n_steps: int) -> None:
    if not 1 <= n_steps <= n_schedule:
        raise UserError(f"expected 1 to {n_schedule} sampling steps, found {n_steps}: change it")
