"""The face-space stage for synthetic faces: F, M, W, G from pairs of frames with ground truth.

LivePortrait learns its keypoints without labels, from the image alone, in ten days on eight GPUs.
Synthetic faces know theirs, so here M is a regression and W is told the exact flow; what remains to
be learnt from the image is the drawing. M and the renderer are optimised side by side without a
gradient between them: the renderer starts on true keypoints and is given M's more and more often,
so that at the end it has learnt to live with M's errors (`motion_share`).

One batch is `b` pairs and `motion_more` single frames; M sees 2 b + `motion_more` images, the
renderer reconstructs b.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.configuration import to_values
from playmate_jax.geometry import head_pose
from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.hub.weights import save_weights
from playmate_jax.losses import reconstruction as losses
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceExtractor
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeDecoder
from playmate_jax.synthetic.expression import PINV, UNIT
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig, optimizer
from playmate_jax.training.stage import Batch, Stage, State, TrainState
from playmate_jax.training.synthetic_pairs import SyntheticPairs

ANGLES = ("pitch", "yaw", "roll")
RENDERER = ("appearance", "warping", "spade")
# What one standard deviation of the synthetic world is: pitch, yaw, roll, scale, tx and ty.
DEGREES_STD = np.array([5.0, 8.0, 4.0], np.float32)
SCALE_STD, TRANSLATION_STD = 0.009, 0.03
# Lids and what the mouth does matter most when a face speaks.
UNIT_WEIGHTS = np.ones(len(UNIT), np.float32)
UNIT_WEIGHTS[[UNIT[name] for name in ("jaw", "close", "lid_l", "lid_r")]] = 3.0


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Renderer: images in [0, 1], flow and depth in half images. M: see `motion_loss`."""

    image: float = 1.0
    gradient: float = 0.5
    pyramid: float = 0.5
    warped: float = 0.3
    flow: float = 2.0
    depth: float = 0.5
    visibility: float = 0.03
    focus: float = 5.0
    focus_std: float = 0.08
    focus_keypoints: tuple[int, ...] = (6, 12, 14, 17, 11, 13, 15, 16)


@dataclasses.dataclass(frozen=True)
class FaceSpaceConfig:
    """The stage and everything it needs."""

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
    crop: tuple[float, float, float] = (2.23, 0.0, -0.106)  # how synthetic faces are framed
    loop: LoopConfig = LoopConfig()

    def stage(self) -> Stage:
        """This configuration as a value for the loop."""
        return face_space_stage(self)


def face_space_stage(config: FaceSpaceConfig) -> Stage:
    """The stage; opens the pools."""
    pairs = SyntheticPairs(config.pool)
    tx = optimizer(config.optimizer, config.steps)
    mean_keypoints = np.mean(pairs.pool.x_c[:16], axis=0)

    def init(key: jax.Array) -> State:
        params = renderer.init(config.renderer, key)
        params = dict(params, motion=calm_motion_heads(params["motion"], mean_keypoints))
        return {
            "motion": TrainState.create(params["motion"], tx),
            "renderer": TrainState.create({name: params[name] for name in RENDERER}, tx),
        }

    def step(state: State, batch: Batch, key: jax.Array) -> tuple[State, dict[str, Array]]:
        motion, drawing = state["motion"], state["renderer"]
        names = [n for n in ("source", "driving", "image_more") if n in batch]
        images = {name: batch[name].astype(jnp.float32) / 255 for name in names}

        def loss_of_motion(params: Any) -> tuple[Array, Any]:
            every = jnp.concatenate(list(images.values()))
            found = renderer.extract_motion(config.renderer, {"motion": params}, every)
            loss, metrics = motion_loss(found, motion_truth(batch))
            return loss, (found, metrics)

        grad = jax.value_and_grad(loss_of_motion, has_aux=True)
        (_, (found, motion_metrics)), motion_gradients = grad(motion.params)

        done = drawing.count / config.steps
        first, last = config.motion_share
        share = jnp.clip((done - first) / (last - first), 0.0, 1.0)
        use_motion = jax.random.bernoulli(key, share, (config.batch, 1, 1))
        told = true_keypoints(batch)
        found = jax.tree.map(lambda x: x[: 2 * config.batch], jax.lax.stop_gradient(found))
        seen = motion_keypoints(found)
        kp_source, kp_driving = (
            jnp.where(use_motion, m, t) for m, t in zip(seen, told, strict=True)
        )

        def loss_of_renderer(params: Any) -> tuple[Array, dict[str, Array]]:
            out = draw(config.renderer, params, images["source"], kp_source, kp_driving)
            return renderer_loss(config.weights, out, images["driving"], told[1], batch)

        grad = jax.value_and_grad(loss_of_renderer, has_aux=True)
        (_, metrics), gradients = grad(drawing.params)
        decay = config.optimizer.ema_decay
        state = {
            "motion": motion.updated(tx, motion_gradients, decay),
            "renderer": drawing.updated(tx, gradients, decay),
        }
        return state, metrics | motion_metrics

    def batches(seed: int, start: int) -> Any:
        return pairs.batches(seed, start, config.batch, config.motion_more)

    def export(state: State, directory: Path) -> None:
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
        evals={"test": quick_test(config)},
        export=export,
        description=to_values(config),
    )


