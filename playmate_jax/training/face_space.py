"""The face-space stage for synthetic faces: F, M, W, G from pairs of frames with ground truth.

LivePortrait learns its keypoints without labels, from the image alone, in ten days on eight GPUs.
Synthetic faces come with theirs, so here M is a regression and W is trained on the exact flow; only
the rendering remains to be learnt from the images. M and the renderer are optimised side by side,
without a gradient between them: the renderer starts on true keypoints and is given M's more and
more often, so that at the end it is trained on M's errors too (`motion_share`).

One batch is `b` pairs and `motion_more` single frames; M sees 2 b + `motion_more` images, the
renderer reconstructs b.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from playmate_jax.configuration import to_values
from playmate_jax.data.batches import Loading
from playmate_jax.data.synthetic_pairs import SyntheticPairBatch, SyntheticPairs
from playmate_jax.errors import UserError
from playmate_jax.geometry import head_pose
from playmate_jax.hub.weights import save_weights
from playmate_jax.losses.face_space import (
    ANGLES,
    LossWeights,
    motion_keypoints,
    motion_loss,
    motion_truth,
    renderer_loss,
    true_keypoints,
)
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.parallel.share import Share
from playmate_jax.training.face_space_drawing import (
    FaceSpaceState,
    draw,
    exported,
    quick_test,
)
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, packing
from playmate_jax.training.stage import Metrics, Params, Stage, TrainState

RENDERER = ("appearance", "warping", "spade")


@dataclasses.dataclass(frozen=True)
class FaceSpaceConfig:
    """A run of the face space on synthetic faces.

    Attributes:
      batch: pairs of frames in a step.
      pool, test_pool: folders that `python -m playmate_jax.synthetic.pool` filled: faces to train
        on, and others for the evaluation.
      motion_share: from which share of the steps on the renderer is given M's keypoints now and
        then, and from which on always.
      motion_more: single frames in a step that M alone sees.
      storage: number format of exported weights.
      crop: scale and shift of the crop that frames a face as the pools do.
    """

    renderer: RendererConfig = RendererConfig()
    steps: int = 10_000
    seed: int = 0
    batch: int = 4
    pool: str = "runs/pool/train"
    test_pool: str = "runs/pool/test"
    optimizer: OptimizerConfig = OptimizerConfig()
    weights: LossWeights = LossWeights()
    motion_share: tuple[float, float] = (0.1, 0.5)
    motion_more: int = 8
    storage: str = "float16"
    crop: tuple[float, float, float] = (2.23, 0.0, -0.106)
    loop: LoopConfig = LoopConfig()

    def stage(self) -> Stage[FaceSpaceState, SyntheticPairBatch]:
        """This configuration as a value for the loop.

        Raises:
          UserError: no pool where `pool` says.
        """
        return face_space_stage(self)


def face_space_stage(config: FaceSpaceConfig) -> Stage[FaceSpaceState, SyntheticPairBatch]:
    """The stage of a configuration; opens its pools."""
    pairs = SyntheticPairs(config.pool)
    tx = optimizer(config.optimizer, config.steps)
    mean_keypoints = np.mean(pairs.pool.x_c[:16], axis=0)

    def init(key: jax.Array) -> FaceSpaceState:
        params = renderer.init(config.renderer, key)
        params = dict(params, motion=calm_motion_heads(params["motion"], mean_keypoints))
        return {
            "motion": _train_state(config, params["motion"], tx),
            "renderer": _train_state(config, {name: params[name] for name in RENDERER}, tx),
        }

    def step(
        state: FaceSpaceState, batch: SyntheticPairBatch, key: jax.Array, share: Share
    ) -> tuple[FaceSpaceState, Metrics]:
        side, n = config.renderer.image_size, len(batch["source"])
        chex.assert_shape([batch["source"], batch["driving"]], (n, side, side, 3))
        if share.microbatches > 1:
            raise UserError("expected no --accumulate for the face space, found one: leave it out")

        def mean(tree):  # all terms are means over equally many pixels, so means may be averaged
            return jax.tree.map(lambda x: x / share.sum(1.0), share.sum(tree))

        motion, drawing = state["motion"], state["renderer"]
        source, driving = pixels(batch["source"]), pixels(batch["driving"])
        more = [pixels(batch["image_more"])] if "image_more" in batch else []

        def loss_of_motion(params: Params) -> tuple[Array, tuple[dict[str, Array], Metrics]]:
            every = jnp.concatenate([source, driving, *more])
            found = renderer.extract_motion(config.renderer, {"motion": params}, every)
            loss, metrics = motion_loss(found, motion_truth(batch))
            return loss, (found, metrics)

        grad = jax.value_and_grad(loss_of_motion, has_aux=True)
        (_, (found, motion_metrics)), motion_gradients = grad(motion.params)
        motion_gradients = motion.packing.pack(mean(motion_gradients))

        done = drawing.count / config.steps
        first, last = config.motion_share
        shown = jnp.clip((done - first) / (last - first), 0.0, 1.0)
        keys = share.row_keys(key, n)
        use_motion = jax.vmap(lambda k: jax.random.bernoulli(k, shown, (1, 1)))(keys)
        true = true_keypoints(batch)
        found = jax.tree.map(lambda x: x[: 2 * n], jax.lax.stop_gradient(found))
        seen = motion_keypoints(found)
        kp_source, kp_driving = (
            jnp.where(use_motion, m, t) for m, t in zip(seen, true, strict=True)
        )

        def loss_of_renderer(params: Params) -> tuple[Array, Metrics]:
            out = draw(config.renderer, params, source, kp_source, kp_driving)
            return renderer_loss(config.weights, out, driving, true[1], batch)

        grad = jax.value_and_grad(loss_of_renderer, has_aux=True)
        (_, metrics), gradients = grad(drawing.params)
        gradients = drawing.packing.pack(mean(gradients))
        decay = config.optimizer.ema_decay
        motion, motion_norms = motion.updated(tx, motion_gradients, decay)
        drawing, norms = drawing.updated(tx, gradients, decay)
        norms |= {f"m_{name}": norm for name, norm in motion_norms.items()}
        return {"motion": motion, "renderer": drawing}, dict(mean(metrics | motion_metrics)) | norms

    def batches(seed: int, start: int) -> Iterator[SyntheticPairBatch]:
        at = Loading(0, jax.process_index(), jax.process_count())
        return pairs.batches(seed, start, config.batch, config.motion_more, at)

    def export(state: FaceSpaceState, directory: Path) -> None:
        card = {
            "name": "demo",
            "title": "face space: F, M, W, G",
            "domain": "drawn",
            "steps": config.steps,
            "training": to_values(config),
        }
        crop = dict(zip(("scale", "vx", "vy"), config.crop, strict=True))
        values = {"kind": "renderer", "crop": crop, **to_values(config.renderer)}
        save_weights(directory, values, exported(state), card, config.storage)

    return Stage(
        name="face space",
        init=init,
        step=step,
        batches=batches,
        evals={"test": quick_test(config.renderer, config.test_pool, config.batch)},
        export=export,
        description=to_values(config),
    )


def _train_state(
    config: FaceSpaceConfig, params: Params, tx: optax.GradientTransformation
) -> TrainState:
    return TrainState.create(params, tx, packing(config.optimizer, params))


def pixels(images: Array) -> Float[Array, "b h w 3"]:
    """uint8 images as float32 in [0, 1]."""
    return images.astype(jnp.float32) / 255


def calm_motion_heads(variables: Params, mean_keypoints: Float[np.ndarray, "k 3"]) -> Params:
    """M's output layers: little noise, and biases at the mean face in frontal pose.

    Without it the first steps move random keypoints, and flat bins make angles 20 times as
    sensitive as bins that are already near zero degrees.
    """
    params = dict(variables["params"])
    degrees = head_pose.FIRST_BIN_DEG + head_pose.DEGREES_PER_BIN * np.arange(head_pose.BINS)
    bins = -0.5 * np.square(degrees / 12.0)
    biases = {"kp": mean_keypoints.reshape(-1), "scale": np.array([0.72])}
    biases |= {name: bins for name in ANGLES}
    for name, layer in params.items():
        if name.startswith("head_"):
            output = name.removeprefix("head_")
            noise = 0.02 if output in ANGLES else 0.003
            bias = jnp.asarray(biases.get(output, layer["bias"]), jnp.float32)
            params[name] = {"kernel": noise * layer["kernel"], "bias": bias}
    return dict(variables, params=params)
