"""Training objectives.

Eq. 7: the mean squared error of the noise. In the x0 form the same network regresses the clean
sample with weight 1 at every step, which is Eq. 7 with its weight alpha_bar / (1 - alpha_bar) taken
out. Why that matters at small size: the last steps, where speech alone decides the lips, weigh
nearly nothing in Eq. 7; and the noise, being white in all 70 numbers while motion is low-rank, must
be copied through the whole network. Measured: correlation of the jaw with the truth 0.00 (noise)
against 0.90 (x0) after ten minutes on one core at width 128.

`velocity_error` compares how neighbouring frames differ. Plain regression hardly sees jitter of
slow signals: the head's velocity per frame is a tenth of its position's std. It is defined on
estimates of the clean sample only.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from playmate_jax.diffusion.forward import target_of


def squared_error(
    prediction: str,
    output: Float[Array, "b *x"],
    x0: Float[Array, "b *x"],
    noise: Float[Array, "b *x"],
    alpha_bar: Float[Array, " b"],
) -> Float[Array, "b *x"]:
    """Elementwise squared error of an output; with prediction "noise" its mean is Eq. 7."""
    return jnp.square(output - target_of(prediction, x0, noise, alpha_bar))


def masked_mean(
    error: Float[Array, "b t m"],
    valid: Bool[Array, "b t"] | Float[Array, "b t"],
    weights: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Mean over the frames that count; `weights` per number are normalised to mean 1."""
    if weights is not None:
        error = error * (weights / weights.mean())
    valid = valid.astype(error.dtype)
    return (error.mean(-1) * valid).sum() / jnp.maximum(valid.sum(), 1)


def velocity_error(
    estimate: Float[Array, "b t m"],
    x0: Float[Array, "b t m"],
    valid: Bool[Array, "b t"],
    weights: Float[Array, " m"] | None = None,
) -> Float[Array, ""]:
    """Mean squared error of the difference between neighbouring frames."""
    error = jnp.square(jnp.diff(estimate, axis=1) - jnp.diff(x0, axis=1))
    return masked_mean(error, valid[:, 1:] & valid[:, :-1], weights)
