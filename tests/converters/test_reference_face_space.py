"""One step of the generator and the discriminators: gradients and statistics are PyTorch's.

All terms are on, with a discriminator for the image and one for the face, at tiny sizes, in
float64, where only the order of sums differs. In float32 PyTorch itself was up to 2e-2 off its own
float64 gradients at such sizes, and ours up to 1e-2, so no float32 tolerance is asserted here.
"""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.benchmark import face_space
from playmate_jax.benchmark.face_space import TINY, errors
from playmate_jax.converters.liveportrait.rules import PARTS
from playmate_jax.converters.rules import to_flax
from playmate_jax.losses import keypoints

pytest.importorskip("torch", reason="needs the extra 'convert'")

NETWORKS = {*PARTS[:4], "whole", "face"}
# Sums of some millions of products in another order: 1e-13 was found.
TOLERANCE = 1e-9


@functools.cache
def theirs():
    return face_space.theirs(TINY, "float64")


@functools.cache
def ours():
    def drawn(keys, draw=keypoints.random_deformation):
        return keypoints.Deformation(*(jnp.asarray(x, "float64") for x in draw(keys)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keypoints, "random_deformation", drawn)
        return face_space.ours(TINY, "float64")


@functools.cache
def found():
    return errors(ours(), theirs())


def test_every_term_is_pytorchs():
    assert set(TINY.recipe.weights) | {"loss", "discriminator"} == set(ours().terms)
    for name, value in ours().terms.items():
        assert value == pytest.approx(theirs().terms[name], rel=TOLERANCE), name


def test_gradients_of_every_network_are_pytorchs():
    assert set(found()["gradients"]) == NETWORKS
    assert max(found()["gradients"].values()) < TOLERANCE


def test_statistics_after_the_step_are_pytorchs():
    assert set(found()["statistics"]) == NETWORKS - {"motion"}
    assert max(found()["statistics"].values()) < TOLERANCE


def test_the_step_moves_all_statistics():
    for name in ("generator", "discriminators"):
        table, shapes = TINY.tables()[name]
        before, _ = to_flax(table, TINY.states()[name], shapes)
        for leaf in before.keys() & ours().statistics.keys():
            if before[leaf].size > 1:  # a unit vector of one number stays what it is
                assert np.abs(before[leaf] - ours().statistics[leaf]).max() > 1e-4, leaf
