"""The forward pass of stitching and retargeting: what is seen in a batch, and the loss's terms.

`frozen` holds the "renderer" (F, M, W, G) and the "readout" of openness (losses/openness_readout);
nothing of it gets a gradient.
"""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from playmate_jax.data.cross_identity import SourceBatch
from playmate_jax.losses import retargeting as losses
from playmate_jax.losses.keypoints import image_coordinates
from playmate_jax.losses.openness_readout import read_landmarks, read_openness
from playmate_jax.losses.regions import below
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.retargeting import OPENNESS, Seen, at_input_size, draw, moved, see
from playmate_jax.parallel.share import Mean, Terms
from playmate_jax.training.stage import Params


def observed(
    sizes: RendererConfig, frozen: Params, batch: SourceBatch
) -> tuple[Seen, Float[Array, "b 3"], Float[Array, "b 468 2"]]:
    """What the renderer sees in a batch, and of its source images the openness and the landmarks
    in [-1, 1]: the data's, or M's where they have none."""
    source, driving = (batch[name].astype(jnp.float32) / 255 for name in ("source", "driving"))
    seen = see(sizes, frozen["renderer"], source, driving)
    known = batch["has_landmarks"][:, None]
    own = jnp.where(
        known, losses.openness(batch["landmarks"]), read_openness(frozen["readout"], seen.source)
    )
    landmarks = jnp.where(
        known[..., None],
        image_coordinates(batch["landmarks"], sizes.image_size),
        read_landmarks(frozen["readout"], seen.kp_source),
    )
    return seen, own, landmarks


def terms_of(
    sizes: RendererConfig,
    weights: Mapping[str, float],
    frozen: Params,
    mlps: Params,
    batch: SourceBatch,
    keys: Key[Array, " b"],
) -> Terms:
    """The terms of the loss that have weights, by name ("eyes_openness")."""
    seen, own, landmarks = jax.lax.stop_gradient(observed(sizes, frozen, batch))
    both = jax.vmap(partial(jax.random.split, num=len(OPENNESS)))(keys)
    wanted = {name: losses.random_openness(both[:, i]) for i, name in enumerate(OPENNESS)}
    moves = moved(sizes, mlps, seen, own, wanted)
    params = frozen["renderer"]
    drawn = draw(sizes, params, seen, {name: move.keypoints for name, move in moves.items()})
    reconstructed = draw(sizes, params, seen, {"source": seen.kp_source})["source"]

    terms: dict[str, Mean] = {}
    if "stitching" in moves:
        shoulders = below(landmarks, reconstructed.shape[1])
        found = losses.stitching(
            drawn["stitching"], reconstructed, shoulders, moves["stitching"].offsets
        )
        terms |= {f"stitching_{term}": mean for term, mean in found.items()}
    for name, loss in (("eyes", losses.eyes), ("lips", losses.lips)):
        if name in moves:
            again = renderer.extract_motion(sizes, params, at_input_size(sizes, drawn[name]))
            got = read_openness(frozen["readout"], again)[:, OPENNESS[name]]
            found = loss(
                drawn[name], reconstructed, landmarks, got, wanted[name], moves[name].offsets
            )
            terms |= {f"{name}_{term}": mean for term, mean in found.items()}
    return {name: mean for name, mean in terms.items() if name in weights}
