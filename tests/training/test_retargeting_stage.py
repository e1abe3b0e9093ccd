"""Stitching and retargeting on tiny random renderers of both kinds."""

import dataclasses
import json
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

from playmate_jax.data.cross_identity import SourceBatch
from playmate_jax.errors import UserError
from playmate_jax.faces.openness import openness
from playmate_jax.hub.weights import load_weights, save_weights
from playmate_jax.inference.face_renderer import FaceRenderer, Openness
from playmate_jax.losses.openness_readout import read_openness
from playmate_jax.losses.retargeting import OpennessWeights, StitchingWeights
from playmate_jax.models import renderer
from playmate_jax.models.retargeting import MLPS
from playmate_jax.parallel.share import ALONE
from playmate_jax.training import load_config, train
from playmate_jax.training.openness_fit import fitted_readout
from playmate_jax.training.retargeting import frozen_renderer, retargeting
from playmate_jax.training.update import keys
from tests.data.made_up_records import assert_batch
from tests.models.test_renderer import PAPER, SMALL
from tests.training.made_up_faces import CONFIG, SIDE, frozen, mesh, readout, records

ROOT = Path(__file__).resolve().parents[2]
OFF = OpennessWeights(0, 0, 0.1)


@pytest.fixture(scope="module")
def clips():
    return records()


@pytest.fixture(scope="module")
def random_renderer():
    return frozen()


@pytest.fixture(scope="module")
def stage(clips, random_renderer):
    return retargeting(CONFIG, random_renderer, readout(), clips)


@pytest.fixture(scope="module")
def batch(stage):
    with stage.batches(0, 0) as batches:
        return jax.tree.map(jnp.asarray, next(batches))


def first_step(config, renderer_, clips):
    """(key, batch) -> metrics of the first step, and the trained parameters before it."""
    stage = retargeting(config, renderer_, readout(), clips)

    def run(key, batch):
        state = stage.init(key)
        return stage.step(state, batch, keys(0)[1], ALONE)[1], state.trained.params

    return run


@pytest.mark.parametrize("config", [PAPER, SMALL], ids=["liveportrait", "small"])
def test_before_training_nothing_moves(config, clips, batch):
    metrics, trained = jax.jit(first_step(CONFIG, frozen(config), clips))(keys(0)[0], batch)
    assert set(trained) == set(MLPS)
    for name in ("stitching_offset", "eyes_offset", "lips_offset"):
        assert metrics[name] == 0
    # drawn in another batch than what they are compared with: float32's rounding
    assert metrics["eyes_outside"] < 1e-5 and metrics["lips_outside"] < 1e-5
    # another person's motion changes the image
    assert metrics["stitching_shoulders"] > 1e-4
    assert metrics["gradient_norm"] > 0 and np.isfinite(metrics["loss"])


def test_losses_fall_on_one_batch_and_the_renderer_stays(stage, batch):
    step = jax.jit(lambda s, b, k: stage.step(s, b, k, ALONE))
    state = first = jax.jit(stage.init)(keys(0)[0])
    losses = []
    for _ in range(40):
        state, metrics = step(state, batch, keys(0)[1])  # the same wanted openness every time
        losses.append({name: float(value) for name, value in metrics.items()})
    for name in ("loss", "stitching_shoulders", "eyes_openness", "lips_openness"):
        assert losses[-1][name] < losses[0][name], name
    chex.assert_trees_all_equal(state.frozen, first.frozen)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), state.trained.params,
                         first.trained.params)  # fmt: skip
    for name in MLPS:
        assert moved[name]["params"]["layer_0"]["kernel"] > 0


