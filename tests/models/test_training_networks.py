"""Networks that only training needs: what they promise beyond parity."""

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.models import hopenet
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from playmate_jax.models.vgg19 import VGG19, VGG19Config


def test_degrees_of_one_sure_bin_are_its_own():
    # bin i stands for 3 i - 99: bin 33 looks ahead, bin 0 is the far left
    sure = 100.0 * jax.nn.one_hot(jnp.array([33, 0, 65]), 66)
    np.testing.assert_allclose(hopenet.degrees(sure), [0.0, -99.0, 96.0], atol=1e-4)


def test_layers_behind_the_last_tap_cost_nothing_under_jit():
    config = VGG19Config((1, 2), (4, 4))
    image = jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)
    variables = jax.eval_shape(VGG19(config).init, jax.random.key(0), image)
    program = jax.jit(VGG19(config).apply).lower(variables, image).compile().as_text()
    assert "conv_2_1" in program and "conv_2_2" not in program


def test_every_scale_of_the_discriminator_sees_half_of_the_one_before():
    config = DiscriminatorConfig(channels=2, max_channels=4, blocks=2, scales=2)
    network = MultiScaleDiscriminator(config)
    image = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    found, _ = jax.eval_shape(network.init_with_output, jax.random.key(1), image)
    # 32 - 3 = 29, halved 14, - 3 = 11; 16 - 3 = 13, halved 6, - 3 = 3
    assert [logits.shape for logits, _ in found] == [(2, 11, 11, 1), (2, 3, 3, 1)]
    assert [[f.shape[1] for f in features] for _, features in found] == [[14, 11], [6, 3]]


def test_training_refines_the_discriminators_singular_vectors():
    network = MultiScaleDiscriminator(DiscriminatorConfig(2, 4, 2, scales=1))
    image = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
    variables = jax.jit(network.init)(jax.random.key(1), image)
    apply = jax.jit(lambda v, x: network.apply(v, x, train=True, mutable=["spectral"]))
    _, changed = apply(variables, image)
    before, after = (jax.tree.leaves(tree["spectral"]) for tree in (variables, changed))
    assert any(not np.allclose(a, b) for a, b in zip(before, after, strict=True))
