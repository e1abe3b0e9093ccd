"""What stages 1 and 2 have in common: most of their configuration, the readout, the export."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from playmate_jax.configuration import to_values
from playmate_jax.data.motion_batch import Windows
from playmate_jax.data.motion_data import MotionData
from playmate_jax.data.speech_noise import SpeechNoise
from playmate_jax.errors import UserError, nearest
from playmate_jax.hub.weights import save_weights
from playmate_jax.losses.motion import LossConfig
from playmate_jax.losses.readouts import Readout, readout
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.normalization import Statistics
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.stage import Params, TrainState

PRECISIONS = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MotionStageConfig:
    """Fields of a run of stage 1 and of stage 2.

    Attributes:
      clips: a prepared data set; several joined by commas, with weights where they are to be mixed
        ("data/a:0.7,data/b:0.3").
      identity_noise: std of the noise on the normalised identity, because M's estimate is not the
        truth; 0, as in the paper: none.
      batch_size: windows in a step, over all processes.
      precision: number format that the networks are evaluated in, "float32" or "bfloat16";
        parameters and the optimiser are float32.
      workers: processes that make batches; 0: threads.
      eval_clips: clips of the validation split that are evaluated; 0: none.
      storage: number format of exported weights, "float32" or "float16".
      name, domain: for the card: what the weights are called, "drawn" or "photographs".
    """

    steps: int
    clips: str
    loss: LossConfig = LossConfig()
    identity_noise: float = 0.0
    speech_noise: SpeechNoise = SpeechNoise()
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig(eval_every=1000)
    batch_size: int = 16
    precision: str = "float32"
    seed: int = 0
    workers: int = 0
    eval_clips: int = 32
    storage: str = "float32"
    name: str = "motion"
    domain: str = "photographs"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(
                f"expected precision out of {', '.join(PRECISIONS)}, found '{self.precision}'"
                f"{nearest(self.precision, PRECISIONS)}"
            )

    def windows(self, window: WindowConfig) -> Windows:
        """How training windows are cut from clips, with noise on what real inputs differ in."""
        return Windows(window, identity_noise=self.identity_noise, speech_noise=self.speech_noise)

    def readout(self, statistics: Statistics, clips: MotionData) -> Readout | None:
        """The readout of the expression in the loss; None where its weight is 0."""
        if not self.loss.readout_weight:
            return None
        return readout(self.loss.readout, statistics.motion, clips.expressions)

    def description(self) -> dict[str, Any]:
        """This configuration for checkpoints; `workers` is 0, as it does not change batches."""
        return to_values(dataclasses.replace(self, workers=0))


def export_model(
    directory: Path,
    model: MotionModelConfig,
    params: Params,
    config: MotionStageConfig,
    state: TrainState,
) -> None:
    """Writes weights that inference/generate.py reads, with a card that describes the run.

    Args:
      params: {"generator", "statistics"}, and "emotion" after stage 2.
    """
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