@pytest.mark.parametrize(
    ("change", "gone", "left"),
    [
        ({"stitching": StitchingWeights(0)}, {"stitching_shoulders", "stitching_offset"},
         {"eyes", "lips"}),
        ({"eyes": OFF}, {"eyes_outside", "eyes_openness", "eyes_offset"}, {"stitching", "lips"}),
        ({"lips": OFF}, {"lips_outside", "lips_openness", "lips_offset"}, {"stitching", "eyes"}),
        ({"lips": OpennessWeights(openness=0)}, {"lips_openness"}, set(MLPS)),
        ({"eyes": OpennessWeights(outside=0)}, {"eyes_outside"}, set(MLPS)),
        ({"eyes": OpennessWeights(offset=0)}, {"eyes_offset"}, set(MLPS)),
        ({"stitching": StitchingWeights(offset=0)}, {"stitching_offset"}, set(MLPS)),
    ],
)  # fmt: skip
def test_a_weight_of_0_switches_its_term_off(change, gone, left, clips, random_renderer, batch):
    whole, less = (
        jax.eval_shape(first_step(config, random_renderer, clips), keys(0)[0], batch)
        for config in (CONFIG, dataclasses.replace(CONFIG, **change))
    )
    assert whole[0].keys() - less[0].keys() == gone
    assert set(less[1]) == left


def test_without_any_network_there_is_nothing_to_train(clips, random_renderer):
    config = dataclasses.replace(CONFIG, stitching=StitchingWeights(0), eyes=OFF, lips=OFF)
    with pytest.raises(UserError, match="nothing to train"):
        retargeting(config, random_renderer, readout(), clips).init(keys(0)[0])


def test_a_resumed_run_equals_an_uninterrupted_one_and_its_export_animates(
    stage, random_renderer, tmp_path
):
    once = dataclasses.replace(stage, step=chex.assert_max_traces(stage.step, n=1))
    whole = train(once, tmp_path / "a", 4, loop=CONFIG.loop, quiet=True)
    train(stage, tmp_path / "b", 2, loop=CONFIG.loop, quiet=True)
    rest = train(stage, tmp_path / "b", 4, loop=CONFIG.loop, quiet=True)
    chex.assert_trees_all_equal(whole.state, rest.state)
    json.dumps(stage.description)

    stage.export(whole.state, tmp_path / "weights")
    values, params, card = load_weights(tmp_path / "weights")
    assert card["before"] == {"name": "random"} and card["steps"] == 4
    assert values["crop"] == {"scale": 2.0}
    for name in renderer.Networks._fields:
        chex.assert_trees_all_equal(params[name], random_renderer.params[name])
    face_renderer = FaceRenderer.from_weights(values, params, "weights", batch=2)
    assert face_renderer.retargets
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    source = face_renderer.encode_source(image)
    asked = Openness(np.zeros(3, np.float32), np.full((2, 2), 0.8, np.float32))
    (frames,) = face_renderer.draw(source, np.stack([source.motion] * 2), asked)
    assert frames.shape == (2, SIDE, SIDE, 3)
    assert frozen_renderer(str(tmp_path / "weights")).params.keys() >= set(MLPS)


def test_a_batch_is_what_its_type_says_inside_the_step(stage, batch):
    state = jax.eval_shape(stage.init, keys(0)[0])

    def step(state, batch, key):
        assert_batch(batch, SourceBatch)
        return stage.step(state, batch, key, ALONE)

    after, _ = jax.eval_shape(step, state, batch, keys(0)[1])
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)


def test_the_readout_is_fitted_to_stored_landmarks(clips, random_renderer, capsys):
    def never():
        raise AssertionError("the landmarks are stored")

    params = random_renderer.params
    found = fitted_readout(SMALL, params, clips, never)
    assert "left eye" in capsys.readouterr().err
    seen = renderer.extract_motion(SMALL, params, jnp.zeros((1, SIDE, SIDE, 3)))
    assert read_openness(found, seen).shape == (1, 3)
    # landmarks of the lips' middle hardly move from image to image: the bias has to be right
    assert found["landmarks"]["kernel"].shape == (63, 936)


