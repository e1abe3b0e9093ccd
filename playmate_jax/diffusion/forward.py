"""The forward process, and the three quantities that a network may predict.

Of a noisy sample x = a x0 + s noise (a = sqrt(alpha_bar), s = sqrt(1 - alpha_bar)) a network may
predict the noise, the clean sample x0, or v = a noise - s x0 (Salimans and Ho 2022). Given x, each
of them determines the others.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

PREDICTIONS = ("noise", "x0", "v")


def signal_and_noise(
    alpha_bar: Float[Array, "*b"], like: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """sqrt(alpha_bar) and sqrt(1 - alpha_bar), with axes added to broadcast against `like`."""
    alpha_bar = jnp.asarray(alpha_bar)
    alpha_bar = alpha_bar.reshape(alpha_bar.shape + (1,) * (like.ndim - alpha_bar.ndim))
    return jnp.sqrt(alpha_bar), jnp.sqrt(1 - alpha_bar)


def add_noise(
    x0: Float[Array, "b *x"], noise: Float[Array, "b *x"], alpha_bar: Float[Array, "*b"]
) -> Float[Array, "b *x"]:
    """A sample of the forward process q(x | x0) for given noise (DDPM, Eq. 4)."""
    signal, level = signal_and_noise(alpha_bar, x0)
    return signal * x0 + level * noise


def noise_from(
    prediction: str,
    output: Float[Array, "b *x"],
    x: Float[Array, "b *x"],
    alpha_bar: Float[Array, "*b"],
) -> Float[Array, "b *x"]:
    """The noise estimate that a network's output implies.

    Args:
      prediction: what the output is: "noise", "x0" or "v".

    Raises:
      ValueError: another `prediction`.
    """
    signal, level = signal_and_noise(alpha_bar, x)
    if prediction == "noise":
        return output
    if prediction == "x0":
        return (x - signal * output) / level
    if prediction == "v":
        return level * x + signal * output
    raise ValueError(f"expected a prediction among {PREDICTIONS}, found {prediction!r}")


def x0_from_noise(
    noise: Float[Array, "b *x"], x: Float[Array, "b *x"], alpha_bar: Float[Array, "*b"]
) -> Float[Array, "b *x"]:
    """The estimate of the clean sample that a noise estimate implies."""
    signal, level = signal_and_noise(alpha_bar, x)
    return (x - level * noise) / signal


def x0_from(
    prediction: str,
    output: Float[Array, "b *x"],
    x: Float[Array, "b *x"],
    alpha_bar: Float[Array, "*b"],
) -> Float[Array, "b *x"]:
    """The estimate of the clean sample that a network's output implies; see `noise_from`."""
    if prediction == "x0":  # computed from the noise it would lose digits where the signal is weak
        return output
    return x0_from_noise(noise_from(prediction, output, x, alpha_bar), x, alpha_bar)


def target_of(
    prediction: str,
    x0: Float[Array, "b *x"],
    noise: Float[Array, "b *x"],
    alpha_bar: Float[Array, "*b"],
) -> Float[Array, "b *x"]:
    """The training target of a network that predicts `prediction`: "noise", "x0" or "v".

    Raises:
      ValueError: another `prediction`.
    """
    signal, level = signal_and_noise(alpha_bar, x0)
    if prediction == "noise":
        return noise
    if prediction == "x0":
        return x0
    if prediction == "v":
        return signal * noise - level * x0
    raise ValueError(f"expected a prediction among {PREDICTIONS}, found {prediction!r}")
