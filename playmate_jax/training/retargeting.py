"""Stitching and retargeting, LivePortrait's second stage: S, eyes and lips on a frozen renderer.

For every source image, three images are drawn in one call of W and G, and compared with the source
drawn with its own keypoints (x_s):

    x_d + Delta_st     x_d: the source's canonical keypoints driven by another person
    x_s + Delta_eyes   of R_eyes(x_s, own openness of both eyes, wanted openness)
    x_s + Delta_lips   of R_lips(x_s, own openness, wanted openness)

The terms are losses/retargeting.py's; wanted openness is uniform over [0, 0.8), as published. How
openness is read from the drawn image is not: here by M and a linear readout that is fitted once to
the data's landmarks (openness_fit.py). It also gives the source's own openness, and the landmarks
that masks are made of, where the data have none.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from playmate_jax.configuration import to_values
from playmate_jax.data.batches import Loading
from playmate_jax.data.cross_identity import CrossIdentity, SourceBatch, cross_identity
from playmate_jax.data.mixture import Data
from playmate_jax.errors import UserError
from playmate_jax.faces import TfliteLandmarker
from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.weights import check_tree, load_weights, save_weights
from playmate_jax.losses.retargeting import OpennessWeights, StitchingWeights
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.retargeting import MLPS, init_mlps
from playmate_jax.parallel.share import Share, Terms
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.openness_fit import fitted_readout
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, packing, schedule
from playmate_jax.training.retargeting_evaluation import Pause, held_out
from playmate_jax.training.retargeting_terms import terms_of
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState
from playmate_jax.training.start import built_on


@flax.struct.dataclass
class RetargetingState:
    """The MLPs in training; frozen, the "renderer" (F, M, W, G) and M's "readout" of openness."""

    trained: TrainState
    frozen: Params


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetargetingConfig:
    """A run of LivePortrait's second stage.

    Attributes:
      renderer: weights of the renderer: a name or a folder (hub/bundles.py).
      clips: prepared data with images of the renderer's size, as of the face space.
      stitching, eyes, lips: weights of the loss; 0 leaves a term out.
      batch_size: source images in a step, over all processes: a multiple of 8 for each.
      workers: processes that make batches; 0: threads.
      eval_batches: of the validation split; 0: none.
      face_models: where the landmarker's files are; "": fetched once.
      storage: number format of exported weights, "float32" or "float16".
      name, domain: for the card: what the weights are called, "drawn" or "photographs".
    """

    renderer: str
    clips: str
    steps: int
    stitching: StitchingWeights = StitchingWeights()
    eyes: OpennessWeights = OpennessWeights()
    lips: OpennessWeights = OpennessWeights()
    optimizer: OptimizerConfig = OptimizerConfig()
    loop: LoopConfig = LoopConfig(eval_every=1000)
    batch_size: int = 8
    seed: int = 0
    workers: int = 0
    eval_batches: int = 4
    face_models: str = ""
    storage: str = "float32"
    name: str = "retargeting"
    domain: str = "photographs"

    def stage(self) -> Stage[RetargetingState, SourceBatch]:
        """This configuration as a value for the loop.

        Raises:
          UserError: no such renderer or data, or data of another size.
        """
        frozen = frozen_renderer(self.renderer)
        parts = {name: frozen.params[name] for name in renderer.Networks._fields}
        landmarker = partial(TfliteLandmarker, self.face_models or None)
        readout = fitted_readout(frozen.sizes, parts, self.clips, landmarker)
        stage = retargeting(self, frozen, readout, self.clips)
        description = {**stage.description, **built_on(str(frozen.folder))}
        return dataclasses.replace(stage, description=description)

    def weights(self) -> dict[str, float]:
        """The weight of every term that counts, by name ("eyes_openness")."""
        return {
            f"{name}_{term}": weight
            for name in MLPS
            for term, weight in dataclasses.asdict(getattr(self, name)).items()
            if weight and self._trains(name)
        }

    @property
    def trained(self) -> tuple[str, ...]:
        """The networks that are trained: those with a term that looks at images."""
        if names := tuple(name for name in MLPS if self._trains(name)):
            return names
        raise UserError(
            "expected a weight above 0 of stitching, eyes or lips, found none: there is nothing to "
            "train"
        )

    def _trains(self, name: str) -> bool:
        terms = dataclasses.asdict(getattr(self, name))
        return any(weight for term, weight in terms.items() if term != "offset")


