"""Stage 1: the diffusion transformer learns motion from speech (§3.2).

Exported weights: {"generator", "statistics"}, read by inference/generate.py and by stage 2.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import jax
from jaxtyping import Array, Key, PRNGKeyArray

from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.data.motion_data import MotionData
from playmate_jax.hub.weights import load_weights
from playmate_jax.losses.motion import motion_loss
from playmate_jax.models.motion_flops import stage1_flops
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.motion.normalization import Statistics
from playmate_jax.parallel.share import Share, Terms
from playmate_jax.training.motion_evaluation import Pause, held_out
from playmate_jax.training.motion_stage import MotionStageConfig, export_model
from playmate_jax.training.optimizer import optimizer, packing, schedule
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState
from playmate_jax.training.start import built_on, fitting, overlaid


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage1Config(MotionStageConfig):
    """A run of stage 1.

    Attributes:
      start: weights directory to begin with, as far as its parameters fit; empty starts anew.
      statistics: data sets for the statistics of Eqs. 5 and 6; empty: `clips`. They must show what
        stage 2 will show, or emotions are measured in the tiny std of faces that never smile.
    """

    model: MotionModelConfig = MotionModelConfig()
    start: str = ""
    statistics: str = ""

    def stage(self) -> Stage[TrainState, MotionBatch]:
        """This configuration as a value for the loop.

        Raises:
          UserError: no such data or weights, none of whose parameters fits, or features of several
            encoders.
        """
        clips = MotionData(self.clips, self.workers)
        return stage1(self, clips, MotionData(self.statistics) if self.statistics else clips)


def stage1(
    config: Stage1Config, clips: MotionData, whole_set: MotionData | None = None
) -> Stage[TrainState, MotionBatch]:
    """Stage 1 on given clips. The speech encoder, where the data name one, and its size follow
    their features; statistics are of `whole_set`, or of `clips`."""
    generator = dataclasses.replace(config.model.generator, speech_size=clips.speech_size)
    speech = clips.speech or config.model.speech
    model = dataclasses.replace(config.model, generator=generator, emotion=None, speech=speech)
    start = load_weights(config.start)[1] if config.start else {}
    statistics = (whole_set or clips).statistics
    if "statistics" in start:
        earlier = Statistics.from_tree(start["statistics"])
        # of other speech features they would mean nothing
        statistics = earlier if len(earlier.speech_mean) == generator.speech_size else statistics
    taken = {}
    if start:
        shapes = jax.eval_shape(lambda: init_generator(generator, jax.random.key(0)))
        taken = fitting(start.get("generator", {}), shapes, config.start)
    tx = optimizer(config.optimizer, config.steps)
    readout = config.readout(statistics, clips)

    def init(key: jax.Array) -> TrainState:
        params = overlaid(init_generator(generator, key), taken)
        return TrainState.create(params, tx, packing(config.optimizer, params))

    def step(
        state: TrainState, batch: MotionBatch, key: PRNGKeyArray, share: Share
    ) -> tuple[TrainState, Metrics]:
        def loss(packed: Params, batch: MotionBatch, keys: Key[Array, " b"]) -> Terms:
            params = {"generator": state.packing.unpack(packed)}
            return motion_loss(
                config.loss, model, params, batch, keys, readout, precision=config.precision
            )

        weights = config.loss.weights()
        gradients, metrics = share.gradients(loss, weights, state.packed, batch, key)
        state, norms = state.updated(tx, gradients, config.optimizer.ema_decay)
        return state, metrics | norms

    evaluation = held_out(config.loss, model, statistics, clips, readout, config.eval_clips)

    def evaluate(state: TrainState, pause: Pause) -> Mapping[str, float]:
        return evaluation({"generator": state.ema}, pause)

    def export(state: TrainState, directory: Path) -> None:
        params = {"generator": state.ema, "statistics": statistics.to_tree()}
        export_model(directory, model, params, config, state)

    return Stage(
        name="stage1",
        init=init,
        step=step,
        batches=clips.batches(statistics, config.batch_size, config.windows(generator.window)),
        evals={"held_out": evaluate} if evaluation else {},
        export=export,
        description=config.description() | built_on(config.start),
        learning_rate=schedule(config.optimizer, config.steps),
        flops=sum(stage1_flops(model, config.batch_size).values()),
        frames=config.batch_size * generator.window.length,
    )
