"""The hinge GAN and feature matching, by hand and by the laws of any loss on rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.losses.adversarial import feature_matching, hinge_discriminator, hinge_generator
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from playmate_jax.parallel.share import Mean


def judgement(seed: int, rows: int = 4):
    """Two scales, two blocks each; logits around the hinge's corners."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: jnp.asarray(rng.standard_normal((rows, *shape)), jnp.float32)  # noqa: E731
    return [(2 * normal(s, s, 1), [normal(2 * s, 2 * s, 3), normal(s, s, 5)]) for s in (4, 2)]


def one(logits, features=()):
    """A single scale of one row."""
    shaped = lambda x: jnp.asarray(x, jnp.float32).reshape(1, 1, -1, 1)  # noqa: E731
    return [(shaped(logits), [shaped(block) for block in features])]


def test_the_discriminators_loss_by_hand():
    # real: max(0, 1 - 2) = 0, max(0, 1 - 0.5) = 0.5; fake: max(0, 1 - 3) = 0, max(0, 1 + 1) = 2;
    # means 0.25 and 1
    found = hinge_discriminator(one([2.0, 0.5]), one([-3.0, 1.0]))
    assert float(found.value()) == 1.25 and float(found.count) == 1


def test_the_generators_loss_by_hand():
    assert float(hinge_generator(one([-3.0, 1.0])).value()) == 1.0


def test_feature_matching_by_hand():
    # blocks: (|1 - 0| + |2 - 4|) / 2 = 1.5 and |5 - 4.5| = 0.5, summed
    found = feature_matching(one([0], [[0.0, 4.0], [4.5]]), one([0], [[1.0, 2.0], [5.0]]))
    assert float(found.value()) == 2.0


def test_scales_are_summed():
    real, fake = judgement(0), judgement(1)
    for loss in (hinge_discriminator, feature_matching):
        parts = [float(loss(real[i : i + 1], fake[i : i + 1]).value()) for i in range(2)]
        assert float(loss(real, fake).value()) == pytest.approx(sum(parts), rel=1e-6)


def test_a_discriminator_beyond_its_margins_has_no_loss():
    assert float(hinge_discriminator(one([1.0, 7.0]), one([-1.0, -2.0])).value()) == 0


def test_equal_images_match_in_features():
    assert float(feature_matching(judgement(0), judgement(0)).value()) == 0


def test_no_gradient_flows_into_real_features():
    to_real, to_fake = jax.grad(
        lambda real, fake: feature_matching(real, fake).value(), argnums=(0, 1)
    )(judgement(0), judgement(1))
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(to_real))
    assert all((features != 0).all() for _, scale in to_fake for features in scale)


@pytest.mark.parametrize(
    "loss", [hinge_discriminator, feature_matching, lambda real, fake: hinge_generator(fake)]
)
def test_rows_add_up_however_they_are_divided(loss):
    real, fake = judgement(0), judgement(1)
    whole = loss(real, fake)
    cut = lambda tree, rows: jax.tree.map(lambda x: x[rows], tree)  # noqa: E731
    parts = [loss(cut(real, rows), cut(fake, rows)) for rows in (slice(0, 1), slice(1, 4))]
    added: Mean = jax.tree.map(jnp.add, *parts)
    assert float(added.value()) == pytest.approx(float(whole.value()), rel=1e-6)
    assert float(added.count) == 4


def test_what_the_networks_give_is_what_the_losses_take():
    config = DiscriminatorConfig(channels=2, max_channels=4, blocks=2, scales=2)
    network = MultiScaleDiscriminator(config)
    image = jax.random.uniform(jax.random.key(0), (2, 32, 32, 3))
    variables = network.init(jax.random.key(1), image)
    real, fake = (network.apply(variables, x) for x in (image, image[::-1]))
    values = [hinge_discriminator(real, fake), hinge_generator(fake), feature_matching(real, fake)]
    assert all(np.isfinite(float(term.value())) for term in values)
    assert float(feature_matching(real, real).value()) == 0
