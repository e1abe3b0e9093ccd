"""The face space from nothing: what a step moves, what it leaves, and how it is divided."""

import dataclasses
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree, load_weights, save_weights
from playmate_jax.models import renderer
from playmate_jax.models.iresnet import IResNet, IResNetConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.vgg19 import VGG19, VGG19Config
from playmate_jax.parallel.mesh import device_mesh, shardings
from playmate_jax.parallel.share import ALONE, Share
from playmate_jax.training import load_config, train
from playmate_jax.training.portrait_augmentation import pairs_of
from playmate_jax.training.portrait_start import beginners, first_images
from playmate_jax.training.portrait_teachers import NO_FACE_IDENTITY, NO_VGG19, ImageFeatures
from playmate_jax.training.portrait_terms import PortraitWeights, Recipe, generator_terms
from playmate_jax.training.portraits import PortraitsConfig, portraits_stage
from tests.training.made_up_portraits import RENDERER, SIDE, noise_records, portraits

ROOT = Path(__file__).resolve().parents[2]
NO_IMAGES = {"perceptual", "face_identity"}  # need VGG19 and ArcFace: tests of their own


@pytest.fixture(scope="module")
def stage():
    return portraits_stage(portraits(), noise_records())


@pytest.fixture(scope="module")
def stepped(stage):
    """State before and after a step, and its metrics."""
    before = jax.jit(stage.init)(jax.random.key(0))
    batch = next(stage.batches(0, 0))
    step = jax.jit(lambda state, batch, key: stage.step(state, batch, key, ALONE))
    return before, *step(before, batch, jax.random.key(1))


def test_every_term_is_measured_and_finite(stepped):
    _, _, metrics = stepped
    terms = set(dataclasses.asdict(PortraitWeights())) - NO_IMAGES
    assert terms | {"loss", "d_loss", "gradient_norm", "d_gradient_norm"} <= metrics.keys()
    chex.assert_tree_all_finite(dict(metrics))
    assert all(float(metrics[name]) != 0 for name in terms)


def test_a_step_moves_both_networks_and_all_statistics(stepped):
    before, after, _ = stepped
    for part in ("generator", "discriminator", "statistics"):
        for (path, old), new in zip(
            jax.tree_util.tree_leaves_with_path(getattr(before, part)),
            jax.tree.leaves(getattr(after, part)),
            strict=True,
        ):
            if old.size > 1 or part == "statistics":  # a unit vector of one number stays
                assert old.size == 1 or not np.array_equal(old, new), (part, path)
    assert set(after.statistics) == {"appearance", "warping", "spade", "whole"}


def test_statistics_are_neither_optimised_nor_averaged(stepped):
    before, _, _ = stepped
    names = {
        jax.tree_util.keystr(path)
        for part in (before.generator, before.discriminator)
        for path, _ in jax.tree_util.tree_leaves_with_path((part.params, part.ema))
    }
    assert not [name for name in names if "batch_stats" in name or "spectral" in name]


def test_fresh_features_of_motion_are_centred_and_scaled_by_the_data():
    images = first_images(noise_records(8))
    assert images.shape == (8, SIDE, SIDE, 3)
    config = dataclasses.replace(RENDERER, motion=MotionConfig(21, (1, 1), (16, 32), 3, 2))
    motion = beginners(config, jax.random.key(0), images)["motion"]
    shown = jnp.asarray(images, jnp.float32) / 255

    def features(variables):
        call = renderer.networks(config).motion.apply
        _, seen = call(variables, shown, capture_intermediates=lambda m, _: m.name == "norm")
        return seen["intermediates"]["norm"]["__call__"][0]

    found = features(motion)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)
    assert np.quantile(found.std(0), 0.2) > 0.99 and found.std(0).max() < 1.01
    plain = renderer.init(config, jax.random.key(0))["motion"]
    assert float(features(plain).std(0).mean()) < 0.5  # why it is done


def test_moments_follow_the_statistics_as_the_ema_follows_the_parameters(stepped):
    before, after, _ = stepped
    share = 0.1  # the decay of step 0, (1 + 0) / (10 + 0)
    for name, moments in after.moments.items():
        expected = jax.tree.map(
            lambda old, new: share * old + (1 - share) * new,
            before.statistics[name],
            after.statistics[name],
        )
        chex.assert_trees_all_close(moments, expected, rtol=1e-6, atol=1e-7)


def test_images_of_several_sizes_are_refused_in_one_sentence():
    records = [*noise_records(2), *noise_records(1, size=2 * SIDE)]
    with pytest.raises(UserError, match="expected JPEG images of 16 x 16"):
        first_images(records)


