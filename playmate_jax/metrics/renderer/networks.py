"""A renderer as its evaluation uses it: M reads images, F, W and G draw them.

Calls take any number of rows and pass them on in batches of one size. Images are float32 in [0, 1]
with the sides that F and M take; larger ones that G draws are brought to that size by means over
areas, so that drawn and true images are compared, and read again, at one size.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.errors import UserError
from playmate_jax.geometry.keypoints import Motion
from playmate_jax.hub.bundles import find_bundle, find_parts
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.metrics.face_space import in_chunks
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.synthetic.expression import BASIS, units_from_expression

Images = Float[np.ndarray, "n h w 3"]
Points = Float[Any, "n k 3"]


class Seen(NamedTuple):
    """What a reader finds in n images.

    Attributes:
      expression: in a space of the reader's own, the same for all images.
      angles: pitch, yaw and roll in degrees.
    """

    expression: Float[np.ndarray, "n e"]
    angles: Float[np.ndarray, "n 3"]


class FaceMotion(NamedTuple):
    """What M finds in n images: canonical keypoints, the rest of Eq. 1, and the same as `Seen`."""

    x_c: Float[Array, "n k 3"]
    motion: Motion
    seen: Seen

    def at(self, rows: Any) -> "FaceMotion":
        """These rows alone, in this order."""
        return jax.tree.map(lambda leaf: leaf[rows], self)


Reader = Callable[[Images], Seen]


@dataclasses.dataclass(frozen=True)
class FaceSpace:
    """A renderer as two functions of NumPy arrays.

    Attributes:
      size: side of all images.
      read: M.
      draw: sources, their keypoints x_s, and the driving ones x_d: the images that G draws.
    """

    size: int
    read: Callable[[Images], FaceMotion]
    draw: Callable[[Images, Points, Points], Images]


def load_face_space(weights: str | Path) -> FaceSpace:
    """The renderer of a weights directory, or of shipped or fetched weights by name.

    Raises:
      UserError: there are none, or they are those of something else.
    """
    config, params = load_renderer(weights)
    params = jax.device_put(params)
    look = jax.jit(partial(renderer.extract_motion, config))
    paint = jax.jit(partial(_draw, config))

    def read(images: Images) -> FaceMotion:
        m = in_chunks(partial(look, params), images)
        x_c, *motion = (jnp.asarray(m[name]) for name in ("x_c", "R", "delta", "s", "t"))
        return FaceMotion(x_c, Motion(*motion), seen_by_m(m))

    def draw(sources: Images, x_s: Points, x_d: Points) -> Images:
        return in_chunks(partial(paint, params), sources, np.asarray(x_s), np.asarray(x_d))

    return FaceSpace(config.image_size, read, draw)


def load_renderer(weights: str | Path) -> tuple[RendererConfig, Mapping[str, Any]]:
    """Sizes and parameters of F, M, W and G.

    Raises:
      UserError: as `load_face_space`.
    """
    parts = find_bundle(weights)
    if "renderer" not in parts:
        raise UserError(
            f"expected the weights of a renderer (F, M, W, G), found those of a {min(parts)} alone "
            f"in '{weights}': give another folder or name"
        )
    folder = parts["renderer"]
    values, params, _ = load_weights(folder)
    if values.get("kind", "renderer") != "renderer":
        raise UserError(
            f"expected the weights of a renderer in '{folder}', found those of '{values['kind']}': "
            "give another folder"
        )
    config = renderer.config_from(values, f"{folder}/config.json")
    networks = {n: p for n, p in params.items() if n not in renderer.retargeting_shapes(config)}
    check_tree(networks, renderer.shapes(config), f"the renderer's weights in {folder}")
    return config, networks


def seen_by_m(m: Mapping[str, np.ndarray]) -> Seen:
    """`renderer.extract_motion`'s reading as a `Seen`: delta, and the angles."""
    angles = np.stack([m[name] for name in ("pitch", "yaw", "roll")], -1)
    return Seen(m["delta"].reshape(len(angles), -1), angles)


def synthetic_reader() -> Reader:
    """The reader of synthetic faces: M of the shipped demo renderer, which was trained on them with
    true labels, apart from any renderer. Its expression is that of the units, in head units."""
    config, params = load_renderer(find_parts("demo")["renderer"])
    motion = jax.device_put({"motion": params["motion"]})
    look = jax.jit(partial(_resized_look, config))

    def read(images: Images) -> Seen:
        seen = seen_by_m(in_chunks(partial(look, motion), images))
        return Seen(units_from_expression(seen.expression) @ BASIS, seen.angles)

    return read


def is_synthetic_reader(weights: str | Path) -> bool:
    """Whether a renderer's own M is the one that `synthetic_reader` reads with."""
    own, reader = (
        jax.tree.leaves(load_renderer(w)[1]["motion"]) for w in (weights, find_parts()["renderer"])
    )
    return len(own) == len(reader) and all(
        np.array_equal(a, b) for a, b in zip(own, reader, strict=True)
    )


def _draw(config: RendererConfig, params: Any, source: Array, x_s: Array, x_d: Array) -> Array:
    features = renderer.encode(config, params, source)
    drawn = renderer.decode(config, params, features, x_s, x_d)
    return jax.image.resize(drawn, source.shape, "linear")  # antialiased: means where it shrinks


def _resized_look(config: RendererConfig, params: Any, image: Array) -> dict[str, Array]:
    shape = (image.shape[0], config.image_size, config.image_size, 3)
    return renderer.extract_motion(config, params, jax.image.resize(image, shape, "linear"))
