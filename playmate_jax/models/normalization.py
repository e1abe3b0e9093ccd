"""The normalisation layers of LivePortrait's networks, with the numerics of its PyTorch original.

eps is 1e-5 where nothing else is said, and variances are computed in two passes, as PyTorch does.
Statistics are float32 at least, whatever the arrays are.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-5
MOMENTUM = 0.9  # share of the running statistics that a training call keeps; PyTorch's 0.1
_AXIS: ContextVar[str | None] = ContextVar("axis of the devices that share a batch", default=None)


@contextlib.contextmanager
def statistics_over(axis: str | None) -> Iterator[None]:
    """While networks are traced in it, BatchNorm's moments are those of the rows of all devices.

    Args:
      axis: the name of `jax.pmap`'s axis, of devices with equally many rows; None: the arrays are
        whole (one device, or a mesh that the compiler spreads them over).
    """
    token = _AXIS.set(axis)
    try:
        yield
    finally:
        _AXIS.reset(token)


class BatchNorm(nn.Module):
    """Each channel to mean 0 and variance 1 over everything else, then scale and bias.

    Differs from flax's in the running variance: as in PyTorch it is the unbiased estimate, n / (n -
    1) times the variance that normalises. At LivePortrait's sizes that is 1e-2 of it in the
    hourglass's smallest volume, so a checkpoint that changes sides would not be the same network.
    """

    train: bool
    epsilon: float = EPSILON

    @nn.compact
    def __call__(self, x: Float[Array, "*b c"]) -> Float[Array, "*b c"]:
        c = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (c,))
        mean, var = running_mean.value, running_var.value
        if self.train:
            mean, var, n = moments(x)
            if not self.is_initializing():
                unbiased = var * (n / max(n - 1, 1))
                running_mean.value = _moved(running_mean.value, mean)
                running_var.value = _moved(running_var.value, unbiased)
        y = (x - mean) * (jax.lax.rsqrt(var + self.epsilon) * scale) + bias
        return y.astype(jnp.result_type(x, scale, bias))


def moments(x: Float[Array, "*b c"]) -> tuple[Float[Array, " c"], Float[Array, " c"], int]:
    """Mean and (biased) variance of every channel, float32 at least, and the number of values:
    over all devices inside `statistics_over`."""
    axis = _AXIS.get()
    over = (lambda x: x) if axis is None else (lambda x: jax.lax.pmean(x, axis))
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(x.ndim - 1))
    mean = over(jnp.mean(x, axes))
    devices = 1 if axis is None else jax.lax.axis_size(axis)
    count = devices * (x.size // x.shape[-1])
    return mean, over(jnp.mean(jnp.square(x - mean), axes)), count


def batch_norm(train: bool, name: str, epsilon: float = EPSILON) -> BatchNorm:
    """BatchNorm of channels-last arrays of any rank; parameters `scale` and `bias` (c,).

    Its running mean and variance are in the collection "batch_stats"; `train` updates them and
    normalises by the batch's own. `epsilon` is added to variances; networks that come from
    TensorFlow have 1e-3.
    """
    return BatchNorm(train, epsilon, name=name)


def _moved(running: Float[Array, " c"], found: Float[Array, " c"]) -> Float[Array, " c"]:
    return MOMENTUM * running + (1.0 - MOMENTUM) * jax.lax.stop_gradient(found)


def instance_norm(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Each channel of each image to mean 0 and variance 1 over its pixels, no parameters."""
    y = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = jnp.mean(y, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(y - mean), axis=(1, 2), keepdims=True)
    return ((y - mean) * jax.lax.rsqrt(variance + EPSILON)).astype(x.dtype)
