"""Noise schedules of DDPM (Ho et al. 2020, §2): how much signal is left after each diffusion step.

x_step = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise; step 0 is nearly clean, the last nearly
pure noise.
"""

import flax.struct
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from playmate_jax.errors import UserError


@flax.struct.dataclass
class Schedule:
    """A discrete schedule.

    Attributes:
      alphas_bar: cumulative products of (1 - beta), one per step, falling.
    """

    alphas_bar: Float[Array, " steps"]

    @property
    def n_steps(self) -> int:
        """How many diffusion steps there are."""
        return self.alphas_bar.shape[0]

    @property
    def half_log_snr(self) -> Float[Array, " steps"]:
        """Half the log of the signal-to-noise ratio: the time in which samplers integrate."""
        return 0.5 * (jnp.log(self.alphas_bar) - jnp.log1p(-self.alphas_bar))


def linear_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """DDPM's linear betas."""
    return _of_betas(np.linspace(first_beta, last_beta, n_steps))


def cosine_schedule(
    n_steps: int = 1000, offset: float = 0.008, max_beta: float = 0.999, min_beta: float = 0.0
) -> Schedule:
    """Improved DDPM (Nichol and Dhariwal 2021, Eq. 17), betas clipped at the end (and, where
    `min_beta` says so, at the start)."""
    grid = np.arange(n_steps + 1) / n_steps
    signal = np.cos((grid + offset) / (1 + offset) * np.pi / 2) ** 2
    return _of_betas(np.clip(1 - signal[1:] / signal[:-1], min_beta, max_beta))


def quadratic_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """Betas whose square roots are even (latent diffusion's "scaled linear")."""
    return _of_betas(np.linspace(first_beta**0.5, last_beta**0.5, n_steps) ** 2)


def sigmoid_schedule(
    n_steps: int = 1000, first_beta: float = 1e-4, last_beta: float = 0.02
) -> Schedule:
    """Betas along a sigmoid from -5 to 5."""
    rise = 1 / (1 + np.exp(-np.linspace(-5, 5, n_steps)))
    return _of_betas(first_beta + rise * (last_beta - first_beta))


def _of_betas(betas: Float[np.ndarray, " steps"]) -> Schedule:
    """Cumulated in float64: float32 would lose the last digits of the end."""
    return Schedule(jnp.asarray(np.cumprod(1 - betas), jnp.float32))


def posterior_variance(
    alpha_bar: Float[ArrayLike, "*b"], next_alpha_bar: Float[ArrayLike, "*b"]
) -> Float[ArrayLike, "*b"]:
    """Variance of x at the next (cleaner) step when x and x0 are known (DDPM Eq. 7)."""
    return (1 - next_alpha_bar) / (1 - alpha_bar) * (1 - alpha_bar / next_alpha_bar)


def respaced(n_schedule: int, n_steps: int, last: int = 0) -> Int[np.ndarray, " steps"]:
    """`n_steps` steps of a schedule, falling from its end to step `last`, evenly spaced."""
    _check_steps(n_schedule, n_steps)
    return np.linspace(n_schedule - 1, last, n_steps).round().astype(np.int32)


def even_in_snr(schedule: Schedule, n_steps: int, last: int = 0) -> Int[Array, " steps"]:
    """`n_steps` falling steps to `last`, even in the log of the signal-to-noise ratio; near 0 some
    repeat."""
    _check_steps(schedule.n_steps, n_steps)
    times = schedule.half_log_snr
    wanted = jnp.linspace(times[-1], times[last], n_steps)
    return jnp.argmin(jnp.abs(times - wanted[:, None]), 1)


def _check_steps(n_schedule: int, n_steps: int) -> None:
    if not 1 <= n_steps <= n_schedule:
        raise UserError(f"expected 1 to {n_schedule} sampling steps, found {n_steps}: ask for less")
