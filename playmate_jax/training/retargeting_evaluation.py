"""Stitching and retargeting on people of the validation split, while they train.

Figures as metrics/retargeting.py gives them, with the EMA of the parameters, on the same pairs
every time; openness is what M's readout says, not the landmarker. Every process evaluates all.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.data.cross_identity import SourceBatch, cross_identity
from playmate_jax.errors import UserError
from playmate_jax.losses.openness_readout import read_openness
from playmate_jax.metrics.retargeting import drawn, row_figures
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.training.retargeting_terms import observed
from playmate_jax.training.stage import Params

ROWS = 8  # pairs drawn at a time
Pause = Callable[[], None]


def held_out(
    config: RendererConfig, data: Any, count: int
) -> Callable[[Params, Params, Pause], Mapping[str, float]] | None:
    """(frozen, mlps, pause) -> figures, of `count` batches; None, said once, where the data have no
    validation split of two people.
    """
    if not count or not isinstance(data, str):
        return None
    try:
        with cross_identity(data, ROWS, split="validation", pairs=1) as made:
            batches = [next(made) for _ in range(count)]
    except UserError as error:
        print(f"no held-out evaluation: {error}", file=sys.stderr)
        return None

    @jax.jit
    def figures(frozen: Params, mlps: Params, batch: SourceBatch) -> dict[str, jax.Array]:
        seen, own, landmarks = observed(config, frozen, batch)
        params, readout = frozen["renderer"], frozen["readout"]
        asked = read_openness(readout, seen.driving)
        images = drawn(config, {**params, **mlps}, seen, own, asked)
        found = {
            name: read_openness(readout, renderer.extract_motion(config, params, image))
            for name, image in images.items()
            if name in ("source", "eyes", "lips")
        }
        source = batch["source"].astype(jnp.float32) / 255
        return row_figures(images, source, landmarks, asked, found)

    def evaluate(frozen: Params, mlps: Params, pause: Pause) -> Mapping[str, float]:
        parts = []
        for batch in batches:
            pause()
            parts.append(jax.device_get(figures(frozen, mlps, batch)))
        return {name: float(np.nanmean([part[name] for part in parts])) for name in parts[0]}

    return evaluate
