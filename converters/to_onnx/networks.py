"""Which networks a weights directory has for export: functions with named inputs and outputs.

    appearance     image -> volume                         F
    motion         image -> x_c, R, delta, s, t, ...       M
    warping_spade  volume, (image,) x_s, x_d -> image      W and G
    stitching      x_s, x_d -> x_d                         S
    denoiser       noisy motion and conditions -> motion or noise

Images are (b, h, w, 3) in [0, 1], volumes (b, z, h, w, c), keypoints (b, k, 3): as in JAX.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from playmate_jax.configuration import from_values
from playmate_jax.converters.synthetic_weights import generator, network_input
from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_bundle
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.models import motion_model, renderer, stitching
from playmate_jax.models.motion_model import Inputs, MotionModelConfig
from playmate_jax.models.renderer import RendererConfig

NAMES = ("appearance", "motion", "warping_spade", "stitching", "denoiser")
STEPS = 1000  # of the diffusion: what `step` may be in random inputs
CELLS = 16  # random colours along the side of a random image
NEAR = 0.3  # of keypoints' own spread: how far driving keypoints lie from the source's


@dataclass(frozen=True)
class Network:
    """One network with its weights.

    Attributes:
      function: (params, **inputs) to arrays by name.
      inputs: shapes and types.
      meaning: one sentence for the file.
    """

    name: str
    function: Callable[..., Mapping[str, jax.Array]]
    params: Any
    inputs: Mapping[str, jax.ShapeDtypeStruct]
    meaning: str

    def random_inputs(self, seed: int = 0) -> dict[str, np.ndarray]:
        """Inputs as they are in use: smooth images, and driving keypoints near the source's."""
        found = {name: _random(name, x, seed) for name, x in self.inputs.items()}
        if "x_d" in found:
            found["x_d"] = found["x_s"] + NEAR * found["x_d"]
        return found


def _random(name: str, x: jax.ShapeDtypeStruct, seed: int) -> np.ndarray:
    shape = tuple(x.shape)
    if x.dtype == np.bool_:
        return np.ones(shape, bool)
    if np.issubdtype(x.dtype, np.integer):
        return generator(seed, f"input:{name}").integers(0, STEPS, shape, x.dtype)
    if name == "image":  # of single random pixels, the rounding of a flow would show most
        cells = network_input(name, (shape[0], CELLS, CELLS, 3), seed, "unit")
        return np.asarray(jax.image.resize(cells, shape, "bilinear"))
    return network_input(name, shape, seed, "keypoints" if name in ("x_s", "x_d") else "normal")


def of_weights(weights: str, batch: int = 1, only: tuple[str, ...] = ()) -> list[Network]:
    """The networks of a weights directory or name; `only` these, where some are named.

    Raises:
      UserError: there are no such weights, they lack a network that was named, or hold none.
    """
    found: list[Network] = []
    for part, folder in find_bundle(weights).items():
        if part in _parts(only):
            config, params, _ = load_weights(folder)
            load = _of_renderer if part == "renderer" else _of_generator
            found += load(config, params, str(folder), batch)
    have = {network.name: network for network in found}
    if missing := [name for name in only if name not in have]:
        raise UserError(
            f"expected {' and '.join(missing)} in the weights '{weights}', found "
            f"{', '.join(have) or 'neither'}: leave it out of --networks, or give other weights"
        )
    if not have:
        raise UserError(
            f"expected a renderer or a motion generator in '{weights}', found a speech encoder: "
            "give other weights"
        )
    return [have[name] for name in only or have]


def _parts(only: tuple[str, ...]) -> set[str]:
    """Which parts of the weights hold these networks; no names: all."""
    return {"generator" if name == "denoiser" else "renderer" for name in only or NAMES}


def _of_renderer(
    values: Mapping[str, Any], params: Mapping[str, Any], source: str, batch: int
) -> list[Network]:
    config = renderer.config_from(values, f"{source}/config.json")
    optional = renderer.retargeting_shapes(config)
    expected = renderer.shapes(config) | {n: optional[n] for n in optional if n in params}
    check_tree(params, expected, f"the renderer's weights in {source}")
    image = {"image": _image(config, batch)}

    def stitched(p, x_s, x_d):
        return {"x_d_stitched": stitching.stitch(config.stitching, p["stitching"], x_s, x_d)}

    found = [
        Network(
            "appearance", lambda p, image: {"volume": renderer.encode(config, p, image)["volume"]},
            _part(params, "appearance"), image, "F: a source image to its feature volume",
        ),
        Network(
            "motion", lambda p, image: renderer.extract_motion(config, p, image),
            _part(params, "motion"), image, "M: an image to keypoints, pose and expression",
        ),
        drawing(config, params, batch),
    ]  # fmt: skip
    if "stitching" in params:
        part, pair = _part(params, "stitching"), _keypoint_pair(config, batch)
        found.append(Network("stitching", stitched, part, pair, "S: driving keypoints, moved"))
    return found


def drawing(config: RendererConfig, params: Mapping[str, Any], batch: int) -> Network:
    """W and G as one network, from the variables of both."""
    own = _part(params, "warping", "spade")
    f = {"appearance": renderer.shapes(config)["appearance"]}
    features = jax.eval_shape(lambda p, x: renderer.encode(config, p, x), f, _image(config, batch))

    def drawn(p, x_s, x_d, **seen):
        return {"drawn": renderer.decode(config, p, seen, x_s, x_d)}

    meaning = "W and G: a source's features, its keypoints and the driving ones to an image"
    return Network("warping_spade", drawn, own, features | _keypoint_pair(config, batch), meaning)


def _image(config: RendererConfig, batch: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((batch, config.image_size, config.image_size, 3), jnp.float32)


def _keypoint_pair(config: RendererConfig, batch: int) -> dict[str, jax.ShapeDtypeStruct]:
    points = jax.ShapeDtypeStruct((batch, config.warping.keypoints, 3), jnp.float32)
    return {"x_s": points, "x_d": points}


def _of_generator(
    values: Mapping[str, Any], params: Mapping[str, Any], source: str, batch: int
) -> list[Network]:
    if (kind := values.get("kind")) != "playmate":
        raise UserError(
            f"expected the weights of this project's motion denoiser in {source}, found those of "
            f"'{kind}': give others, or name the networks with --networks"
        )
    own = {name: value for name, value in values.items() if name != "kind"}
    config = from_values(MotionModelConfig, own, f"{source}/config.json")
    motion, step, inputs = motion_model.example_inputs(config.generator, batch)
    given = {"motion": motion, "step": step, **vars(inputs)}
    has_emotion = "emotion" in params
    if not has_emotion:
        given.pop("emotion")

    def denoised(p, motion, step, **conditions):
        emotion = jnp.zeros((*conditions["speech"].shape[:2], inputs.emotion.shape[-1]))
        conditions = Inputs(**{"emotion": emotion, **conditions})
        return {config.generator.prediction: motion_model.output(
            config, p, motion, step, conditions)}  # fmt: skip

    shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in given.items()}
    networks = _part(params, "generator", *(["emotion"] if has_emotion else []))
    meaning = "the motion denoiser: noisy motion and conditions to what it predicts; normalised"
    return [Network("denoiser", denoised, networks, shapes, meaning)]


def _part(params: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: params[name] for name in names}
