"""Random deformations of the plane, and the equivariance loss with an extractor that obeys it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.losses.keypoints import Deformation, equivariance, random_deformation
from playmate_jax.parallel.share import ALONE

IDENTITY = jnp.eye(2, 3)[None]


def deformation(n: int = 4) -> Deformation:
    return random_deformation(ALONE.row_keys(jax.random.key(0), n))


def keypoints(n: int = 4, k: int = 7):
    return jax.random.uniform(jax.random.key(1), (n, k, 3), minval=-0.6, maxval=0.6)


@jax.jit
def seen_at(t: Deformation, x):
    """Where points of the image are in the deformed one: the inverse of T, by iteration."""
    return jax.lax.fori_loop(0, 60, lambda _, z: z - (t.points(z) - x), x)


def test_the_spline_by_hand():
    # One weight, at the middle: r = |.5| + |-.25| = .75, r^2 log(.75) = -.161820 in x and y alike.
    middle = Deformation(IDENTITY, jnp.zeros((1, 25)).at[0, 12].set(1.0))
    found = middle.points(jnp.array([[[0.5, -0.25]]]))
    np.testing.assert_allclose(found, [[[0.338180, -0.411820]]], atol=2e-6)


def test_control_points_are_numbered_by_rows():
    # number 4 is at x = 1, y = -1: r = .5 for (1, -.5) and r^2 log r = -.173287
    corner = Deformation(IDENTITY, jnp.zeros((1, 25)).at[0, 4].set(1.0))
    found = corner.points(jnp.array([[[1.0, -0.5]]]))
    np.testing.assert_allclose(found, [[[0.826713, -0.673287]]], atol=2e-6)


def test_the_affine_part_by_hand():
    affine = jnp.array([[[1.0, 2.0, 0.5], [0.0, 3.0, -1.0]]])
    found = Deformation(affine, jnp.zeros((1, 25))).points(jnp.array([[[0.1, 0.2]]]))
    np.testing.assert_allclose(found, [[[1.0, -0.4]]], atol=1e-6)


def test_the_grid_is_the_map_of_every_pixels_centre():
    t, centres = deformation(), cell_centres(6)
    x = jnp.stack(jnp.meshgrid(centres, centres), -1)
    found, wanted = t.grid(6), t.points(jnp.broadcast_to(x, (4, 6, 6, 2)))
    inside = jnp.abs(wanted) < 1 - 1 / 6
    assert inside.mean() > 0.5
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-6)


def test_beyond_the_image_is_its_reflection():
    # shifted by 0.5, a pixel of a side of 8 being 0.25: the last two columns come back
    affine = IDENTITY.at[0, 0, 2].set(0.5)
    columns = Deformation(affine, jnp.zeros((1, 25))).grid(8)[0, 0, :, 0]
    expected = [-0.375, -0.125, 0.125, 0.375, 0.625, 0.875, 0.875, 0.625]
    np.testing.assert_allclose(columns, expected, atol=1e-6)


def test_nothing_is_undefined_at_a_control_point():
    x = jnp.stack(jnp.meshgrid(jnp.linspace(-1, 1, 5), jnp.linspace(-1, 1, 5)), -1)[None]
    t = deformation(1)
    gradients = jax.grad(lambda x, t: t.points(x).sum(), argnums=(0, 1))(x, t)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((t.points(x), gradients)))


def test_double_precision_stays_double():
    with jax.enable_x64(True):
        t = Deformation(jnp.eye(2, 3, dtype=jnp.float64)[None], jnp.ones((1, 25), jnp.float64))
        assert t.points(jnp.zeros((1, 3, 2), jnp.float64)).dtype == jnp.float64
        assert t.grid(4).dtype == jnp.float64
        assert deformation().affine.dtype == jnp.float32


def test_deformations_have_fomms_spread_and_depend_on_their_rows_key_alone():
    many = deformation(2000)
    affine = np.asarray(many.affine) - np.eye(2, 3)
    # 12,000 and 50,000 numbers: their std scatters by 0.7 and 0.3 %
    assert affine.std() == pytest.approx(0.05, rel=0.03)
    assert np.asarray(many.bend).std() == pytest.approx(0.005, rel=0.02)
    np.testing.assert_array_equal(many.affine[:4], deformation(4).affine)


def test_an_extractor_that_commutes_with_the_deformation_has_no_loss():
    t, x = deformation(), keypoints()
    moved = seen_at(t, x[..., :2])
    assert float(equivariance(x, moved, t).value()) == pytest.approx(0, abs=1e-6)
    assert float(equivariance(x, x, t).value()) > 0.01


def test_the_deformed_image_shows_a_spot_where_the_inverse_map_puts_it():
    """The centre of brightness is an extractor; it commutes but for the spot's own bending."""
    t, spot, size = deformation(), keypoints(k=1)[:, 0, :2] / 2, 64
    x = jnp.stack(jnp.meshgrid(cell_centres(size), cell_centres(size)), -1)
    image = jnp.exp(-jnp.square(x - spot[:, None, None]).sum(-1, keepdims=True) / (2 * 0.06**2))
    deformed = grid_sample_2d(image, t.grid(size))

    def centre(image):
        return ((image * x).sum((1, 2)) / image.sum((1, 2)))[:, None]

    before, after = centre(image), centre(deformed)
    moved = float(jnp.abs(before - after).mean())
    assert moved > 0.02
    assert float(equivariance(before, after, t).value()) < 0.1 * moved


def test_rows_add_up_however_they_are_divided():
    t, x, y = deformation(), keypoints(), keypoints()[::-1]
    whole = equivariance(x, y, t)
    parts = [equivariance(x[r], y[r], Deformation(*(a[r] for a in t))) for r in
             (slice(1), slice(1, 4))]  # fmt: skip
    added = jax.tree.map(jnp.add, *parts)
    assert float(added.value()) == pytest.approx(float(whole.value()), rel=1e-6)
