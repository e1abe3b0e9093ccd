"""Stage 1: the diffusion transformer learns motion from speech (§3.2).

Exported weights: {"generator", "statistics"}, read by inference/generate.py and by stage 2.
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from playmate_jax.configuration import to_values
from playmate_jax.hub.weights import save_weights
from playmate_jax.losses.motion import LossConfig, Readout, motion_loss
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.motion.normalization import Statistics
from playmate_jax.synthetic.expression import BASIS, LIPS, UNITS
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.motion_clips import (
    Clips,
    SpeechNoise,
    open_clips,
    training_windows,
)
from playmate_jax.training.optimizer import OptimizerConfig, optimizer
from playmate_jax.training.prepared_clips import PreparedClips
from playmate_jax.training.stage import Stage, TrainState

# Lips that meet for two frames and almost shut on an m are what viewers notice first; next, eyes
# that never move. The rest is small in a neutral face, and must be learned for emotions to use it.
READ_UNITS = {
    **dict.fromkeys(LIPS, 1.0),
    "close": 1.7,
    **dict.fromkeys(("gaze_x", "gaze_y"), 0.5),
    **dict.fromkeys(("brow_tilt", "frown", "smile", "lip_up", "lip_lo", "cheek"), 0.3),
}


@dataclasses.dataclass(frozen=True)
class Stage1Config:
    """A run of stage 1.

    Attributes:
      clips: a prepared data set or a pool of clips; several joined by commas, prepared ones with
        weights ("data/a:0.7,data/b:0.3").
      statistics: pools for the statistics of Eqs. 5 and 6; empty: `clips`. They must show what
        stage 2 will show, or emotions are measured in the tiny std of faces that never smile.
      start: weights directory to go on from; empty starts anew.
      workers: processes that make batches of a prepared data set; 0: threads.
      storage: number format of exported weights.
      name, domain: for the card: what the weights are called, "drawn" or "photographs".
    """

    steps: int
    clips: str
    model: MotionModelConfig = MotionModelConfig()
    loss: LossConfig = LossConfig()
    speech_noise: SpeechNoise = SpeechNoise()
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig()
    batch_size: int = 16
    seed: int = 0
    workers: int = 0
    start: str = ""
    statistics: str = ""
    storage: str = "float32"
    name: str = "motion"
    domain: str = "photographs"

    def stage(self) -> Stage:
        """This configuration as a value for the loop."""
        clips = open_clips(self.clips, self.workers)
        return stage1(self, clips, open_clips(self.statistics) if self.statistics else clips)


def stage1(
    config: Stage1Config,
    clips: Clips | PreparedClips,
    whole_set: Clips | PreparedClips | None = None,
) -> Stage:
    """Stage 1 on given clips. The speech encoder, where they tell it, and its size follow their
    features; statistics are of `whole_set`."""
    generator = dataclasses.replace(config.model.generator, speech_size=clips.speech_size)
    speech = clips.speech or config.model.speech
    model = dataclasses.replace(config.model, generator=generator, emotion=None, speech=speech)
    start = started_from(config.start) if config.start else None
    statistics = (
        Statistics.from_tree(start["statistics"]) if start else (whole_set or clips).statistics
    )
    tx = optimizer(config.optimizer, config.steps)
    readout = unit_readout(statistics, clips) if config.loss.readout_weight else None

    def init(key):
        params = start["generator"] if start else init_generator(generator, key)
        return TrainState.create(params, tx)

    def step(state, batch, key):
        def loss(params):
            return motion_loss(config.loss, model, {"generator": params}, batch, key, readout)

        gradients, metrics = jax.grad(loss, has_aux=True)(state.params)
        return state.updated(tx, gradients, config.optimizer.ema_decay), metrics

    def export(state, directory):
        params = {"generator": state.ema, "statistics": statistics.to_tree()}
        export_model(directory, model, params, config, state)

    return Stage(
        name="stage1",
        init=init,
        step=step,
        batches=clips.batches(
            statistics, config.batch_size, training_windows(generator.window, config.speech_noise)
        ),
        export=export,
        # Who makes the batches changes nothing about them.
        description=to_values(dataclasses.replace(config, workers=0)),
    )


def unit_readout(
    statistics: Statistics,
    clips: Clips | PreparedClips,
    units: Mapping[str, float] = READ_UNITS,
) -> Readout:
    """Units of synthetic faces, each divided by its std over the clips and times its weight; lips
    that meet are the event."""
    inverse = np.linalg.pinv(BASIS)
    chosen = inverse[:, [UNITS.index(name) for name in units]]
    spread = (clips.expressions @ chosen).std(0) / np.array(list(units.values()))
    mean = np.asarray(statistics.motion.expression_mean)
    std = np.asarray(statistics.motion.expression_std)
    meet = inverse[:, UNITS.index("close")]
    return Readout(
        matrix=(std[:, None] * chosen / spread).astype(np.float32),
        event=(std * meet).astype(np.float32),
        event_at_rest=float(mean @ meet),
    )


@functools.cache
def started_from(directory: str) -> dict[str, Any]:
    """Parameters of an earlier run."""
    from playmate_jax.hub.weights import load_weights

    return load_weights(directory)[1]


def export_model(
    directory: Path,
    model: MotionModelConfig,
    params: dict[str, Any],
    config: Any,
    state: TrainState,
) -> None:
    """Writes weights that inference/generate.py reads, with a card that tells of the run."""
    card = {
        "name": config.name,
        "title": "speech to motion" + (" with emotion" if "emotion" in params else ""),
        "domain": config.domain,
        "steps": int(state.count),
        "training": to_values(config),
    }
    arrays = jax.tree.map(np.asarray, params)
    save_weights(
        directory,
        {"kind": "playmate", **to_values(model)},
        arrays,
        card,
        None if config.storage == "float32" else config.storage,
    )
