"""2-D convolution whose training is fast on CPUs.

XLA:CPU convolves with a kernel of the image's own size to find a kernel's gradient, an order of
magnitude slower than the forward pass for images and batches of usual size. Here it is, by what is
cheapest (AMD EPYC, two cores, full-size networks):

- large images under a 3x3 window: Winograd's products (models/winograd.py), two to three times as
  fast as a product for each cell; what training convolves is Winograd's there too, 1.3 to 2.4 times
  as fast as XLA's own;
- few channels on one side: one product with all cells of the window side by side, 5 times as fast
  as XLA's own for D's first layer;
- otherwise one product over all pixels for each cell of the kernel.

Without a gradient, and on other backends, the convolution is XLA's own.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from playmate_jax.models import winograd

LAYOUT = ("NHWC", "HWIO", "NHWC")
# From these tiles and this width, io / (i + o) of i and o channels, Winograd's form pays: for what
# is convolved, and for kernels.
TILES, WIDTH = 256, 64
TILES_OF_KERNEL, WIDTH_OF_KERNEL = 64, 24
# Most columns of a product with all cells of the window side by side.
SIDE_BY_SIDE = 256


def conv2d(
    x: Float[Array, "b h w i"], kernel: Float[Array, "kh kw i o"], padding: Any = "SAME"
) -> Float[Array, "b h2 w2 o"]:
    """Convolution of stride 1.

    Args:
      padding: "SAME", "VALID", or cells before and after in height and width.
    """
    if jax.default_backend() != "cpu":
        return _convolved(x, kernel, padding)
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], (1, 1), padding)
    return _conv2d(x, kernel, tuple((int(before), int(after)) for before, after in pads))


def Conv(features: int, kernel_size: tuple[int, int], **how: Any) -> nn.Conv:  # noqa: N802
    """flax's layer, evaluated by `conv2d`.

    Raises:
      ValueError: when it is applied with strides, which are for flax's own nn.Conv.
    """
    return nn.Conv(features, kernel_size, conv_general_dilated=_of_stride_1, **how)


def _of_stride_1(x: Array, kernel: Array, strides: Any, padding: Any, **_: Any) -> Array:
    if set(strides) != {1}:
        raise ValueError(f"expected a convolution of stride 1, found strides {tuple(strides)}")
    return conv2d(x, kernel, padding)


def _convolved(x: Array, kernel: Array, padding: Any) -> Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=LAYOUT)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv2d(x: Array, kernel: Array, pads: tuple[tuple[int, int], ...]) -> Array:
    return _convolved(x, kernel, pads)


def _forward(x: Array, kernel: Array, pads: Any) -> tuple[Array, tuple[Array, Array]]:
    if _large(x, kernel, pads, TILES, WIDTH):
        return winograd.convolution(x, winograd.transformed(kernel)), (x, kernel)
    return _convolved(x, kernel, pads), (x, kernel)


def _backward(pads: Any, saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, kernel = saved
    if _large(x, kernel, pads, TILES, WIDTH):
        of_x = winograd.convolution(g, winograd.transformed(kernel[::-1, ::-1].swapaxes(2, 3)))
    else:
        of_x = jax.vjp(lambda x: _convolved(x, kernel, pads), x)[1](g)[0]
    if _large(x, kernel, pads, TILES_OF_KERNEL, WIDTH_OF_KERNEL):
        return of_x, winograd.kernel_gradient(x, g)
    return of_x, _kernel_gradient(x, kernel, g, pads)


def _large(x: Array, kernel: Array, pads: Any, least: int, width: int) -> bool:
    """Whether Winograd's form pays: it wants a 3x3 window, "SAME" and 32 bits at least."""
    (tall, wide), (i, o) = winograd.tiles(x), kernel.shape[2:]
    return (
        kernel.shape[:2] == (3, 3)
        and pads == ((1, 1), (1, 1))
        and i * o >= width * (i + o)
        and x.shape[0] * tall * wide >= least
        and x.dtype.itemsize >= 4
    )


def _kernel_gradient(x: Array, kernel: Array, g: Array, pads: Any) -> Array:
    """Of every cell of the kernel: what it saw, times what came of it, summed over pixels."""
    kh, kw, i, o = kernel.shape
    form = _side_by_side if kh * kw * min(i, o) <= SIDE_BY_SIDE else _cell_by_cell
    return form(x, kernel, g, pads).astype(kernel.dtype)


def _side_by_side(x: Array, kernel: Array, g: Array, pads: Any) -> Array:
    """All cells in one product: of the side with fewer channels, shifted copies side by side."""
    kh, kw, i, o = kernel.shape
    cells = [(row, column) for row in range(kh) for column in range(kw)]
    if i <= o:
        few, many = jnp.pad(x, ((0, 0), *pads, (0, 0))), g
    else:
        # Seen from a pixel of x, the last cell of the window came first.
        ends = [
            (k - 1 - before, size + before - of_g)
            for k, (before, _), size, of_g in zip((kh, kw), pads, x.shape[1:3], g.shape[1:3])
        ]
        few, many = (
            lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *((*e, 0) for e in ends), (0, 0, 0)]),
            x,
        )
        cells = cells[::-1]
    h, w = many.shape[1:3]
    shifted = [few[:, row : row + h, column : column + w] for row, column in cells]
    found = _over_pixels(jnp.concatenate(shifted, -1), many).reshape(kh, kw, min(i, o), -1)
    return found if i <= o else found.swapaxes(2, 3)


def _cell_by_cell(x: Array, kernel: Array, g: Array, pads: Any) -> Array:
    """A loop, so that one slice of the image is in memory at a time: unrolled, the gradient of G
    takes 16.6 GB in place of 6.1, and that of W 16.7 in place of 4.4 (full size, three images)."""
    kh, kw, i, _ = kernel.shape
    b, h, w, _ = g.shape
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))

    def cell(number: Array) -> Array:
        zero = jnp.int32(0)
        corner = (zero, number // kw, number % kw, zero)
        return _over_pixels(lax.dynamic_slice(padded, corner, (b, h, w, i)), g)

    return lax.map(cell, jnp.arange(kh * kw, dtype=jnp.int32)).reshape(kernel.shape)


def _over_pixels(a: Float[Array, "b h w i"], c: Float[Array, "b h w o"]) -> Float[Array, "i o"]:
    """Products of channels, summed over pixels in float32 at least."""
    a, c = (x.reshape(-1, x.shape[-1]) for x in (a, c))
    wide = jnp.promote_types(c.dtype, jnp.float32)
    return lax.dot_general(a, c, (((0,), (0,)), ((), ())), preferred_element_type=wide)


_conv2d.defvjp(_forward, _backward)
