"""Depthwise 2-D convolution as a sum of shifted products, stride 1, zero padding, same size.

XLA's grouped convolution is fine forward, but its backward pass on CPU is slower by orders of
magnitude; the same sum of kh x kw shifted products with a hand-written derivative is fast
everywhere it was tried.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def _shifts(x: Array, kernel_shape: tuple[int, ...]) -> list[Array]:
    kh, kw = kernel_shape[:2]
    _, h, w, _ = x.shape
    padded = jnp.pad(x, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    return [padded[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)]


@jax.custom_vjp
def depthwise_conv2d(
    x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c"]
) -> Float[Array, "b h w c"]:
    """Each channel with its own odd-sized kernel (a correlation, as everywhere in this field)."""
    taps = kernel.reshape(-1, kernel.shape[-1])
    return sum(shifted * taps[i] for i, shifted in enumerate(_shifts(x, kernel.shape)))


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return depthwise_conv2d(x, kernel), (x, kernel)


def _backward(residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    d_x = depthwise_conv2d(cotangent, kernel[::-1, ::-1])
    d_taps = [jnp.sum(shifted * cotangent, axis=(0, 1, 2)) for shifted in _shifts(x, kernel.shape)]
    return d_x, jnp.stack(d_taps).reshape(kernel.shape)


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
