"""The face space stage: its shipped configuration shrunk, and what its parts promise."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configuration import from_values
from playmate_jax.data.batches import Loading
from playmate_jax.data.synthetic_pairs import SyntheticPairBatch, SyntheticPairs
from playmate_jax.errors import UserError
from playmate_jax.geometry.grid_sample import cell_centres, grid_sample_2d
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.losses import face_space as losses_of_faces
from playmate_jax.losses import reconstruction as losses
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.synthetic.expression import BASIS, UNIT
from playmate_jax.synthetic.keypoints import pose_keypoints
from playmate_jax.synthetic.pool import build_pool
from playmate_jax.training import load_config, train
from playmate_jax.training.loop import LoopConfig
from tests.data.made_up_records import assert_batch


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    path = tmp_path_factory.mktemp("pool")
    build_pool(path, seed=3, identities=3, frames=3, size=64)
    return path


def shrunk(pool):
    config = load_config("configs/demo_face_space.py")
    small = dataclasses.replace(
        config.renderer,
        image_size=64,
        appearance=dataclasses.replace(config.renderer.appearance, channels=8, max_channels=8),
        motion=dataclasses.replace(config.renderer.motion, depths=(1, 1), dims=(8, 8)),
        warping=dataclasses.replace(
            config.renderer.warping, hourglass_channels=8, hourglass_blocks=1, out_channels=8
        ),
        spade=dataclasses.replace(
            config.renderer.spade, middle_channels=8, middle_blocks=0, up_channels=(8,)
        ),
    )
    return dataclasses.replace(
        config, renderer=small, batch=1, motion_more=1, steps=4, pool=str(pool), test_pool=str(pool)
    )


@pytest.mark.slow
def test_shipped_configuration_shrunk_trains_saves_resumes_and_exports(pool, tmp_path):
    config = shrunk(pool)
    loop = LoopConfig(log_every=1, checkpoint_minutes=0, checkpoint_every=1)
    stage = config.stage()
    once = dataclasses.replace(stage, step=chex.assert_max_traces(stage.step, n=1))
    whole = train(once, tmp_path / "a", 3, loop=loop, quiet=True)
    chex.assert_tree_all_finite(whole.state)
    stage = dataclasses.replace(stage, evals={})
    train(stage, tmp_path / "b", 2, loop=loop, quiet=True)
    rest = train(stage, tmp_path / "b", 3, loop=loop, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)
    stage.export(rest.state, tmp_path / "weights")
    values, params, card = load_weights(tmp_path / "weights")
    assert values.pop("kind") == "renderer" and values.pop("crop")["scale"] == 2.23
    again = from_values(RendererConfig, values)
    assert again == config.renderer and card["steps"] == 4 and card["domain"] == "drawn"
    check_tree(params, renderer.shapes(again))


def test_pairs_flow_carries_source_pixels_to_the_driving_frame(pool):
    batch = SyntheticPairs(pool).pairs(np.array([0, 1]), np.array([0, 1]), np.array([2, 0]))
    source, driving = (batch[n].astype(np.float32) / 255 for n in ("source", "driving"))
    centres = np.asarray(cell_centres(64))
    grid = np.stack(np.meshgrid(centres, centres), -1) + batch["flow"]
    warped = np.asarray(grid_sample_2d(jnp.asarray(source), jnp.asarray(grid)))
    seen = (batch["visible"] * batch["head"])[..., None]
    moved, still = (np.abs(x - driving) * seen for x in (warped, source))
    # Expression, light and the 64-cell grid remain: the exact flow must explain a third at least.
    assert moved.sum() < 0.67 * still.sum()


def test_batches_follow_from_seed_and_number(pool):
    pairs = SyntheticPairs(pool)
    later = pairs.batches(7, 3, 2, more=2)
    first = pairs.batches(7, 0, 2, more=2)
    for _ in range(3):
        next(first)
    a, b = next(first), next(later)
    assert a["image_more"].shape == (2, 64, 64, 3)
    chex.assert_trees_all_equal(a, b)


def test_two_processes_draw_the_two_halves_of_one_batch_of_pairs(pool):
    pairs = SyntheticPairs(pool)
    whole = next(pairs.batches(0, 3, 4, more=2))
    first, second = (next(pairs.batches(0, 3, 4, 2, Loading(0, n, 2))) for n in (0, 1))
    for name, rows in whole.items():
        assert len(first[name]) == len(second[name]) == len(rows) // 2
        np.testing.assert_array_equal(np.concatenate([first[name], second[name]]), rows)
    with pytest.raises(UserError, match="2 processes can share"):
        next(pairs.batches(0, 0, 3, loading=Loading(0, 0, 2)))


@pytest.mark.parametrize("more", [0, 3])
def test_a_batch_is_what_its_type_says(pool, more):
    batch = next(SyntheticPairs(pool).batches(0, 0, 2, more=more))
    assert_batch(batch, SyntheticPairBatch)
    assert ("image_more" in batch) == (more > 0)


def test_motion_loss_is_zero_at_the_truth_and_counts_a_shut_lid(pool):
    batch = SyntheticPairs(pool).pairs(np.array([0]), np.array([0]), np.array([1]))
    truth = losses_of_faces.motion_truth(batch)
    loss, metrics = losses_of_faces.motion_loss(truth, truth)
    np.testing.assert_allclose(loss, 0.0, atol=1e-6)
    moved = truth["delta"] + 0.5 * BASIS[UNIT["lid_l"]].reshape(21, 3)
    loss, metrics = losses_of_faces.motion_loss(dict(truth, delta=moved), truth)
    np.testing.assert_allclose(metrics["m_lid"], 0.25, atol=1e-4)  # 0.5 on one lid of two


def test_true_keypoints_are_equation_1_of_the_pool(pool):
    pairs = SyntheticPairs(pool)
    batch = pairs.pairs(np.array([2]), np.array([1]), np.array([2]))
    found = losses_of_faces.true_keypoints(batch)
    for frame, x in zip((1, 2), found, strict=True):
        told = pairs.pool.units[2, frame], pairs.pool.pose[2, frame]
        wanted = pose_keypoints(pairs.pool.x_c[2], *told)
        np.testing.assert_allclose(x[0], wanted, atol=2e-6)  # float32 against float64 angles


def test_losses_are_zero_for_equal_images_and_heavier_near_keypoints():
    image = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
    weight = losses.focus(jnp.zeros((1, 1, 3)), 16, 0.2, 5.0)
    assert float(losses.weighted_l1(image, image, weight)) == 0.0
    assert float(losses.gradient_l1(image, image, weight)) == 0.0
    assert float(losses.pyramid_l1(image, image)) == 0.0
    np.testing.assert_allclose(weight[0, 8, 8, 0], 6.0, rtol=0.1)
    np.testing.assert_allclose(weight[0, 0, 0, 0], 1.0, rtol=1e-3)
