"""What a Conformer layer is made of between its matrices, with derivatives written by hand.

Each piece saves little for the backward pass (its input, never a mask or an intermediate) and is
compiled apart (models/apart.py). Element-wise work is done in float32 at least, results have x's
type. Arrays are (b, t, d); matrices multiply their (b t, d) rows, because XLA copies a transposed
array for a gradient that contracts two axes.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from playmate_jax.models.apart import apart
from playmate_jax.models.row_dropout import Seeds, row_dropout

EPSILON = 1e-5  # of PyTorch's LayerNorm


def wide(x: Array) -> Array:
    """x in float32 at least."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _product(x: Array, kernel: Array) -> Array:
    return (_rows(x) @ kernel).reshape(*x.shape[:-1], -1)


def _kernel_gradient(x: Array, g: Array) -> Array:
    return lax.dot_general(_rows(x), _rows(g), (((0,), (0,)), ((), ())))


def _sum_of_rows(x: Array) -> Array:
    """The sum over all but the last axis, as a product: a reduction would be a computation of its
    own for XLA to compile at every place."""
    rows = wide(_rows(x))
    return lax.dot(jnp.ones(rows.shape[0], rows.dtype), rows, precision="highest")


def _bias_gradient(g: Array, bias: Array) -> Array:
    return _sum_of_rows(g).astype(bias.dtype)


@jax.custom_vjp
def dense(
    x: Float[Array, "*b d"], kernel: Float[Array, "d f"], bias: Float[Array, "f"]
) -> Float[Array, "*b f"]:
    """x times the kernel, plus the bias."""
    return _product(x, kernel) + bias


def _dense_forward(x, kernel, bias):
    return dense(x, kernel, bias), (x, kernel, bias)


def _dense_backward(saved, g):
    x, kernel, bias = saved
    return _product(g, kernel.T), _kernel_gradient(x, g), _bias_gradient(g, bias)


dense.defvjp(_dense_forward, _dense_backward)


@apart(1)
def _activated(x, rate, seeds):
    return row_dropout(jax.nn.silu(wide(x)), rate, seeds).astype(x.dtype)


@apart(2)
def _activated_backward(g, x, rate, seeds):
    s = jax.nn.sigmoid(wide(x))
    g = row_dropout(wide(g), rate, seeds)
    return (g * s * (1 + wide(x) * (1 - s))).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def silu_dense(
    x: Float[Array, "b *t d"],
    kernel: Float[Array, "d f"],
    bias: Float[Array, "f"],
    rate: float,
    seeds: Seeds,
) -> Float[Array, "b *t f"]:
    """SiLU, dropout, then `dense`; only x is saved, the activation is computed again."""
    return _product(_activated(x, rate, seeds), kernel) + bias


def _silu_dense_forward(x, kernel, bias, rate, seeds):
    return silu_dense(x, kernel, bias, rate, seeds), (x, kernel, bias, seeds)


def _silu_dense_backward(rate, saved, g):
    x, kernel, bias, seeds = saved
    d_kernel = _kernel_gradient(_activated(x, rate, seeds), g)
    d_x = _activated_backward(_product(g, kernel.T), x, rate, seeds)
    return d_x, d_kernel, _bias_gradient(g, bias), None


silu_dense.defvjp(_silu_dense_forward, _silu_dense_backward)


@apart()
def _normalized(x, scale, bias):
    y = wide(x)
    mean = y.mean(-1, keepdims=True)
    rate = lax.rsqrt(jnp.square(y - mean).mean(-1, keepdims=True) + EPSILON)
    return ((y - mean) * rate * wide(scale) + wide(bias)).astype(x.dtype), mean, rate


@apart()
def _normalized_backward(g, x, mean, rate, scale):
    g, y = wide(g), (wide(x) - mean) * rate
    scaled = g * wide(scale)
    along = (scaled * y).mean(-1, keepdims=True)
    d_x = rate * (scaled - scaled.mean(-1, keepdims=True) - y * along)
    d_scale, d_bias = _sum_of_rows(g * y), _sum_of_rows(g)
    return d_x.astype(x.dtype), d_scale.astype(scale.dtype), d_bias.astype(scale.dtype)


@jax.custom_vjp
def layer_norm(
    x: Float[Array, "*b d"], scale: Float[Array, "d"], bias: Float[Array, "d"]
) -> Float[Array, "*b d"]:
    """LayerNorm over features (Ba et al. 2016)."""
    return _normalized(x, scale, bias)[0]


def _layer_norm_forward(x, scale, bias):
    y, mean, rate = _normalized(x, scale, bias)
    return y, (x, mean, rate, scale)


def _layer_norm_backward(saved, g):
    return _normalized_backward(g, *saved)


layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


@apart()
def _gated(x, valid):
    values, gates = jnp.split(wide(x), 2, -1)
    y = values * jax.nn.sigmoid(gates)
    return (y if valid is None else jnp.where(valid[..., None], y, 0)).astype(x.dtype)


@apart()
def _gated_backward(g, x, valid):
    values, gates = jnp.split(wide(x), 2, -1)
    s = jax.nn.sigmoid(gates)
    g = wide(g) if valid is None else jnp.where(valid[..., None], wide(g), 0)
    return jnp.concatenate([g * s, g * values * s * (1 - s)], -1).astype(x.dtype)


@jax.custom_vjp
def gated(x: Float[Array, "b t f"], valid: Bool[Array, "b t"] | None) -> Float[Array, "b t d"]:
    """The first half of the features times the sigmoid of the second, zero where not valid."""
    return _gated(x, valid)


gated.defvjp(
    lambda x, valid: (_gated(x, valid), (x, valid)),
    lambda saved, g: (_gated_backward(g, *saved), None),
)


@apart(2, 3)
def _added(x, y, weight, rate, seeds):
    return (wide(x) + weight * row_dropout(wide(y), rate, seeds)).astype(x.dtype)


@apart(1, 2)
def _dropped(g, weight, rate, seeds):
    return (weight * row_dropout(wide(g), rate, seeds)).astype(g.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def add(
    x: Float[Array, "b t d"], y: Float[Array, "b t d"], weight: float, rate: float, seeds: Seeds
) -> Float[Array, "b t d"]:
    """x + weight * dropout(y): the end of a residual branch."""
    return _added(x, y, weight, rate, seeds)


add.defvjp(
    lambda x, y, weight, rate, seeds: (_added(x, y, weight, rate, seeds), seeds),
    lambda weight, rate, seeds, g: (g, _dropped(g, weight, rate, seeds), None),
)


class LayerNorm(nn.Module):
    """LayerNorm over features; parameters `scale` and `bias`."""

    @nn.compact
    def __call__(self, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return layer_norm(x, scale, bias)


class Dense(nn.Module):
    """A linear layer, with SiLU and dropout on its input where `after_silu`; parameters `kernel`
    and `bias`."""

    features: int
    after_silu: bool = False
    dropout: float = 0.0
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "*b d"], seeds: Seeds = None) -> Float[Array, "*b f"]:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.after_silu:
            return silu_dense(x, kernel, bias, self.dropout, seeds)
        return dense(x, kernel, bias)