def test_where_landmarks_are_not_stored_the_landmarker_is_asked(clips, random_renderer):
    class Faces:
        """A face with eyes open by 0.2 and lips by 0.4, whatever is shown."""

        def detect(self, image):
            points = np.pad(mesh(0.2, 0.4), ((0, 0), (0, 1)))
            return [type("Face", (), {"landmarks": points})]

        def track(self, image, previous):
            return None

    bare = [dict(clip, landmarks=np.zeros((0, 468, 2), np.float16)) for clip in clips]
    found = fitted_readout(SMALL, random_renderer.params, bare, Faces)
    seen = renderer.extract_motion(SMALL, random_renderer.params, jnp.zeros((1, SIDE, SIDE, 3)))
    np.testing.assert_allclose(read_openness(found, seen), [[0.2, 0.2, 0.4]], atol=1e-4)
    np.testing.assert_allclose(openness(mesh(0.2, 0.4)), [0.2, 0.2, 0.4], atol=1e-4)


def test_images_of_another_size_are_told(clips):
    other = frozen(dataclasses.replace(SMALL, image_size=64))
    with pytest.raises(UserError, match="images of 64 x 64.*found 32 x 32 in the data"):
        fitted_readout(other.sizes, other.params, clips, lambda: None)


PROGRAM = textwrap.dedent(
    """
    import dataclasses, sys
    import jax, numpy as np
    jax.config.update("jax_num_cpu_devices", 8)
    # Rounding of float32 moves a kink of L1, ReLU or the sampling grid now and then.
    jax.config.update("jax_enable_x64", True)
    from playmate_jax.parallel.executors import MeshExecutor, executor
    from playmate_jax.parallel.mesh import device_mesh
    from playmate_jax.training import train
    from playmate_jax.training.optimizer import OptimizerConfig
    from playmate_jax.training.retargeting import retargeting
    from playmate_jax.training.update import keys
    from tests.training.made_up_faces import CONFIG, frozen, readout, records
    # Close to gradient descent: Adam would make a step of every rounding error.
    config = dataclasses.replace(CONFIG, optimizer=OptimizerConfig(learning_rate=0.1, eps=1.0))
    plain = retargeting(config, frozen(), readout(), records())

    def init(key):  # L1 has no slope where nothing moves
        state = plain.init(key)
        packed = jax.tree.map(
            lambda x: x + 0.02 * jax.random.normal(key, x.shape), state.trained.packed
        )
        trained = dataclasses.replace(state.trained, packed=packed)
        state = dataclasses.replace(state, trained=trained)
        exact = lambda x: x.astype(float) if x.dtype.kind == "f" else x
        return jax.tree.map(exact, state)

    stage = dataclasses.replace(plain, init=init)
    def save(name, state):
        leaves = [np.ravel(x) for x in jax.tree.leaves(state.trained.packed)]
        np.save(f"{sys.argv[1]}/{name}.npy", np.concatenate(leaves))

    save("start", init(keys(0)[0]))
    loop = dataclasses.replace(CONFIG.loop, log_every=1)
    for name, how in {
        "one": MeshExecutor(device_mesh(jax.devices()[:1])),
        "mesh": executor("mesh", fsdp=2), "pmap": executor("pmap"),
    }.items():
        done = train(stage, f"{sys.argv[1]}/{name}", 2, loop=loop, executor=how, quiet=True)
        save(name, done.state)
    """
)


RUNS = ("one", "mesh", "pmap")


@pytest.mark.slow
def test_eight_devices_compute_what_one_does(tmp_path):
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    start, one, *others = (np.load(tmp_path / f"{name}.npy") for name in ("start", *RUNS))
    for other in others:
        assert np.linalg.norm(other - one) < 1e-6 * np.linalg.norm(one - start)
    first, *rest = (
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in RUNS
    )
    for name in CONFIG.weights():
        assert [row[name] for row in rest] == pytest.approx([first[name]] * 2, rel=1e-4)


def test_the_shipped_configuration_names_a_renderer_that_ships():
    config = load_config(ROOT / "configs" / "tiny_stitching.py")
    assert frozen_renderer(config.renderer).sizes.image_size == 128
    assert config.trained == MLPS


def test_a_renderer_with_a_part_missing_is_refused(random_renderer, tmp_path):
    params = {name: random_renderer.params[name] for name in ("appearance", "motion", "warping")}
    save_weights(tmp_path / "half", random_renderer.values, params, {})
    with pytest.raises(UserError, match="- spade/"):
        frozen_renderer(str(tmp_path / "half"))
