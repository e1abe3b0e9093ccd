"""W folded (models/warping.py is its definition): one source, and any driving keypoints.

What depends on the source alone, the compressed volume with its norm and the source's heat maps, is
computed once (`source_side`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from playmate_jax.geometry.grid_sample import grid_sample_3d
from playmate_jax.models import sparse_motion
from playmate_jax.models.folded.convolution import Convolution, convolution, folded, form_of
from playmate_jax.models.folded.layers import Layer, normed, plain
from playmate_jax.models.resampling import mean_pool
from playmate_jax.models.warping import WarpingConfig

Source = dict[str, Array]


def fold(
    config: WarpingConfig, variables: Mapping[str, Any], side: int, backend: str, dtype: DTypeLike
) -> dict[str, Any]:
    """W's folded parameters for volumes of that side, from its linen variables."""
    params, statistics = variables["params"], variables["batch_stats"]

    def made(layer: Layer, at: int, factor: int = 1) -> Convolution:
        return folded(layer, form_of(layer, at, backend, factor), dtype, factor)

    found: dict[str, Any] = {}
    hourglass, hourglass_statistics = params["hourglass"], statistics["hourglass"]
    small = side >> config.hourglass_blocks
    for name, block in hourglass.items():
        kind, _, n = name.partition("_")
        at = {"down": side >> int(n or 0), "up": small << int(n or 0), "out": side}[kind]
        layer = normed(block["conv"], block["norm"], hourglass_statistics[name]["norm"])
        found[name] = made(layer, at, 2 if kind == "up" else 1)
    found["mask"] = made(plain(params["mask"]), side)

    compress = normed(params["compress"], params["compress_norm"], statistics["compress_norm"])
    found["compress"] = made(compress, side)
    occlusion = plain(params["occlusion"])
    width = hourglass["out"]["conv"]["kernel"].shape[-1]
    taps = occlusion.kernel.reshape(config.mask_kernel**2, width, -1)  # of (c z): now (z, c, taps)
    found["occlusion"] = {
        "kernel": jnp.asarray(taps.transpose(2, 1, 0), dtype),
        "bias": jnp.asarray(occlusion.bias, dtype),
    }
    third = normed(params["third"]["conv"], params["third"]["norm"], statistics["third"]["norm"])
    depth = taps.shape[-1]
    h, w, rows, o = third.kernel.shape
    by_depth = third.kernel.reshape(h, w, rows // depth, depth, o).swapaxes(2, 3)
    found["third"] = made(Layer(by_depth.reshape(h, w, rows, o), third.bias), side)
    found["fourth"] = made(plain(params["fourth"]), side)
    return found


def source_side(
    config: WarpingConfig,
    layers: Mapping[str, Any],
    volume: Float[Array, "b z h w c"],
    kp_source: Float[Array, "b k 3"],
) -> Source:
    """What W needs of a source, as arrays whose first axis is the batch."""
    return {
        "volume": volume,
        "compressed": jax.nn.relu(convolution(volume, layers["compress"])),
        "keypoints": kp_source,
        "heat": sparse_motion.heat_maps(kp_source, volume.shape[1:4], config.heat_map_variance),
    }


def frames(
    config: WarpingConfig,
    layers: Mapping[str, Any],
    source: Source,
    kp_driving: Float[Array, "b k 3"],
) -> Float[Array, "b h w o"]:
    """W's feature map for every frame, from `source_side` of as many rows."""
    x = _hourglass(config, layers, _hourglass_input(config, source, kp_driving))
    mask = jax.nn.softmax(convolution(x, layers["mask"]), axis=-1)
    shifts = sparse_motion.candidate_shifts(source["keypoints"], kp_driving)
    deformation = sparse_motion.mixed_coordinates(mask, shifts)
    occlusion = jax.nn.sigmoid(_occlusion(x, config.mask_kernel, layers["occlusion"]))
    warped = grid_sample_3d(source["volume"], deformation)
    b, z, h, w, c = warped.shape
    warped = warped.transpose(0, 2, 3, 1, 4).reshape(b, h, w, z * c)
    y = jax.nn.leaky_relu(convolution(warped, layers["third"]), 0.01)
    return convolution(y, layers["fourth"]) * occlusion


def _hourglass_input(config: WarpingConfig, source: Source, kp_driving: Array) -> Array:
    size = source["volume"].shape[1:4]
    places = sparse_motion.candidate_coordinates(source["keypoints"], kp_driving, size)
    shifted = sparse_motion.moved_volumes(source["compressed"], places)
    heat = sparse_motion.heat_maps(kp_driving, size, config.heat_map_variance) - source["heat"]
    heat = jnp.pad(heat, ((0, 0),) * 4 + ((1, 0),))
    x = jnp.concatenate([heat[..., None], shifted], axis=-1)
    return x.reshape(*x.shape[:4], -1)


def _hourglass(config: WarpingConfig, layers: Mapping[str, Any], x: Array) -> Array:
    skips = [x]
    for i in range(config.hourglass_blocks):
        skips.append(mean_pool(jax.nn.relu(convolution(skips[-1], layers[f"down_{i}"]))))
    x = skips.pop()
    for i in range(config.hourglass_blocks):
        x = jax.nn.relu(convolution(x, layers[f"up_{i}"]))
        x = jnp.concatenate([x, skips.pop()], axis=-1)
    return jax.nn.relu(convolution(x, layers["out"]))


def _occlusion(x: Array, k: int, layer: Mapping[str, Array]) -> Array:
    """One output channel: a product gives every tap's share at every cell, shifted and added."""
    shares = jnp.einsum("bzhwc,zct->bzhwt", x, layer["kernel"]).sum(1)
    h, w = shares.shape[1:3]
    around = (k // 2, k // 2)
    shares = jnp.pad(shares, ((0, 0), around, around, (0, 0)))
    taps = [shares[:, n // k : n // k + h, n % k : n % k + w, n] for n in range(k * k)]
    return sum(taps[1:], taps[0])[..., None] + layer["bias"]
