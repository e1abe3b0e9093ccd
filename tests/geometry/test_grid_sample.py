"""Sampling against a loop over cells written from the definition, in float64 NumPy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d, grid_sample_3d


def naive(source: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Sum over all 2^n cells around each point of value times hat weights; zeros outside."""
    sizes = np.array(source.shape[1:-1])
    out = np.zeros((*grid.shape[:-1], source.shape[-1]))
    for at in np.ndindex(grid.shape[:-1]):
        position = ((grid[at][::-1] + 1) * sizes - 1) / 2
        low = np.floor(position).astype(int)
        for bits in itertools.product((0, 1), repeat=len(sizes)):
            cell = low + bits
            if (cell >= 0).all() and (cell < sizes).all():
                out[at] += np.prod(1 - np.abs(position - cell)) * source[(at[0], *cell)]
    return out


CASES = {
    "volume": (grid_sample_3d, (2, 3, 4, 5, 2), (2, 2, 3, 4, 3)),
    "picture": (grid_sample_2d, (2, 5, 4, 3), (2, 3, 4, 2)),
}


@pytest.fixture(params=CASES)
def case(request):
    sample, source_shape, grid_shape = CASES[request.param]
    random = np.random.default_rng(1)
    return sample, random.standard_normal(source_shape), random.uniform(-1.4, 1.4, grid_shape)


def test_agrees_with_a_loop_over_cells(case):
    sample, source, grid = case
    ours = jax.jit(sample)(jnp.asarray(source, jnp.float32), jnp.asarray(grid, jnp.float32))
    # float32 coordinates times sizes up to 5 carry 1e-6 of a cell.
    np.testing.assert_allclose(ours, naive(source, grid), atol=1e-5)


def test_gradients_are_float64_finite_differences(case):
    sample, source, grid = case
    cotangent = np.random.default_rng(2).standard_normal((*grid.shape[:-1], source.shape[-1]))
    with jax.enable_x64(True):
        _, pull_back = jax.vjp(jax.jit(sample), jnp.asarray(source), jnp.asarray(grid))
        ours = [np.asarray(gradient) for gradient in pull_back(jnp.asarray(cotangent))]
    step = 1e-6
    for ours_at, array, place in zip(ours, (source, grid), (0, 1)):
        for index in list(np.ndindex(array.shape))[:: max(1, array.size // 60)]:
            sides = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * step
                arguments = (moved, grid) if place == 0 else (source, moved)
                sides.append(np.sum(naive(*arguments) * cotangent))
            # Linear between cell centres: the central difference is exact up to rounding.
            assert abs((sides[0] - sides[1]) / (2 * step) - ours_at[index]) < 1e-7


def test_cell_centres_return_the_cells():
    volume = jnp.asarray(np.random.default_rng(0).standard_normal((1, 3, 4, 5, 2)), jnp.float32)
    z, h, w = jnp.meshgrid(*(cell_centres(n) for n in (3, 4, 5)), indexing="ij")
    sampled = jax.jit(grid_sample_3d)(volume, jnp.stack([w, h, z], axis=-1)[None])
    np.testing.assert_allclose(sampled, volume, atol=1e-5)


def test_far_outside_is_zero_with_zero_gradients():
    volume = jnp.ones((1, 3, 4, 5, 2))
    grid = jnp.full((1, 1, 1, 1, 3), 1e30)
    value, pull_back = jax.vjp(jax.jit(grid_sample_3d), volume, grid)
    _, gradient = pull_back(jnp.ones_like(value))
    np.testing.assert_array_equal(value, np.zeros((1, 1, 1, 1, 2)))
    np.testing.assert_array_equal(gradient, np.zeros_like(grid))
