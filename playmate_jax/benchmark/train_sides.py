"""The training step of stages 1 and 2 as sides of a comparison: ours, and the PyTorch references.

Ours is what `playmate train` runs: the stage of the shipped full-size configuration, compiled as
the loop compiles it. The batch is a real one of the input pipeline, cut from random clips in memory
in the shapes that the configuration trains on, and stays on the device: this times the step alone.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.benchmark.machine import usable_cpus
from playmate_jax.benchmark.sides import Side
from playmate_jax.configs import paper_stage1, paper_stage2
from playmate_jax.configuration import with_overrides
from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.data.motion_data import MotionData
from playmate_jax.errors import UserError
from playmate_jax.models import motion_flops
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE
from playmate_jax.parallel.compilation import program_lines
from playmate_jax.parallel.executors import executor
from playmate_jax.training.motion_stage import MotionStageConfig
from playmate_jax.training.stage import Stage
from playmate_jax.training.stage1 import Stage1Config, stage1
from playmate_jax.training.stage2 import Stage2Config, stage2
from playmate_jax.training.update import NEVER, Carry, keys, update_of

OURS, EAGER, COMPILED = "playmate_jax", "torch eager", "torch.compile"
CLIPS = 8


@dataclasses.dataclass(frozen=True)
class TrainSetup:
    """What all sides of a comparison of training steps do alike.

    Attributes:
      stage: 1 or 2.
      batch: windows in a step.
      precision: "float32" or "bfloat16", of the computation; parameters are float32.
      parallel: our executor, "mesh" or "pmap".
      overrides: of the fields of the full-size configuration, by dotted name; "model.": of the
        motion model in both stages.
    """

    stage: int = 1
    batch: int = 8
    precision: str = "float32"
    parallel: str = "mesh"
    overrides: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The work in words; recorded ratios are found by it."""
        return f"training step of stage {self.stage}, batch {self.batch}, {self.precision}"

    def model(self) -> MotionModelConfig:
        """The motion model; with the emotion controller in stage 2."""
        of_model = {k: v for k, v in self.overrides if k.startswith("model.")}
        model = with_overrides(paper_stage1.config(), of_model).model
        if self.stage == 1:
            return model
        config = self.config()
        assert isinstance(config, Stage2Config)
        return dataclasses.replace(model, emotion=config.emotion)

    def config(self) -> MotionStageConfig:
        """The configuration of the run whose step is timed."""
        shipped = paper_stage1.config() if self.stage == 1 else paper_stage2.config()
        known = {k: v for k, v in self.overrides if self.stage == 1 or not k.startswith("model.")}
        config = with_overrides(shipped, known)
        given = {"clips": "random"} | ({} if self.stage == 1 else {"stage1": ""})
        return dataclasses.replace(config, batch_size=self.batch, **given)

    def flops(self) -> dict[str, float]:
        """FLOPs of one step, by part."""
        count = motion_flops.stage1_flops if self.stage == 1 else motion_flops.stage2_flops
        return count(self.model(), self.batch)

    def frames(self) -> int:
        """Frames of video that one step trains on."""
        return self.batch * self.model().generator.window.length


def random_clips(config: MotionDenoiserConfig, n: int = CLIPS) -> MotionData:
    """Clips of smooth random motion and random features in memory, each with a labelled emotion,
    long enough for whole windows."""
    rng = np.random.default_rng(0)
    frames = 2 * config.window.total
    walk = 0.02 * np.cumsum(rng.standard_normal((n, frames, MOTION_SIZE)), 1)
    return MotionData(
        [
            {
                "id": f"random-{number}",
                "motion": walk[number].astype(np.float32),
                "features": rng.standard_normal((frames, config.speech_size)).astype(np.float16),
                "identity": rng.standard_normal(config.identity_size).astype(np.float32),
                "emotion": number % len(EMOTIONS),
                "intensity": 1.0,
            }
            for number in range(n)
        ]
    )


def our_stage(setup: TrainSetup) -> Stage[Any, MotionBatch]:
    """The stage that `playmate train` runs, on random clips; stage 2 on a random stage 1."""
    model, config = setup.model(), setup.config()
    generator = model.generator
    clips = random_clips(generator)
    if isinstance(config, Stage2Config):
        params = {
            "generator": init_generator(generator, jax.random.key(1)),
            "statistics": clips.statistics.to_tree(),
        }
        return stage2(config, model, params, clips)
    assert isinstance(config, Stage1Config)
    return stage1(config, clips)


def batch_of(stage: Stage[Any, MotionBatch]) -> MotionBatch:
    """The first batch of a stage, as numpy arrays."""
    batches: Any = stage.batches(0, 0)
    try:
        return next(batches)
    finally:
        batches.close()


def ours(setup: TrainSetup) -> Side:
    """Our training step, compiled at its first call."""
    stage, devices = our_stage(setup), executor(setup.parallel)
    init_key, step_key = keys(0)
    batch = devices.place(batch_of(stage))
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
        held = memory.argument_size_in_bytes + memory.output_size_in_bytes
        return {
            "temporary_mib": memory.temp_size_in_bytes / mib,
            "step_mib": (held - memory.alias_size_in_bytes + memory.temp_size_in_bytes) / mib,
            "hlo_lines": program_lines(step.as_text()),
        }

    def wait() -> None:
        jax.block_until_ready(carry)

    def program() -> str:
        assert step is not None
        return step.as_text()

    return Side(OURS, f"jax {jax.__version__}", call, wait, facts, program)


def theirs(setup: TrainSetup, compiled: bool = False) -> Side:
    """The PyTorch reference's training step, on the first GPU if there is one.

    Raises:
      UserError: torch is not installed.
    """
    try:
        from playmate_jax.converters.playmate import reference_train as torch_side
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UserError(
            "expected the package torch for --against torch, found none: "
            "pip install 'playmate-jax[convert]'"
        ) from None
    config = setup.config()
    device = torch_side.set_up(usable_cpus(), gpu=jax.default_backend() == "gpu")
    reference = torch_side.TrainReference(
        setup.model(), config.optimizer, config.loss, stage=setup.stage,
        total_steps=config.steps, device=device, precision=setup.precision, compiled=compiled,
    )  # fmt: skip
    batch = reference.batch(batch_of(our_stage(setup)))
    return Side(
        COMPILED if compiled else EAGER,
        f"torch {torch_side.VERSION}",
        lambda: reference.step(batch),
        reference.wait,
        reference.memory,
    )


def build(setup: TrainSetup, name: str) -> Side:
    """The side of a name: `OURS`, `EAGER` or `COMPILED`."""
    return ours(setup) if name == OURS else theirs(setup, compiled=name == COMPILED)