def exported(state: State) -> dict[str, Any]:
    """The EMAs, in the renderer's own tree."""
    return {"motion": state["motion"].ema, **state["renderer"].ema}


def calm_motion_heads(variables: Any, mean_keypoints: Float[np.ndarray, "k 3"]) -> Any:
    """M's output layers: little noise, and biases at the mean face looking ahead.

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


def motion_truth(batch: Batch) -> dict[str, Array]:
    """What M should say of the batch's images: sources, driving frames, single frames."""

    def gathered(*names: str) -> Array:
        return jnp.concatenate([batch[name] for name in names if name in batch])

    delta = gathered("delta_source", "delta_driving", "delta_more")
    pose = gathered("pose_source", "pose_driving", "pose_more")
    x_c = gathered("x_c", "x_c", "x_c_more")
    t = jnp.pad(pose[:, 4:6], ((0, 0), (0, 1)))
    return {
        "x_c": x_c,
        "delta": delta,
        "R": head_pose.rotation(pose[:, 0], pose[:, 1], pose[:, 2]),
        "s": pose[:, 3:4],
        "t": t,
        "pitch": pose[:, 0],
        "yaw": pose[:, 1],
        "roll": pose[:, 2],
    }


def _posed(motion: dict[str, Array], x_c: Array) -> Array:
    return transform_keypoints(x_c, motion["R"], motion["delta"], motion["s"], motion["t"])


def true_keypoints(batch: Batch) -> tuple[Array, Array]:
    """x of the source and of the driving frame (b, k, 3) each, from the truth."""
    truth = motion_truth({k: v for k, v in batch.items() if not k.endswith("_more")})
    return tuple(jnp.split(_posed(truth, truth["x_c"]), 2))


def motion_keypoints(found: dict[str, Array]) -> tuple[Array, Array]:
    """The same through M: both on the source's canonical keypoints, as when a portrait talks."""
    x_c = jnp.split(found["x_c"], 2)[0]
    return tuple(jnp.split(_posed(found, jnp.concatenate([x_c, x_c])), 2))


