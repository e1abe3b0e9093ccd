"""F, M, W, G in training mode: statistics apart from parameters, and over devices."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.models import renderer
from playmate_jax.models.normalization import BatchNorm, statistics_over
from playmate_jax.models.renderer_training import Execution, decode, encode, joined, split
from tests.training.made_up_portraits import RENDERER


@pytest.fixture(scope="module")
def variables():
    return renderer.init(RENDERER, jax.random.key(0))


def drawn(params, statistics, how):
    """Two rows through F, W and G."""
    image = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3))
    points = jax.random.uniform(jax.random.key(2), (2, 2, 21, 3), minval=-0.5, maxval=0.5)
    volume, statistics = encode(RENDERER, params, statistics, image, how)
    return decode(RENDERER, params, statistics, volume, *points, how)


def test_parameters_and_statistics_make_up_the_variables(variables):
    params, statistics = split(variables)
    assert {name: set(own) for name, own in statistics.items()} == {
        "appearance": {"batch_stats"}, "warping": {"batch_stats"}, "spade": {"spectral"},
    }  # fmt: skip
    chex.assert_trees_all_equal(joined(params, statistics), variables)


def test_a_call_moves_the_statistics_of_its_networks(variables):
    image, after = jax.jit(lambda p, s: drawn(p, s, Execution()))(*split(variables))
    before = split(variables)[1]
    chex.assert_trees_all_equal_shapes_and_dtypes(before, after)
    assert image.shape == (2, 16, 16, 3) and 0 <= image.min() and image.max() <= 1
    for name, own in before.items():
        changed = [
            not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (own, after[name])))
        ]
        assert all(changed), name


def test_rematerialised_networks_have_the_same_gradients(variables):
    params, statistics = split(variables)

    def gradient(how):
        return jax.jit(jax.grad(lambda p: jnp.sum(jnp.square(drawn(p, statistics, how)[0]))))(
            params
        )

    plain, again = gradient(Execution()), gradient(Execution(remat="network"))
    # the same numbers in another program: XLA fuses them otherwise
    scale = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(plain))
    chex.assert_trees_all_close(plain, again, atol=1e-5 * scale)


def test_bfloat16_is_near_float32_and_keeps_statistics_in_float32(variables):
    exact, _ = drawn(*split(variables), Execution())
    rounded, statistics = drawn(*split(variables), Execution("bfloat16"))
    assert {x.dtype for x in jax.tree.leaves(statistics)} == {jnp.dtype("float32")}
    # bfloat16 has 8 bits: 4e-3 a layer, and an image is in [0, 1]
    assert 0 < float(jnp.abs(exact - rounded).max()) < 0.05


def test_unknown_ways_to_evaluate_are_refused():
    with pytest.raises(UserError, match="precision out of float32, bfloat16, found 'bfloat'"):
        Execution("bfloat")
    with pytest.raises(UserError, match="found 'networks' .did you mean 'network'"):
        Execution(remat="networks")


def test_moments_over_an_axis_are_those_of_the_whole_batch():
    """Outputs, gradients and running statistics; `vmap` names an axis as `pmap` does."""
    x = jax.random.normal(jax.random.key(0), (4, 3, 5, 2)) * jnp.arange(1, 5)[:, None, None, None]
    norm = BatchNorm(train=True)
    variables = norm.init(jax.random.key(1), x[0])
    weight = jax.random.normal(jax.random.key(2), x.shape)

    def loss(params, x, weight, axis):
        with statistics_over(axis):
            y, kept = norm.apply({**variables, "params": params}, x, mutable=["batch_stats"])
        return jnp.sum(jnp.square(y) * weight), (y, kept)

    def part(x, weight):
        (by_params, by_x), rest = jax.grad(loss, (0, 1), has_aux=True)(
            variables["params"], x, weight, "parts"
        )
        return jax.lax.psum(by_params, "parts"), by_x, rest

    by_params, by_x, (y, kept) = jax.vmap(part, axis_name="parts")(x, weight)
    (params_wanted, x_wanted), (y_wanted, kept_wanted) = jax.grad(loss, (0, 1), has_aux=True)(
        variables["params"], x.reshape(-1, 5, 2), weight.reshape(-1, 5, 2), None
    )
    np.testing.assert_allclose(y.reshape(-1, 5, 2), y_wanted, atol=1e-5)
    np.testing.assert_allclose(by_x.reshape(-1, 5, 2), x_wanted, atol=1e-5)
    for found, wanted in ((by_params, params_wanted), (kept, kept_wanted)):
        chex.assert_trees_all_close(jax.tree.map(lambda leaf: leaf[0], found), wanted, rtol=1e-5)
