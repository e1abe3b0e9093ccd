"""How well a face space redraws people it has never seen, while it trains.

Of every clip of the validation split the first image is the source and another one drives it; with
the EMA of the parameters and the running statistics. A look, not the report of a finished run.
"""

import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.data.frame_pairs import FIELDS, KINDS, PairBatch, pair_of
from playmate_jax.data.mixture import Data, open_mixture
from playmate_jax.data.motion_data import HELD_OUT
from playmate_jax.data.record_source import Records, open_records, split_names
from playmate_jax.data.shared_batches import stacked
from playmate_jax.geometry.keypoints import equation_1
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.training.portrait_augmentation import Pairs, pairs_of, resized
from playmate_jax.training.portrait_terms import degrees_of, motion_of
from playmate_jax.training.stage import Params

CHUNK = 8  # pairs that are drawn at a time


def held_out_pairs(data: Data, count: int) -> PairBatch | None:
    """`count` pairs of different clips of the validation splits, always the same ones; None where
    there are none, which is said."""
    found = []
    for part in open_mixture(data, "train", KINDS, FIELDS):
        if isinstance(part.records, Records) and HELD_OUT in split_names(part.records.folder):
            records = open_records(part.records.folder, HELD_OUT, KINDS)
            records.fields = tuple(name for name in FIELDS if name in records.features)
            found += [(records, n) for n, k in enumerate(records.index["pictures"]) if int(k) > 1]
    if not found:
        print(
            f"expected a validation split in {data}, found none: training goes on without held-out "
            "evaluation (playmate prepare makes one of more people)",
            file=sys.stderr,
        )
        return None
    chosen = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
    pairs = [
        pair_of(records[number], np.random.default_rng(n))
        for n, (records, number) in enumerate(found[at] for at in chosen)
    ]
    found_pairs: Any = stacked(pairs)
    return found_pairs


def reconstruction(
    config: RendererConfig, batch: PairBatch, side: int
) -> Callable[[Params, Callable[[], None]], dict[str, float]]:
    """The evaluation on given pairs: PSNR of the drawn driving frames and of the copied sources in
    dB, and the error of M's head pose in degrees.

    Args:
      side: of the drawn image.
    """

    @jax.jit
    def figures(params: Params, pairs: Pairs) -> dict[str, Float[Array, " b"]]:
        found, driving = (
            renderer.extract_motion(config, params, image)
            for image in (pairs.source, pairs.driving)
        )
        own = motion_of(found)
        features = renderer.encode(config, params, pairs.source)
        x_d = equation_1(own[0], motion_of(driving)[1])
        drawn = renderer.decode(config, params, features, equation_1(*own), x_d)
        error = jnp.abs(degrees_of(driving) - pairs.degrees_driving)
        return {
            "psnr": _psnr(drawn, pairs.wanted),
            "copy_psnr": _psnr(resized(pairs.source, side), pairs.wanted),
            "pose_deg": error.mean(-1),
        }

    def evaluate(params: Params, pause: Callable[[], None]) -> dict[str, float]:
        n, parts = len(batch["source"]), []
        for first in range(0, n, CHUNK):
            pause()
            rows = np.arange(first, first + CHUNK)
            chunk: Any = {name: np.asarray(value)[rows % n] for name, value in batch.items()}
            found = figures(params, pairs_of(chunk, None, config.image_size, side))
            parts.append({name: np.asarray(value)[rows < n] for name, value in found.items()})
        return {k: float(np.concatenate([part[k] for part in parts]).mean()) for k in parts[0]}

    return evaluate


def _psnr(drawn: Float[Array, "b h w 3"], wanted: Float[Array, "b h w 3"]) -> Float[Array, " b"]:
    """In dB, of each image."""
    error = jnp.square(jnp.clip(drawn, 0, 1) - wanted).mean((1, 2, 3))
    return -10 * jnp.log10(jnp.maximum(error, 1e-10))
