"""Every configuration of the paper's size: shapes fit together, and each array has its place."""

import dataclasses
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.benchmark.train_sides import TrainSetup, batch_of, our_stage
from playmate_jax.configuration import to_values
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.parallel.mesh import COPIED, DIVIDED, device_mesh, shardings
from playmate_jax.parallel.share import ALONE
from playmate_jax.training import load_config
from playmate_jax.training.portrait_terms import PortraitWeights
from playmate_jax.training.portraits import portraits_stage
from playmate_jax.training.retargeting import FrozenRenderer, retargeting
from playmate_jax.training.update import keys
from tests.training.made_up_portraits import noise_records

CONFIGS = Path(__file__).parents[2] / "configs"
# Generator 49 M parameters and controller 11 M, by the sizes of DESIGN §3 and of Fig. 3; the MLPs
# 45 + 145 + 37 thousand, by FACTS §9.1.
MILLIONS = {"paper_stage1": (45, 55), "paper_stage2": (8, 15), "paper_stitching": (0.22, 0.24)}
FACE_SPACES = ("paper_face_space", "tiny_face_space")
RENDERER = (120, 140)  # LivePortrait's files: 0.8 + 28 + 46 + 55 M
MOTION_STAGES = ("paper_stage1", "paper_stage2")
TERMS = {name: {"diffusion"} for name in MOTION_STAGES} | {
    "paper_stitching": {
        "stitching_shoulders", "stitching_offset",
        "eyes_outside", "eyes_openness", "eyes_offset",
        "lips_outside", "lips_openness", "lips_offset",
    }
}  # fmt: skip


def shapes_of(name):
    """Stage, and the shapes of its state and of a batch."""
    if name in MOTION_STAGES:
        stage = our_stage(TrainSetup(stage=int(name[-1])))
        return stage, jax.eval_shape(stage.init, keys(0)[0]), batch_of(stage)
    config, values = load_config(CONFIGS / f"{name}.py"), to_values(RendererConfig())
    linear = lambda i, o: {"kernel": np.zeros((i, o), np.float32), "bias": np.zeros(o, np.float32)}  # noqa: E731
    readout = {"openness": linear(126, 3), "landmarks": linear(63, 936)}

    def stage_on(params):
        return retargeting(config, FrozenRenderer(Path(), values, params, {}), readout, [])

    state = jax.eval_shape(
        lambda key: stage_on(renderer.init(RendererConfig(), key)).init(key), keys(0)[0]
    )
    of, b = jax.ShapeDtypeStruct, config.batch_size
    images = of((b, 256, 256, 3), jnp.uint8)
    known = {"landmarks": of((b, 468, 2), jnp.float32), "has_landmarks": of((b,), bool)}
    return stage_on({}), state, {"source": images, "driving": images, **known}


def test_no_full_size_configuration_is_left_out():
    known = MILLIONS.keys() | set(FACE_SPACES)
    assert {path.stem for path in CONFIGS.glob("paper_*.py")} <= known


@pytest.mark.parametrize("name", MILLIONS)
def test_a_full_size_step_fits_together_and_every_array_has_a_rule(name):
    stage, state, batch = shapes_of(name)
    after, metrics = jax.eval_shape(
        lambda state, batch, key: stage.step(state, batch, key, ALONE), state, batch, keys(0)[1]
    )
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
        lambda x: (x.shape, x.dtype), state
    )
    assert {"loss", "gradient_norm", "update_norm", "parameter_norm"} | TERMS[name] <= set(metrics)
    trained = getattr(state, "trained", state)
    millions = sum(np.prod(x.shape) for x in jax.tree.leaves(trained.packed)) / 1e6
    low, high = MILLIONS[name]
    assert low < millions < high
    assert {COPIED, DIVIDED} == {kind for _, kind in stage.rules}
    shardings(state, device_mesh(), stage.rules)  # raises where no rule covers a name


@pytest.mark.parametrize("name", FACE_SPACES)
def test_a_face_space_step_fits_together_and_every_array_has_a_rule(name):
    config = load_config(CONFIGS / f"{name}.py")
    side = 512 if name.startswith("paper") else 64
    if name.startswith("tiny"):  # all terms fit, though its run needs few
        config = dataclasses.replace(config, weights=PortraitWeights())
    stage = portraits_stage(config, noise_records(8, size=side))
    state = jax.eval_shape(stage.init, keys(0)[0])
    after, metrics = jax.eval_shape(
        lambda state, batch, key: stage.step(state, batch, key, ALONE),
        state, next(stage.batches(0, 0)), keys(0)[1],
    )  # fmt: skip
    chex.assert_trees_all_equal_shapes_and_dtypes(state, after)
    terms = {"transfer", "adversarial", "feature_matching", "equivariance", "head_pose", "guide"}
    assert terms <= metrics.keys()
    shardings(state, device_mesh(fsdp=1), stage.rules)
    if name.startswith("paper"):
        millions = sum(np.prod(x.shape) for x in jax.tree.leaves(state.generator.packed)) / 1e6
        low, high = RENDERER
        assert low < millions < high
