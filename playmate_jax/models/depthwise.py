"""Depthwise convolutions as sums of shifted products, stride 1, zero padding, same size.

XLA's grouped convolution is fine forward, but its backward pass on CPU is slower by orders of
magnitude; the same sum of shifted products with a hand-written derivative is fast everywhere it was
tried.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.apart import apart
from playmate_jax.models.pieces import wide


def _padded(x: Array, k: int) -> Array:
    return jnp.pad(wide(x), ((0, 0), (k // 2, k // 2), (0, 0)))


@apart()
def _shifted_sum(x: Array, taps: Array) -> Array:
    k, t = taps.shape[0], x.shape[1]
    padded, taps = _padded(x, k), wide(taps)
    return sum(padded[:, i : i + t] * taps[i] for i in range(k)).astype(x.dtype)


@apart()
def _tap_gradient(padded: Array, cotangent: Array, first: Array) -> Array:
    shifted = jax.lax.dynamic_slice_in_dim(padded, first, cotangent.shape[1], 1)
    return (shifted * wide(cotangent)).sum((0, 1))


@jax.custom_vjp
def depthwise_conv1d(x: Float[Array, "b t d"], taps: Float[Array, "k d"]) -> Float[Array, "b t d"]:
    """Each channel with its own odd-sized kernel over time; summed in float32 at least."""
    return _shifted_sum(x, taps)


def _backward1d(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, taps = saved
    k = taps.shape[0]
    padded = apart(1)(_padded)(x, k)
    d_taps = jax.lax.map(lambda i: _tap_gradient(padded, cotangent, i), jnp.arange(k))
    return _shifted_sum(cotangent, taps[::-1]), d_taps.astype(taps.dtype)


depthwise_conv1d.defvjp(lambda x, taps: (_shifted_sum(x, taps), (x, taps)), _backward1d)


class DepthwiseConv1d(nn.Module):
    """Depthwise convolution over time with bias; parameters `kernel` (k, d) and `bias` (d,)."""

    kernel_size: int

    @nn.compact
    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        init = nn.initializers.normal(self.kernel_size**-0.5)
        kernel = self.param("kernel", init, (self.kernel_size, x.shape[-1]))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return depthwise_conv1d(x, kernel) + bias


def _shifts(x: Array, kernel_shape: tuple[int, ...]) -> list[Array]:
    kh, kw = kernel_shape[:2]
    _, h, w, _ = x.shape
    padded = jnp.pad(wide(x), ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    return [padded[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)]


@jax.custom_vjp
def depthwise_conv2d(
    x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c"]
) -> Float[Array, "b h w c"]:
    """Each channel with its own odd-sized kernel (a correlation, as everywhere in this field)."""
    taps = kernel.reshape(-1, kernel.shape[-1])
    shifts = enumerate(_shifts(x, kernel.shape))
    return sum(shifted * taps[i] for i, shifted in shifts).astype(x.dtype)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return depthwise_conv2d(x, kernel), (x, kernel)


def _backward(residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    d_x = depthwise_conv2d(cotangent, kernel[::-1, ::-1])
    d_taps = [jnp.sum(shifted * cotangent, axis=(0, 1, 2)) for shifted in _shifts(x, kernel.shape)]
    return d_x, jnp.stack(d_taps).reshape(kernel.shape).astype(kernel.dtype)


depthwise_conv2d.defvjp(_forward, _backward)


class DepthwiseConv2d(nn.Module):
    """Depthwise convolution with bias; parameters `kernel` (kh, kw, c) and `bias` (c,)."""

    kernel_size: int = 7

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        channels = x.shape[-1]
        shape = (self.kernel_size, self.kernel_size, channels)
        # One input channel per output: the fan-in is the kernel's area alone.
        init = nn.initializers.normal(stddev=1.0 / self.kernel_size)
        kernel = self.param("kernel", init, shape)
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        return depthwise_conv2d(x, kernel) + bias
