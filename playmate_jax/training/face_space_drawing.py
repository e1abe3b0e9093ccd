"""The face space's forward pass: what a training step compares, and PSNR on other people."""

from collections.abc import Callable
from typing import TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.losses.face_space import motion_keypoints
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.synthetic.pool import open_pool
from playmate_jax.training.stage import Evaluation, Params, TrainState


class FaceSpaceState(TypedDict):
    """Two optimisers side by side, without a gradient between them.

    motion: of M. renderer: of {"appearance", "warping", "spade"}, that is F, W and G.
    """

    motion: TrainState
    renderer: TrainState


def exported(state: FaceSpaceState) -> Params:
    """The EMAs of F, M, W and G in one tree, as models/renderer.py reads it."""
    return {"motion": state["motion"].ema, **state["renderer"].ema}


def draw(
    config: RendererConfig,
    params: Params,
    source: Float[Array, "b h w 3"],
    kp_source: Float[Array, "b k 3"],
    kp_driving: Float[Array, "b k 3"],
) -> dict[str, Array]:
    """An image drawn from its source, "picture", with W's outputs and G's arguments by name."""
    features = renderer.encode(config, params, source)
    out = renderer.decode_with_warp(config, params, features, kp_source, kp_driving)
    return {**out, "picture": out["image"]}


def quick_test(config: RendererConfig, test_pool: str, chunk: int) -> Evaluation[FaceSpaceState]:
    """PSNR on one pair of every test identity, all through M; a look, not the report of
    metrics/face_space.py.

    Args:
      test_pool: opened at each evaluation, so that it may be made while training runs.
      chunk: pairs that are drawn at a time.
    """

    @jax.jit
    def look(state: FaceSpaceState, source: Array, driving: Array) -> Array:
        params = exported(state)
        found = renderer.extract_motion(config, params, jnp.concatenate([source, driving]))
        kp_source, kp_driving = motion_keypoints(found)
        return draw(config, params, source, kp_source, kp_driving)["picture"]

    def evaluate(state: FaceSpaceState, pause: Callable[[], None]) -> dict[str, float]:
        pool = open_pool(test_pool)
        found, copied = [], []
        for first in range(0, pool.ready() - chunk + 1, chunk):
            pause()
            people = slice(first, first + chunk)
            source, driving = (np.asarray(pool.image[people, f], np.float32) / 255 for f in (0, 1))
            found.append(psnr(np.asarray(look(state, source, driving)), driving))
            copied.append(psnr(source, driving))
        return {"psnr": float(np.mean(found)), "copy_psnr": float(np.mean(copied))}

    return evaluate
