"""Training objectives.

Eq. 7 is the mean squared error of the noise. In the x0 form the network regresses the clean sample
with weight 1 at every step, which is Eq. 7 without its implied weight alpha_bar / (1 - alpha_bar).
This matters for small networks: Eq. 7 gives almost no weight to the noisiest steps, where speech
alone determines the lips; and the noise, which is white in all 70 numbers while motion is low-rank,
has to be carried through the whole network. Measured: correlation of the jaw with the truth 0.00
(noise) against 0.90 (x0) after ten minutes on one core at width 128.

`velocity_error` compares differences between neighbouring frames. A plain regression loss is
insensitive to jitter of slow signals: the head's velocity per frame is a tenth of its position's
std. It applies to estimates of the clean sample only.
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
    """Elementwise squared error of a network's output against its target (`forward.target_of`).

    With the prediction "noise" its mean is Eq. 7.
    """
    return jnp.square(output - target_of(prediction, x0, noise, alpha_bar))


def masked_sum(
    error: Float[Array, "b t m"],
    valid: Bool[Array, "b t"] | Float[Array, "b t"],
    weights: Float[Array, " m"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Sum and number of what a weighted mean of an error over valid frames is taken of.

    Args:
      error: elementwise errors.
      valid: a mask, or a weight, of each frame.
      weights: a weight of each motion number; they are normalised to mean 1.

    Returns:
      The sum over frames of the mean over motion numbers, and the number of valid frames. The mean
      is left to the caller: that of a whole batch is not the mean of its parts' means.
    """
    if weights is not None:
        error = error * (weights / weights.mean())
    valid = valid.astype(error.dtype)
    return (error.mean(-1) * valid).sum(), valid.sum()


def velocity_error(
    estimate: Float[Array, "b t m"],
    x0: Float[Array, "b t m"],
    valid: Bool[Array, "b t"],
    weights: Float[Array, " m"] | None = None,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """`masked_sum` of the squared error of the differences between neighbouring frames that are
    both valid."""
    error = jnp.square(jnp.diff(estimate, axis=1) - jnp.diff(x0, axis=1))
    return masked_sum(error, valid[:, 1:] & valid[:, :-1], weights)
