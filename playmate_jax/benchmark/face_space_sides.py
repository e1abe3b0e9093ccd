"""The face space's training step as sides of a comparison of speed: ours, and PyTorch's reference.

Ours is what `playmate train` runs: the stage of training/portraits.py, compiled as the loop
compiles it, with its optimisers and EMA. Nothing is mirrored or recoloured. One batch of random
images stays on the device: this times the step alone.
"""

import dataclasses
import tempfile
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict

from playmate_jax.benchmark.face_space import FaceSpaceSetup
from playmate_jax.benchmark.machine import usable_cpus
from playmate_jax.benchmark.sides import Side
from playmate_jax.benchmark.train_sides import EAGER, OURS
from playmate_jax.configuration import to_values
from playmate_jax.converters.rules import to_flax
from playmate_jax.data.frame_pairs import PairBatch
from playmate_jax.hub.weights import save_weights
from playmate_jax.motion.layout import MOTION_SIZE
from playmate_jax.parallel.compilation import program_lines
from playmate_jax.parallel.executors import executor
from playmate_jax.training.portrait_augmentation import Augmentation
from playmate_jax.training.portrait_start import drawn_side
from playmate_jax.training.portraits import PortraitsConfig, PortraitsState, portraits_stage
from playmate_jax.training.stage import Stage
from playmate_jax.training.update import NEVER, Carry, keys, update_of

STEPS = 1000  # of the run that the learning rate's schedule belongs to


def config_of(setup: FaceSpaceSetup, vgg19: str) -> PortraitsConfig:
    """The configuration of the run whose step is timed.

    Args:
      vgg19: its weights directory.
    """
    return PortraitsConfig(
        steps=STEPS, clips="", batch_size=setup.batch, renderer=setup.renderer,
        discriminator=setup.discriminator, regions=setup.regions, weights=setup.weights,
        augmentation=Augmentation(flip=False, colour=0.0), vgg19=vgg19, eval_pairs=0,
    )  # fmt: skip


def stage_of(setup: FaceSpaceSetup) -> Stage[PortraitsState, PairBatch]:
    """The stage that `playmate train` runs, with VGG19 of synthetic weights."""
    table, shapes = setup.tables()["vgg19"]
    leaves, _ = to_flax(table, setup.states()["vgg19"], shapes)
    with tempfile.TemporaryDirectory() as folder:
        values = {"kind": "vgg19", **to_values(setup.vgg19)}
        weights = save_weights(f"{folder}/vgg19", values, unflatten_dict(leaves, sep="/"), {})
        return portraits_stage(config_of(setup, str(weights)), _records(setup))


def _records(setup: FaceSpaceSetup) -> list[dict[str, Any]]:
    """Clips of noise of one image each, which fresh networks are fitted to."""
    batch = batch_of(dataclasses.replace(setup, batch=8))
    return [
        {
            "id": f"noise-{n}",
            "speaker": f"noise-{n}",
            "frames": [cv2.imencode(".jpg", image)[1].tobytes()],
            "rows": np.zeros(1, np.int32),
            "motion": batch["motion_source"][n : n + 1],
            "landmarks": batch["landmarks_source"][n : n + 1].astype(np.float16),
            "identity": batch["identity"][n],
        }
        for n, image in enumerate(batch["source"])
    ]


def batch_of(setup: FaceSpaceSetup) -> PairBatch:
    """Random images of the size that G draws, with landmarks."""
    rng, n, side = np.random.default_rng(0), setup.batch, drawn_side(setup.renderer)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal((n, *shape)).astype(np.float32)

    return PairBatch(
        source=rng.integers(0, 256, (n, side, side, 3), np.uint8),
        driving=rng.integers(0, 256, (n, side, side, 3), np.uint8),
        motion_source=normal(MOTION_SIZE),
        motion_driving=normal(MOTION_SIZE),
        landmarks_source=side / 2 + side / 10 * normal(468, 2),
        landmarks_driving=side / 2 + side / 10 * normal(468, 2),
        has_landmarks=np.ones(n, bool),
        identity=normal(63),
    )


def ours(setup: FaceSpaceSetup) -> Side:
    """Our training step, compiled at its first call."""
    stage, devices = stage_of(setup), executor("mesh")
    init_key, step_key = keys(0)
    batch = devices.place(batch_of(setup))
    requests = devices.place(np.zeros(jax.local_device_count(), np.int32))
    state = devices.initial(stage.init, init_key)
    never = devices.initial(lambda key: {"failed_at": jnp.int32(NEVER)}, init_key)
    carry = Carry(state, never["failed_at"])
    number, step = 0, None

    def call() -> None:
        nonlocal carry, number, step
        inputs = (batch, requests, np.int32(number))
        if step is None:
            step = devices.compiled(update_of(stage, step_key), carry, *inputs)
        carry, _ = step(carry, *inputs)
        number += 1

    def facts() -> dict[str, float]:
        assert step is not None
        memory, mib = step.memory_analysis(), 2**20
        return {
            "temporary_mib": memory.temp_size_in_bytes / mib,
            "hlo_lines": program_lines(step.as_text()),
        }

    return Side(OURS, f"jax {jax.__version__}", call, lambda: jax.block_until_ready(carry), facts)


def theirs(setup: FaceSpaceSetup) -> Side:
    """The PyTorch reference's training step."""
    from playmate_jax.converters.liveportrait import reference_face_space_train as training
    from playmate_jax.converters.liveportrait.reference_face_space import FaceSpaceReference

    training.set_up(usable_cpus())
    weights = setup.recipe.weights
    reference = FaceSpaceReference(
        setup.renderer, setup.discriminator, setup.vgg19, weights, setup.regions
    )
    config = config_of(setup, "")
    made = training.FaceSpaceTraining(
        reference, setup.renderer.image_size, config.optimizer, config.discriminator_optimizer,
        STEPS,
    )  # fmt: skip
    reference.load(setup.states())
    batch = training.tensors(batch_of(setup))
    return Side(EAGER, f"torch {training.VERSION}", lambda: made.step(batch))


def build(setup: FaceSpaceSetup, name: str) -> Side:
    """The side of a name: `OURS` or `EAGER`."""
    return ours(setup) if name == OURS else theirs(setup)
