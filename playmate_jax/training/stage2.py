"""Stage 2: the emotion controller learns, the diffusion transformer stays as it is (§3.3).

What is frozen is a rule over parameter names (`FROZEN`); gradients are taken of the rest alone, so
the frozen part is neither touched nor decayed. Pose does not count in the loss: the controller
cannot reach it.
"""

import dataclasses
import re
from typing import Any

import flax.struct
import jax
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.configuration import from_values, to_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.losses.motion import LossConfig, motion_loss
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_emotion
from playmate_jax.motion.normalization import Statistics
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.motion_clips import Clips, SpeechNoise, open_clips, training_windows
from playmate_jax.training.optimizer import OptimizerConfig, optimizer
from playmate_jax.training.prepared_clips import PreparedClips
from playmate_jax.training.stage import Stage, TrainState
from playmate_jax.training.stage1 import READ_UNITS, export_model, unit_readout

FROZEN = r"^generator/"
# Emotions that differ in little else: fear and surprise by the brows' tilt, contempt by one corner
# of the mouth.
SHOWN_UNITS = READ_UNITS | dict.fromkeys(("brow_tilt", "frown", "smile", "asym"), 0.7)


@flax.struct.dataclass
class Stage2State:
    """The controller in training, and stage 1 beside it, unchanged."""

    trained: TrainState
    frozen: Any


@dataclasses.dataclass(frozen=True)
class Stage2Config:
    """A run of stage 2.

    Attributes:
      stage1: weights directory that stage 1 exported, or whose controller is to be trained further.
      clips: a prepared data set or a pool of emotional clips; several joined by commas.
    """

    steps: int
    stage1: str
    clips: str
    emotion: EmotionConfig = EmotionConfig()
    loss: LossConfig = LossConfig()
    speech_noise: SpeechNoise = SpeechNoise()
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig()
    batch_size: int = 16
    seed: int = 0
    workers: int = 0
    storage: str = "float32"
    name: str = "motion"
    domain: str = "photographs"

    def stage(self) -> Stage:
        """This configuration as a value for the loop."""
        values, params, _ = load_weights(self.stage1)
        model = from_values(
            MotionModelConfig, {key: value for key, value in values.items() if key != "kind"}
        )
        return stage2(self, model, params, open_clips(self.clips, self.workers))


def stage2(
    config: Stage2Config,
    model: MotionModelConfig,
    params: dict[str, Any],
    clips: Clips | PreparedClips,
) -> Stage:
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
    readout = unit_readout(statistics, clips, SHOWN_UNITS) if config.loss.readout_weight else None

    def init(key):
        emotion = params.get("emotion") or init_emotion(model, key)
        trained, frozen = partition({"generator": params["generator"], "emotion": emotion}, FROZEN)
        return Stage2State(TrainState.create(trained, tx), frozen)

    def step(state, batch, key):
        def loss(trained):
            together = {**trained, **state.frozen}
            return motion_loss(
                config.loss, model, together, batch, key, readout, expression_only=True
            )

        gradients, metrics = jax.grad(loss, has_aux=True)(state.trained.params)
        trained = state.trained.updated(tx, gradients, config.optimizer.ema_decay)
        return state.replace(trained=trained), metrics

    def export(state, directory):
        both = {**state.trained.ema, **state.frozen, "statistics": statistics.to_tree()}
        export_model(directory, model, both, config, state.trained)

    return Stage(
        name="stage2",
        init=init,
        step=step,
        batches=clips.batches(
            statistics,
            config.batch_size,
            training_windows(model.generator.window, config.speech_noise),
            emotional=True,
        ),
        export=export,
        # Who makes the batches changes nothing about them.
        description=to_values(dataclasses.replace(config, workers=0)),
    )


def partition(params: dict[str, Any], frozen: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters to train and parameters that stay, by a regex over their names."""
    flat = flatten_dict(params, sep="/")
    kept = {name: value for name, value in flat.items() if re.search(frozen, name)}
    if not kept or len(kept) == len(flat):
        raise ValueError(f"the rule {frozen!r} freezes {len(kept)} of {len(flat)} parameters")
    rest = {name: value for name, value in flat.items() if name not in kept}
    return unflatten_dict(rest, sep="/"), unflatten_dict(kept, sep="/")
