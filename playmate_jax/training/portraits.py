"""The face space from nothing: F, M, W and G learn from pairs of frames alone (paper section 3.1).

LivePortrait's first stage with Playmate's pairwise transfer loss: of a source and a driving frame
of one person the driving one is drawn again, and whatever keypoints and expression are follows from
that; only the head pose has labels. One step draws the batch, moves F, M, W and G by the terms of
training/portrait_terms.py, and then the discriminators, which judge the image that was drawn before
the move.

Trained parameters, what calls change (BatchNorm's running moments, singular vectors) and frozen
networks are collections of their own: the optimisers and the EMA see the first alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray

from playmate_jax.configuration import to_values
from playmate_jax.data.batches import Batches, Loading
from playmate_jax.data.frame_pairs import PAIRS, PairBatch, face_space
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.normalization import statistics_over
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.renderer_training import Execution, joined, split
from playmate_jax.parallel.share import Share, Terms
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, packing, schedule
from playmate_jax.training.portrait_augmentation import Augmentation, pairs_of
from playmate_jax.training.portrait_evaluation import held_out_pairs, reconstruction
from playmate_jax.training.portrait_identity import FaceEmbedding, arcface_weights
from playmate_jax.training.portrait_start import (
    Start,
    beginners,
    drawn_side,
    first_images,
    initial_judges,
)
from playmate_jax.training.portrait_teachers import ImageFeatures, notes, vgg19_weights
from playmate_jax.training.portrait_terms import (
    PortraitWeights,
    Recipe,
    Views,
    discriminator_terms,
    generator_terms,
)
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState, moving_average
from playmate_jax.training.start import built_on

ADAM = OptimizerConfig(
    learning_rate=2e-4, b1=0.5, b2=0.999, clip_norm=1e3, anneal_share=0.1, ema_decay=0.999
)


@flax.struct.dataclass
class PortraitsState:
    """Two optimisers in turn, and what neither of them moves.

    Attributes:
      generator: of {"appearance", "motion", "warping", "spade"}.
      discriminator: of one network a view of the image; None where no term asks for them.
      statistics: by network, of both: {"batch_stats"} or {"spectral"}.
      moments: EMA of the generator's running moments, which belongs to that of its parameters: the
        moments of one do not fit the other (2 dB, measured on configs/tiny_face_space.py).
      frozen: {"vgg19", "arcface"}: those that there are.
    """

    generator: TrainState
    discriminator: TrainState | None
    statistics: Params
    moments: Params
    frozen: Any  # while a tree is rebuilt, whatever stands in the place of an empty one


@dataclasses.dataclass(frozen=True, kw_only=True)
class PortraitsConfig:
    """A run of the face space on prepared frames.

    Attributes:
      clips: a prepared data set with images ("portrait_pairs" or "drawn_faces"); several joined by
        commas, with weights where they are to be mixed. Its images may have any size; half of G's
        or more is sensible.
      batch_size: pairs in a step, over all processes.
      pairs: of a clip at a visit (data/frame_pairs.py).
      renderer: LivePortrait's networks of any size.
      regions: of the image with a discriminator and a perceptual term of their own, out of "face"
        and "lips"; the data should have landmarks.
      start: weights of a renderer to begin with, a directory or a name ("liveportrait"); their
        sizes replace `renderer`.
      vgg19: weights directory of the converted network; empty compares pixels in its place.
      arcface: weights directory of the converted network; empty: no face-identity term.
      precision, remat: as in models/renderer_training.py.
      eval_pairs: pairs of held-out people that are evaluated; 0: none.
      crop: scale and shift of the crop that frames a face as in the data.
      storage: number format of exported weights.
      name, domain: for the card: what the weights are called, "drawn" or "photographs".
    """

    steps: int
    clips: str
    seed: int = 0
    batch_size: int = 8
    pairs: int = PAIRS
    renderer: RendererConfig = RendererConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    regions: tuple[str, ...] = ()
    weights: PortraitWeights = PortraitWeights()
    augmentation: Augmentation = Augmentation()
    optimizer: OptimizerConfig = ADAM
    discriminator_optimizer: OptimizerConfig = ADAM
    start: str = ""
    vgg19: str = ""
    arcface: str = ""
    precision: str = "float32"
    remat: str = "none"
    workers: int = 0
    eval_pairs: int = 32
    crop: tuple[float, float, float] = (2.3, 0.0, -0.125)
    storage: str = "float32"
    name: str = "face_space"
    domain: str = "photographs"
    loop: LoopConfig = LoopConfig(eval_every=1000)

    def stage(self) -> Stage[PortraitsState, PairBatch]:
        """This configuration as a value for the loop.

        Raises:
          UserError: no such data or weights, or networks that cannot be trained so.
        """
        return portraits_stage(self)


def moments_of(statistics: Params) -> Params:
    """The running moments of F's and W's BatchNorms."""
    return {n: {"batch_stats": statistics[n]["batch_stats"]} for n in ("appearance", "warping")}


def averaged(state: PortraitsState) -> Params:
    """The renderer that is evaluated and exported: parameters and moments by their EMA."""
    return joined(state.generator.ema, {**state.statistics, **state.moments})


def portraits_stage(
    config: PortraitsConfig, records: Any = None
) -> Stage[PortraitsState, PairBatch]:
    """The stage of a configuration.

    Args:
      records: in memory, in place of `config.clips`.
    """
    start = Start.of(config.start) if config.start else None
    sizes = start.renderer if start else config.renderer
    if sizes.small:
        raise UserError(
            "expected LivePortrait's networks, whose keypoints can be learned from images, found a "
            "small renderer's: leave warping.rigid_keypoints empty, or train it as "
            "configs/demo_face_space.py does"
        )
    vgg19, vgg19_params = vgg19_weights(config.vgg19)
    arcface, arcface_variables = arcface_weights(config.arcface)
    active = config.weights.active(vgg19 is not None, arcface is not None)
    how = Execution(config.precision, config.remat)
    recipe = Recipe(sizes, config.discriminator, active, config.regions, how)
    tx = optimizer(config.optimizer, config.steps)
    d_tx = optimizer(config.discriminator_optimizer, config.steps)
    side = drawn_side(sizes)

    data = config.clips if records is None else records

    def init(key: jax.Array) -> PortraitsState:
        first, second = jax.random.split(key)
        fresh = start.variables if start else beginners(sizes, first, first_images(data))
        params, statistics = split(fresh)
        judges = initial_judges(recipe, second, side)
        discriminator = None
        if judges:
            own, kept = split(judges)
            statistics = {**statistics, **kept}
            discriminator = TrainState.create(
                own, d_tx, packing(config.discriminator_optimizer, own)
            )
        generator = TrainState.create(params, tx, packing(config.optimizer, params))
        frozen = {"vgg19": vgg19_params} if vgg19 else {}
        frozen |= {"arcface": arcface_variables} if arcface else {}
        moments = jax.tree.map(jnp.copy, moments_of(statistics))
        return PortraitsState(generator, discriminator, statistics, moments, frozen)

    def step(
        state: PortraitsState, batch: PairBatch, key: PRNGKeyArray, share: Share
    ) -> tuple[PortraitsState, Metrics]:
        of_images, of_terms = jax.random.split(key)
        row_keys = share.row_keys(of_images, len(batch["source"]))
        pairs = pairs_of(batch, row_keys, sizes.image_size, side, config.augmentation)
        features = ImageFeatures(vgg19, state.frozen.get("vgg19", {}), how)
        identity = FaceEmbedding(arcface, state.frozen["arcface"]) if arcface else None
        judges = state.discriminator.params if state.discriminator else {}

        def loss(packed: Params, pairs: Any, keys: Key[Array, " b"]) -> tuple[Terms, Any]:
            params = state.generator.packing.unpack(packed)
            return generator_terms(
                recipe, features, params, judges, state.statistics, pairs, keys, identity
            )

        with statistics_over(share.axis):
            gradients, metrics, (views, statistics) = share.gradients_and_rest(
                loss, recipe.weights, state.generator.packed, pairs, of_terms
            )
        generator, norms = state.generator.updated(tx, gradients, config.optimizer.ema_decay)
        metrics |= norms
        discriminator = state.discriminator
        if discriminator is not None:
            discriminator, statistics, more = judges_moved(
                discriminator, statistics, views, of_terms, share
            )
            metrics |= more
        moments = moving_average(
            state.moments,
            moments_of(statistics),
            config.optimizer.ema_decay,
            state.generator.count,
        )
        return PortraitsState(generator, discriminator, statistics, moments, state.frozen), metrics

    def judges_moved(
        state: TrainState, statistics: Params, views: Views, key: PRNGKeyArray, share: Share
    ) -> tuple[TrainState, Params, Metrics]:
        def loss(packed: Params, views: Views, _: Any) -> tuple[Terms, Params]:
            params = state.packing.unpack(packed)
            return discriminator_terms(recipe, params, statistics, views)

        gradients, metrics, statistics = share.gradients_and_rest(
            loss, {"discriminator": 1.0}, state.packed, views, key
        )
        state, norms = state.updated(d_tx, gradients, config.discriminator_optimizer.ema_decay)
        named = {"d_loss": metrics["loss"], **{f"d_{name}": norm for name, norm in norms.items()}}
        return state, statistics, named

    def batches(seed: int, start_step: int) -> Batches[PairBatch]:
        at = Loading(config.workers, jax.process_index(), jax.process_count())
        made = face_space(data, config.batch_size, seed=seed, pairs=config.pairs, loading=at)
        return made.start_at(start_step)

    def export(state: PortraitsState, directory: Path) -> None:
        arrays = jax.tree.map(np.asarray, averaged(state))
        crop = dict(zip(("scale", "vx", "vy"), config.crop, strict=True))
        card = {
            "name": config.name,
            "title": "face space: F, M, W, G",
            "domain": config.domain,
            "steps": int(state.generator.count),
            "training": to_values(config),
            **({"before": start.card} if start else {}),
        }
        values = {"kind": "renderer", "crop": crop, **to_values(sizes)}
        dtype = None if config.storage == "float32" else config.storage
        save_weights(directory, values, arrays, card, dtype)

    held_out = (
        held_out_pairs(config.clips, config.eval_pairs)
        if records is None and config.eval_pairs
        else None
    )
    measured = reconstruction(sizes, held_out, side) if held_out else None

    def evaluate(state: PortraitsState, pause: Callable[[], None]) -> Mapping[str, float]:
        assert measured is not None
        return measured(averaged(state), pause)

    description = to_values(dataclasses.replace(config, workers=0))
    return Stage(
        name="face space",
        init=init,
        step=step,
        batches=batches,
        evals={"held_out": evaluate} if measured else {},
        export=export,
        description=description | built_on(str(start.folder) if start else ""),
        learning_rate=schedule(config.optimizer, config.steps),
        frames=2 * config.batch_size,
        notes=notes(vgg19 is not None, arcface is not None),
    )