@dataclasses.dataclass(frozen=True)
class FrozenRenderer:
    """A renderer's weights as they were loaded: config.json, parameters and card."""

    folder: Path
    values: Mapping[str, Any]
    params: Params
    card: Mapping[str, Any]

    @property
    def sizes(self) -> RendererConfig:
        """The networks' sizes, of its config.json."""
        return renderer.config_from(self.values, f"{self.folder}/config.json")


def frozen_renderer(given: str) -> FrozenRenderer:
    """The renderer of a name or a folder; raises UserError as `hub/bundles.py: find_parts`."""
    folder = find_parts(given)["renderer"]
    found = FrozenRenderer(folder, *load_weights(folder))
    optional = renderer.retargeting_shapes(found.sizes)
    expected = renderer.shapes(found.sizes)
    expected |= {name: optional[name] for name in optional if name in found.params}
    check_tree(found.params, expected, f"the renderer's weights in {folder}")
    return found


def retargeting(
    config: RetargetingConfig, frozen: FrozenRenderer, readout: Params, clips: Data
) -> Stage[RetargetingState, SourceBatch]:
    """The stage on a renderer, a readout of its M's openness (`fitted_readout`), and data."""
    sizes, weights = frozen.sizes, config.weights()
    tx = optimizer(config.optimizer, config.steps)

    def init(key: jax.Array) -> RetargetingState:
        params = init_mlps(sizes, key, config.trained)
        parts = {name: frozen.params[name] for name in renderer.Networks._fields}
        return RetargetingState(
            TrainState.create(params, tx, packing(config.optimizer, params)),
            jax.tree.map(jnp.asarray, {"renderer": parts, "readout": readout}),
        )

    def step(
        state: RetargetingState, batch: SourceBatch, key: PRNGKeyArray, share: Share
    ) -> tuple[RetargetingState, Metrics]:
        trained = state.trained

        def loss(packed: Params, batch: SourceBatch, keys: Key[Array, " b"]) -> Terms:
            mlps = trained.packing.unpack(packed)
            return terms_of(sizes, weights, state.frozen, mlps, batch, keys)

        gradients, metrics = share.gradients(loss, weights, trained.packed, batch, key)
        trained, norms = trained.updated(tx, gradients, config.optimizer.ema_decay)
        return dataclasses.replace(state, trained=trained), metrics | norms

    def batches(seed: int, start: int) -> CrossIdentity:
        at = Loading(config.workers, jax.process_index(), jax.process_count())
        made = cross_identity(clips, config.batch_size, seed=seed, loading=at)
        return made.start_at(start)

    evaluation = held_out(sizes, clips, config.eval_batches)

    def evaluate(state: RetargetingState, pause: Pause) -> Mapping[str, float]:
        assert evaluation is not None
        return evaluation(state.frozen, state.trained.ema, pause)

    def export(state: RetargetingState, directory: Path) -> None:
        card = {
            "name": config.name,
            "title": "face space: F, M, W, G with " + ", ".join(config.trained),
            "domain": config.domain,
            "steps": int(state.trained.count),
            "training": to_values(config),
            "before": dict(frozen.card),
        }
        params = jax.tree.map(np.asarray, {**frozen.params, **state.trained.ema})
        dtype = None if config.storage == "float32" else config.storage
        save_weights(directory, frozen.values, params, card, dtype)

    return Stage(
        name="retargeting",
        init=init,
        step=step,
        batches=batches,
        evals={"held_out": evaluate} if evaluation else {},
        export=export,
        description=to_values(dataclasses.replace(config, workers=0)),
        learning_rate=schedule(config.optimizer, config.steps),
        frames=2 * config.batch_size,
    )