def motion_loss(found: dict[str, Array], truth: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Everything M says in units of its own spread, and the posed keypoints it leads to."""
    angles = [jnp.stack([m[name] for name in ANGLES], -1) for m in (found, truth)]
    degrees = jnp.abs(angles[0] - angles[1])
    pinv = jnp.asarray(PINV)
    units = jnp.abs((found["delta"] - truth["delta"]).reshape(-1, pinv.shape[0]) @ pinv)
    posed = jnp.abs(_posed(found, found["x_c"]) - _posed(truth, truth["x_c"]))
    parts = {
        "degrees": jnp.mean(degrees / DEGREES_STD),
        "scale": jnp.mean(jnp.abs(found["s"] - truth["s"])) / SCALE_STD,
        "t": jnp.mean(jnp.abs(found["t"] - truth["t"])) / TRANSLATION_STD,
        "x_c": jnp.mean(jnp.abs(found["x_c"] - truth["x_c"])) / 0.03,
        "delta": jnp.mean(jnp.abs(found["delta"] - truth["delta"])) / 0.02,
        "units": jnp.mean(units * UNIT_WEIGHTS) * 2.0,
        "posed": jnp.mean(posed) / 0.03,
    }
    lids = [UNIT["lid_l"], UNIT["lid_r"]]
    metrics = {
        "m_loss": sum(parts.values()),
        "m_deg": jnp.mean(degrees),
        "m_px": jnp.mean(posed[..., :2]) * 64,
        "m_unit": jnp.mean(units),
        "m_jaw": jnp.mean(units[:, UNIT["jaw"]]),
        "m_lid": jnp.mean(units[:, jnp.array(lids)]),
    }
    return metrics["m_loss"], metrics


def draw(
    config: RendererConfig,
    params: Any,
    source: Float[Array, "b h w 3"],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """`renderer.decode` with what W found on the way: its outputs, warped_image and image."""
    volume = AppearanceExtractor(config.appearance).apply(params["appearance"], source)
    warping = renderer.warping_network(config.warping)
    warped = warping.apply(params["warping"], volume, kp_source, kp_driving)
    features = {"volume": volume, "picture": source}
    inputs = renderer.decoder_inputs(config, features, warped, kp_driving)
    image = SpadeDecoder(config.spade).apply(params["spade"], **inputs)
    return {**warped, **inputs, "picture": image}


def renderer_loss(
    weights: LossWeights,
    out: dict[str, Array],
    wanted: Float[Array, "b h w 3"],
    keypoints: Float[Array, "b k 3"],
    batch: Batch,
) -> tuple[Array, dict[str, Array]]:
    """Images against images, the warp against the renderer's exact flow and visibility."""
    size, truth_size = wanted.shape[1], batch["flow"].shape[1]
    chosen = keypoints[:, jnp.array(weights.focus_keypoints)]
    focus = losses.focus(chosen, size, weights.focus_std, weights.focus)
    head, seen = batch["head"][..., None], batch["visible"][..., None]
    flow = losses.upsampled(out["picture_flow"], truth_size)
    depth = losses.upsampled(out["surface_depth"], truth_size)
    visibility = losses.upsampled(out["visibility"], truth_size)
    parts = {
        "picture": losses.weighted_l1(out["picture"], wanted, focus),
        "gradient": losses.gradient_l1(out["picture"], wanted, jnp.sqrt(focus)),
        "pyramid": losses.pyramid_l1(out["picture"], wanted),
        "warped": losses.masked_l1(out["warped_image"], wanted, losses.upsampled(seen, size)),
        "flow": losses.masked_l1(flow, batch["flow"], seen),
        "depth": losses.masked_l1(depth, batch["depth"][..., None], head),
        "visibility": losses.binary_cross_entropy(visibility, seen),
    }
    total = sum(getattr(weights, name) * part for name, part in parts.items())
    mse = jnp.mean(jnp.square(jnp.clip(out["picture"], 0, 1) - wanted), axis=(1, 2, 3))
    metrics = {
        "loss": total,
        "psnr": jnp.mean(-10.0 * jnp.log10(mse)),
        "flow_px": parts["flow"] * size / 2,
        "depth": parts["depth"],
        "vis": parts["visibility"],
    }
    return total, metrics


def quick_test(config: FaceSpaceConfig) -> Any:
    """PSNR on one pair of every test identity, all through M; a look, not the report."""

    @jax.jit
    def look(state: State, source: Array, driving: Array) -> tuple[Array, dict[str, Array]]:
        params = exported(state)
        found = renderer.extract_motion(config.renderer, params, jnp.concatenate([source, driving]))
        kp_source, kp_driving = motion_keypoints(found)
        return draw(config.renderer, params, source, kp_source, kp_driving)["picture"]

    def evaluate(state: State) -> dict[str, float]:
        pool = SyntheticPairs(config.test_pool).pool
        found, copied, chunk = [], [], config.batch
        for first in range(0, pool.ready() - chunk + 1, chunk):
            people = slice(first, first + chunk)
            source, driving = (np.asarray(pool.image[people, f], np.float32) / 255 for f in (0, 1))
            found.append(psnr(np.asarray(look(state, source, driving)), driving))
            copied.append(psnr(source, driving))
        return {"psnr": float(np.mean(found)), "copy_psnr": float(np.mean(copied))}

    return evaluate
