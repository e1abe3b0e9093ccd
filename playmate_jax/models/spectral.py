"""2-D convolution with spectral normalisation (Miyato et al. 2018), stored as PyTorch stores it.

The parameter `kernel` is the raw one; its largest singular value sigma = u^T W v divides it at
every call, W being the kernel as a matrix (out, in h w). u (out,) and v (h, w, in) live in the
collection "spectral": training refines them by one power iteration per call, evaluation uses them
as they are. Keeping the raw kernel, u and v makes the exchange with PyTorch exact.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.convolution import conv2d


class SpectralConv2d(nn.Module):
    """Convolution of stride 1, divided by its spectral norm; "SAME" wants an odd kernel size."""

    features: int
    kernel_size: int = 3
    use_bias: bool = True
    padding: str = "SAME"

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], train: bool = False
    ) -> Float[Array, "b h2 w2 o"]:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        u = self.variable("spectral", "u", self._unit_noise, shape[3:])
        v = self.variable("spectral", "v", self._unit_noise, shape[:3])
        if train and not self.is_initializing():
            fixed = jax.lax.stop_gradient(kernel)
            v.value = _normalized(_apply(fixed, u.value))
            u.value = _normalized(_apply_transposed(fixed, v.value))
        sigma = jnp.sum(u.value * _apply_transposed(kernel, v.value))
        y = conv2d(x, (kernel / sigma).astype(kernel.dtype), self.padding)
        if self.use_bias:
            y = y + self.param("bias", nn.initializers.zeros, (self.features,))
        return y

    def _unit_noise(self, shape: tuple[int, ...]) -> Array:
        return _normalized(jax.random.normal(self.make_rng("params"), shape))


def _apply(kernel: Float[Array, "h w i o"], u: Float[Array, " o"]) -> Float[Array, "h w i"]:
    return jnp.einsum("hwio,o->hwi", kernel, u, precision="highest")


def _apply_transposed(
    kernel: Float[Array, "h w i o"], v: Float[Array, "h w i"]
) -> Float[Array, " o"]:
    return jnp.einsum("hwio,hwi->o", kernel, v, precision="highest")


def _normalized(x: Array) -> Array:
    return x / jnp.maximum(jnp.sqrt(jnp.sum(jnp.square(x))), 1e-12)  # eps as torch's `normalize`