@pytest.mark.parametrize("name", sorted(set(dataclasses.asdict(PortraitWeights())) - NO_IMAGES))
def test_a_weight_of_zero_removes_the_term(stage, name):
    config = portraits(weights=PortraitWeights(**{name: 0.0}))
    recipe = Recipe(RENDERER, config.discriminator, config.weights.active(with_vgg19=False))
    state = jax.eval_shape(stage.init, jax.random.key(0))
    keys = jax.random.split(jax.random.key(1), 8)

    def terms(state, batch):
        params, judges = state.generator.params, state.discriminator.params
        pairs = pairs_of(batch, keys, SIDE, SIDE)
        return generator_terms(
            recipe, ImageFeatures(), params, judges, state.statistics, pairs, keys
        )[0]

    found = jax.eval_shape(terms, state, next(stage.batches(0, 0)))
    assert found.keys() == set(dataclasses.asdict(config.weights)) - NO_IMAGES - {name}


def test_without_an_adversarial_term_there_is_no_discriminator():
    weights = PortraitWeights(adversarial=0, feature_matching=0)
    stage = portraits_stage(portraits(weights=weights), noise_records())
    state = jax.eval_shape(stage.init, jax.random.key(0))
    assert state.discriminator is None and "whole" not in state.statistics


def test_every_array_has_a_place(stage):
    shardings(jax.eval_shape(stage.init, jax.random.key(0)), device_mesh(), stage.rules)
    assert {NO_VGG19, NO_FACE_IDENTITY} <= set(stage.notes)


def test_vgg19_is_frozen_and_gives_the_perceptual_term(tmp_path):
    sizes = VGG19Config((1,) * 5, (2,) * 5)
    params = VGG19(sizes).init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    values = {"kind": "vgg19", "depths": [1] * 5, "widths": [2] * 5}
    save_weights(tmp_path / "vgg19", values, params, {})
    large = dataclasses.replace(  # 128 x 128 drawn: an eighth of it must survive four poolings
        RENDERER,
        image_size=32,
        appearance=dataclasses.replace(RENDERER.appearance, halvings=1),
        spade=dataclasses.replace(RENDERER.spade, up_channels=(2, 2)),
    )
    stage = portraits_stage(
        portraits(vgg19=str(tmp_path / "vgg19"), renderer=large), noise_records()
    )
    state = jax.eval_shape(stage.init, jax.random.key(0))

    def step(state, batch, key):
        after, metrics = stage.step(state, batch, key, ALONE)
        kept = zip(jax.tree.leaves(state.frozen), jax.tree.leaves(after.frozen), strict=True)
        assert all(old is new for old, new in kept)
        return metrics

    metrics = jax.eval_shape(step, state, next(stage.batches(0, 0)), jax.random.key(1))
    assert "perceptual" in metrics and "reconstruction" not in metrics
    assert jax.tree.leaves(state.frozen) and NO_VGG19 not in stage.notes


def test_arcface_is_frozen_and_gives_the_face_identity_term(tmp_path):
    sizes = IResNetConfig((1,), (2,), 4, image_size=8)
    variables = IResNet(sizes).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    values = {"kind": "arcface", "depths": [1], "widths": [2], "size": 4, "image_size": 8}
    save_weights(tmp_path / "arcface", values, variables, {})
    stage = portraits_stage(portraits(arcface=str(tmp_path / "arcface")), noise_records())
    state = jax.eval_shape(stage.init, jax.random.key(0))

    def step(state, batch, key):
        after, metrics = stage.step(state, batch, key, ALONE)
        kept = zip(jax.tree.leaves(state.frozen), jax.tree.leaves(after.frozen), strict=True)
        assert all(old is new for old, new in kept)
        return metrics

    metrics = jax.eval_shape(step, state, next(stage.batches(0, 0)), jax.random.key(1))
    assert "face_identity" in metrics and jax.tree.leaves(state.frozen)
    assert NO_FACE_IDENTITY not in stage.notes


def test_regions_have_their_own_discriminators():
    renderer_of = dataclasses.replace(RENDERER, image_size=64)
    config = portraits(regions=("face", "lips"), renderer=renderer_of)
    stage = portraits_stage(config, noise_records())
    state = jax.eval_shape(stage.init, jax.random.key(0))
    judges = jax.eval_shape(lambda state: state.discriminator.params, state)
    assert set(judges) == {"whole", "face", "lips"}
    after, _ = jax.eval_shape(
        lambda state, batch, key: stage.step(state, batch, key, ALONE),
        state, next(stage.batches(0, 0)), jax.random.key(0),
    )  # fmt: skip
    chex.assert_trees_all_equal_shapes_and_dtypes(state, after)


