"""Every formulation of a convolution is the convolution, in float64 to its rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.models.folded import fourier, subpixel, winograd
from playmate_jax.models.folded.convolution import convolution, folded, form_of
from playmate_jax.models.folded.layers import Layer
from playmate_jax.models.resampling import nearest_up


def made_up(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def plain_convolution(x, kernel, bias):
    letters = "DHW"[-(x.ndim - 2) :]
    layout = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    strides = (1,) * len(letters)
    y = jax.lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=layout)
    return y + bias


# Sizes that no tile divides, in every direction.
@pytest.mark.parametrize(
    ("form", "size", "window", "factor"),
    [
        ("winograd", (9, 6), (3, 3), 4),
        ("winograd", (5, 4, 5), (3, 3, 3), 1),
        ("winograd_taps", (2, 4, 5), (3, 3, 3), 2),
        ("fourier", (3, 25, 19), (7, 7, 7), 1),
        ("dot", (3, 2, 4), (3, 3, 3), 1),
        ("dot", (3, 2, 4), (3, 3, 3), 2),
        ("direct", (6, 5), (7, 7), 1),
        ("direct", (6, 5), (3, 3), 4),
    ],
)
def test_a_formulation_is_the_convolution_of_the_enlarged_array(form, size, window, factor):
    kernel, bias = made_up(*window, 5, 4), made_up(4)
    with jax.enable_x64(True):
        x = jnp.asarray(made_up(2, *size, 5))
        layer = folded(Layer(kernel, bias), form, jnp.float64, factor)
        found = jax.jit(convolution)(x, layer)
        wanted = plain_convolution(nearest_up(x, factor), kernel, bias)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, atol=1e-11 * kernel.size)


@pytest.mark.parametrize(("form", "size"), [("winograd", (8, 8)), ("fourier", (1, 18, 18))])
def test_float32_rounds_little(form, size):
    window = (3, 3) if len(size) == 2 else (7, 7, 7)
    kernel, bias, x = made_up(*window, 16, 4), made_up(4), made_up(1, *size, 16)
    layer = folded(Layer(kernel, bias), form, jnp.float32)
    found = jax.jit(convolution)(jnp.asarray(x, jnp.float32), layer)
    with jax.enable_x64(True):
        wanted = np.asarray(plain_convolution(*map(jnp.asarray, (x, kernel, bias))))
    # F(4, 3)'s rounding is 1e-5 of an output's size; Fourier's is below
    assert abs(found - wanted).max() <= 5e-5 * wanted.std()


def test_winograds_matrices_are_a_correlation():
    ins, outs, taps = winograd.matrices()
    data, kernel = made_up(6), made_up(3)
    found = outs @ ((taps @ kernel) * (ins @ data))
    np.testing.assert_allclose(found, np.correlate(data, kernel, "valid"), atol=1e-12)
    # rounding grows with the coefficients: none is far from 1
    assert max(abs(ins).max(), abs(outs).max(), abs(taps).max()) <= 8


def test_phases_are_fewer_than_positions_and_need_fewer_taps():
    kernel = made_up(3, 3, 2, 1)
    for factor, taps in {1: 9, 2: 16, 4: 25, 8: 25}.items():
        rows = subpixel.trimmed_phases(kernel, factor)
        assert len(rows) == min(factor, 3)
        assert sum(phase.shape[0] * phase.shape[1] for row in rows for phase in row) == taps


def test_accelerators_keep_direct_convolutions():
    layers = [Layer(made_up(*window, 2, 2), made_up(2)) for window in ((3, 3), (3, 3, 3))]
    assert {form_of(layer, 64, "gpu") for layer in layers} == {"direct"}


def test_a_tile_holds_the_windows_that_fourier_is_chosen_for():
    widest = Layer(made_up(13, 13, 13, 1, 1), made_up(1))
    assert form_of(widest, 64, "cpu") == "direct" and 13 > fourier.TILE // 2
