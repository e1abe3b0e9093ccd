"""Stage 2: the emotion controller learns, the diffusion transformer stays as it is (§3.3).

What is frozen is a rule over parameter names (`FROZEN`); gradients are taken of the rest alone, so
the frozen part is neither touched nor decayed. Pose does not count in the loss: the controller
cannot reach it. The frozen network runs without dropout, as it will when motion is generated.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flax.struct
import jax
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Array, Key, PRNGKeyArray

from playmate_jax.configuration import from_values
from playmate_jax.data.motion_batch import MotionBatch
from playmate_jax.data.motion_data import MotionData
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.losses.motion import motion_loss
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_flops import stage2_flops
from playmate_jax.models.motion_model import MotionModelConfig, init_emotion
from playmate_jax.motion.normalization import Statistics
from playmate_jax.parallel.share import Share, Terms
from playmate_jax.training.motion_evaluation import Pause, held_out
from playmate_jax.training.motion_stage import MotionStageConfig, export_model
from playmate_jax.training.optimizer import optimizer, packing, schedule
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState
from playmate_jax.training.start import built_on, fitting, overlaid

FROZEN = r"^generator/"


@flax.struct.dataclass
class Stage2State:
    """The controller in training, and stage 1's frozen parameters."""

    trained: TrainState
    frozen: Params


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage2Config(MotionStageConfig):
    """A run of stage 2; its `clips` have labelled emotions.

    Attributes:
      stage1: weights directory that stage 1 exported, or whose controller is to be trained further,
        as far as its parameters fit.
    """

    stage1: str
    emotion: EmotionConfig = EmotionConfig()

    def stage(self) -> Stage[Stage2State, MotionBatch]:
        """This configuration as a value for the loop.

        Raises:
          UserError: no such data or weights, or features of another encoder than stage 1's.
        """
        values, params, _ = load_weights(self.stage1)
        model = from_values(
            MotionModelConfig, {key: value for key, value in values.items() if key != "kind"}
        )
        stage = stage2(self, model, params, MotionData(self.clips, self.workers))
        return dataclasses.replace(
            stage, description={**stage.description, **built_on(self.stage1)}
        )


def stage2(
    config: Stage2Config, model: MotionModelConfig, params: dict[str, Any], clips: MotionData
) -> Stage[Stage2State, MotionBatch]:
    """Stage 2 on top of stage 1's parameters {"generator", "statistics"}.

    Raises:
      UserError: the clips' speech features are another encoder's.
    """
    if clips.speech not in ("", model.speech):
        raise UserError(
            f"expected speech features of '{model.speech}', which stage 1 was trained on, found "
            f"those of '{clips.speech}' in {config.clips}: prepare it with --speech {model.speech}"
        )
    model = dataclasses.replace(model, emotion=config.emotion)
    statistics = Statistics.from_tree(params["statistics"])
    tx = optimizer(config.optimizer, config.steps)
    readout = config.readout(statistics, clips)

    taken = {}
    if "emotion" in params:
        shapes = jax.eval_shape(lambda: init_emotion(model, jax.random.key(0)))
        taken = fitting(params["emotion"], shapes, config.stage1)

    def init(key: jax.Array) -> Stage2State:
        emotion = overlaid(init_emotion(model, key), taken)
        trained, frozen = partition({"generator": params["generator"], "emotion": emotion}, FROZEN)
        return Stage2State(
            TrainState.create(trained, tx, packing(config.optimizer, trained)), frozen
        )

    def step(
        state: Stage2State, batch: MotionBatch, key: PRNGKeyArray, share: Share
    ) -> tuple[Stage2State, Metrics]:
        def loss(packed: Params, batch: MotionBatch, keys: Key[Array, " b"]) -> Terms:
            both = {**state.trained.packing.unpack(packed), **state.frozen}
            return motion_loss(
                config.loss, model, both, batch, keys, readout,
                expression_only=True, precision=config.precision,
            )  # fmt: skip

        weights = config.loss.weights(expression_only=True)
        gradients, metrics = share.gradients(loss, weights, state.trained.packed, batch, key)
        trained, norms = state.trained.updated(tx, gradients, config.optimizer.ema_decay)
        return dataclasses.replace(state, trained=trained), metrics | norms

    evaluation = held_out(
        config.loss, model, statistics, clips, readout, config.eval_clips, emotional=True
    )

    def evaluate(state: Stage2State, pause: Pause) -> Mapping[str, float]:
        return evaluation({**state.trained.ema, **state.frozen}, pause)

    def export(state: Stage2State, directory: Path) -> None:
        both = {**state.trained.ema, **state.frozen, "statistics": statistics.to_tree()}
        export_model(directory, model, both, config, state.trained)

    return Stage(
        name="stage2",
        init=init,
        step=step,
        batches=clips.batches(
            statistics, config.batch_size, config.windows(model.generator.window), emotional=True
        ),
        evals={"held_out": evaluate} if evaluation else {},
        export=export,
        description=config.description(),
        learning_rate=schedule(config.optimizer, config.steps),
        flops=sum(stage2_flops(model, config.batch_size).values()),
        frames=config.batch_size * model.generator.window.length,
    )


def partition(params: Params, frozen: str) -> tuple[Params, Params]:
    """Parameters to train and parameters that stay, by a regex over their names ("a/b/kernel").

    Raises:
      ValueError: the regex freezes all of them, or none.
    """
    flat = flatten_dict(params, sep="/")
    kept = {name: value for name, value in flat.items() if re.search(frozen, name)}
    if not kept or len(kept) == len(flat):
        raise ValueError(f"the rule {frozen!r} freezes {len(kept)} of {len(flat)} parameters")
    rest = {name: value for name, value in flat.items() if name not in kept}
    return unflatten_dict(rest, sep="/"), unflatten_dict(kept, sep="/")
