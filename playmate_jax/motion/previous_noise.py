"""Noise on the previous window's motion (appendix A.2, Eqs. 9 and 10).

Frames generated earlier contain small errors, and a generator that relies on them amplifies the
errors from window to window. In training a little noise, of a separate step in (0, 50), is
therefore added to the previous motion before it is put in front of the noisy current motion
(Eq. 10). Generation feeds its own output back without noise.

Eq. 9 as printed weights the noise by (1 - alpha_bar); DDPM's forward process would take the square
root. Both forms are implemented. For steps under 50 of the linear schedule the noise of the printed
form is weaker by a factor of 4 to 100.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

FORMS = ("printed", "ddpm")
# t in (0, 50) is t = 1 ... 49: the first entries of a schedule's table, which begins with t = 1.
STEPS = 49


def noise_at(
    previous: Float[Array, "b p m"],
    noise: Float[Array, "b p m"],
    alpha_bar: Float[Array, " b"],
    form: str = "printed",
) -> Float[Array, "b p m"]:
    """Previous motion with the noise of Eq. 9, for given noise and alpha_bar.

    Raises:
      ValueError: `form` is neither "printed" nor "ddpm".
    """
    if form not in FORMS:
        raise ValueError(f"expected a form of Eq. 9 among {FORMS}, found {form!r}")
    alpha_bar = alpha_bar[:, None, None]
    level = 1 - alpha_bar if form == "printed" else jnp.sqrt(1 - alpha_bar)
    return jnp.sqrt(alpha_bar) * previous + level * noise


def in_front(
    previous: Float[Array, "b p d"], current: Float[Array, "b t d"]
) -> Float[Array, "b pt d"]:
    """Eq. 10: the previous frames concatenated with the current ones, along time."""
    return jnp.concatenate([previous, current], 1)
