"""Loaded weights are checked to the last part, also those that not every model has."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.generate import motion_model
from playmate_jax.models import renderer
from tests.random_weights import TINY_RENDERER


def zeros(tree):
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), tree)


def test_a_stitching_network_of_another_size_is_refused(tiny_weights):
    config, params, _ = load_weights(tiny_weights / "renderer")
    stitching = zeros(renderer.retargeting_shapes(TINY_RENDERER)["stitching"])
    FaceRenderer.from_weights(config, params | {"stitching": stitching}, "here")
    leaves = flatten_dict(stitching, sep="/")
    leaves["params/layer_0/bias"] = leaves["params/layer_0/bias"][1:]
    params["stitching"] = unflatten_dict(leaves, sep="/")
    with pytest.raises(UserError, match="~ stitching/params/layer_0/bias"):
        FaceRenderer.from_weights(config, params, "here")


def test_a_part_that_no_renderer_has_is_refused(tiny_weights):
    config, params, _ = load_weights(tiny_weights / "renderer")
    with pytest.raises(UserError, match=r"\+ teeth/kernel"):
        FaceRenderer.from_weights(config, params | {"teeth": {"kernel": np.zeros(3)}}, "here")


def test_a_generator_without_statistics_is_refused(tiny_weights):
    config, params, card = load_weights(tiny_weights / "generator")
    del params["statistics"]
    with pytest.raises(UserError, match="statistics.*- motion/pose_std"):
        motion_model(config, params, card)
