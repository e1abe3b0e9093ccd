"""The face-identity loss by hand and by its laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.losses.face_identity import face_identity


def test_the_loss_by_hand():
    # cosines 0.6, 0 and -1: (0.4 + 1 + 2) / 3, whatever the lengths
    drawn = jnp.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    wanted = jnp.array([[10.0, 0.0], [5.0, 0.0], [-7.0, 0.0]])
    found = face_identity(drawn, wanted)
    assert float(found.total) == pytest.approx(3.4, rel=1e-6) and float(found.count) == 3


def test_equal_embeddings_have_no_loss():
    x = jax.random.normal(jax.random.key(0), (4, 16))
    assert float(face_identity(x, 3 * x).value()) == pytest.approx(0, abs=1e-6)


def test_the_wanted_face_gets_no_gradient_and_an_empty_embedding_a_finite_one():
    x, y = jax.random.normal(jax.random.key(0), (2, 4, 16)).at[0, 0].set(0)
    to_drawn, to_wanted = jax.grad(lambda *xy: face_identity(*xy).value(), (0, 1))(x, y)
    assert (to_wanted == 0).all()
    assert np.isfinite(to_drawn).all()