def test_a_resumed_run_equals_an_uninterrupted_one(stage, tmp_path):
    loop = portraits().loop
    once = dataclasses.replace(stage, step=chex.assert_max_traces(stage.step, n=1))
    whole = train(once, tmp_path / "a", 3, loop=loop, quiet=True)
    train(stage, tmp_path / "b", 2, loop=loop, quiet=True)
    rest = train(stage, tmp_path / "b", 3, loop=loop, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)


def test_exported_weights_are_a_renderer_that_can_begin_another_run(stepped, stage, tmp_path):
    _, after, _ = stepped
    stage.export(after, tmp_path / "weights")
    values, params, card = load_weights(tmp_path / "weights")
    assert values.pop("kind") == "renderer" and values.pop("crop")["scale"] == 2.3
    assert from_values(renderer.RendererConfig, values) == RENDERER
    check_tree(params, renderer.shapes(RENDERER))
    found = params["warping"]["batch_stats"]
    chex.assert_trees_all_equal(found, after.moments["warping"]["batch_stats"])
    again = portraits_stage(
        portraits(start=str(tmp_path / "weights"), renderer=renderer.RendererConfig()),
        noise_records(),
    )
    begun = jax.jit(again.init)(jax.random.key(5))
    chex.assert_trees_all_close(begun.generator.params, after.generator.ema)
    statistics = {"spade": after.statistics["spade"], **after.moments}
    chex.assert_trees_all_equal({k: begun.statistics[k] for k in statistics}, statistics)


def test_microbatches_are_refused(stage):
    state = jax.eval_shape(stage.init, jax.random.key(0))
    with pytest.raises(UserError, match="no --accumulate .* found 2"):
        jax.eval_shape(
            lambda state, batch, key: stage.step(state, batch, key, Share(microbatches=2)),
            state, next(stage.batches(0, 0)), jax.random.key(0),
        )  # fmt: skip


def test_a_small_renderer_is_refused():
    small = load_config("configs/demo_face_space.py").renderer
    with pytest.raises(UserError, match="expected LivePortrait's networks"):
        portraits_stage(PortraitsConfig(steps=1, clips="", renderer=small), noise_records())


PROGRAM = textwrap.dedent(
    """
    import sys
    import jax, numpy as np
    jax.config.update("jax_num_cpu_devices", 8)
    jax.config.update("jax_default_matmul_precision", "highest")
    from playmate_jax.parallel.executors import MeshExecutor, PmapExecutor
    from playmate_jax.parallel.mesh import device_mesh
    from playmate_jax.training.portraits import portraits_stage
    from playmate_jax.training.update import Carry, keys, update_of
    from tests.training.made_up_portraits import noise_records, portraits
    stage = portraits_stage(portraits(), noise_records())
    batch = next(stage.batches(0, 0))
    for name, executor in {
        "one": MeshExecutor(device_mesh(jax.devices()[:1])),
        "mesh": MeshExecutor(device_mesh(fsdp=2)),
        "pmap": PmapExecutor(),
    }.items():
        state = executor.initial(stage.init, keys(0)[0])
        never = executor.initial(lambda key: {"failed_at": np.int32(-1)}, keys(0)[0])
        carry = Carry(state, never["failed_at"])
        devices = 1 if name == "one" else 8
        rows = executor.place(np.zeros(devices, np.int32))
        inputs = (executor.place(batch), rows, np.int32(0))
        step = executor.compiled(update_of(stage, keys(0)[1]), carry, *inputs)
        carry, outputs = step(carry, *inputs)
        after = executor.local(carry.state)
        moments = [part.opt_state[1].mu for part in (after.generator, after.discriminator)]
        flat = lambda tree: np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])
        found = {"generator": flat(moments[0]), "discriminator": flat(moments[1])}
        found |= {k: flat(v) for k, v in after.statistics.items()}
        found["moments"] = flat(after.moments)
        found["metrics"] = np.array([float(v) for v in jax.device_get(outputs.metrics).values()])
        np.savez(f"{sys.argv[1]}/{name}.npz", **found)
    """
)


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """Adam's first moments (half the gradients) and statistics after a step, by executor."""
    folder = tmp_path_factory.mktemp("divided")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["mesh", "pmap"])
def test_eight_devices_equal_one_in_gradients_and_statistics(how, divided):
    # sums in another order, through some thirty layers: float32's rounding
    for name, wanted in divided["one"].items():
        error = np.linalg.norm(divided[how][name] - wanted) / np.linalg.norm(wanted)
        assert error < 1e-5, (name, error)
