"""Convolutions of volumes with a stride have the sizes and the padding of TensorFlow's "SAME"."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.models.conv3d import strided


@pytest.mark.parametrize(("depth", "kernel_size", "stride"), [(8, 7, 2), (9, 7, 2), (7, 3, 3)])
def test_slices_side_by_side_are_the_same_sum_as_a_3d_convolution(depth, kernel_size, stride):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, depth, 6, 7, 3)).astype(np.float32)
    kernel = rng.standard_normal((*(kernel_size,) * 3, 3, 4)).astype(np.float32)
    dimensions = ("NDHWC", "DHWIO", "NDHWC")
    wanted = jax.lax.conv_general_dilated(
        x, kernel, (stride,) * 3, "SAME", dimension_numbers=dimensions
    )
    found = strided(jnp.asarray(x), jnp.asarray(kernel), stride)
    assert (
        found.shape == wanted.shape == (2, -(-depth // stride), -(-6 // stride), -(-7 // stride), 4)
    )
    # up to 1029 products of order one: float32 rounds their sum by some 1e-5
    np.testing.assert_allclose(found, wanted, atol=1e-4)
