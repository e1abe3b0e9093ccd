"""SyncNet's `syncnet_v2.model` (54,573,114 bytes): four Sequentials, two for each stream.

There time is a third axis of the lips' windows: five long in the first convolution, where frames
are channels here, and one in the others, where it is dropped.
"""

import functools

from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import (
    CONV,
    IDENTITY,
    batch_norm,
    conv,
    dense,
    squeeze_then,
)
from playmate_jax.converters.rules import Op, Rule, Table
from playmate_jax.converters.sizes import Shapes
from playmate_jax.models import syncnet
from playmate_jax.models.syncnet import FRAMES, SyncNetConfig

INDICES = (0, 4, 8, 11, 14, 18)  # of the convolutions; a BatchNorm follows each
# (out, in, z, h, w) -> (h, w, z in, out)
FRAMES_AS_CHANNELS = Op(
    "frames as channels",
    lambda x: x.transpose(3, 4, 2, 1, 0).reshape(*x.shape[3:], -1, x.shape[0]),
    lambda x: x.reshape(*x.shape[:2], FRAMES, -1, x.shape[3]).transpose(4, 3, 2, 0, 1),
)
ONE_FRAME = squeeze_then(CONV[2], 2)


def table(_: SyncNetConfig) -> Table:
    """Both streams in the order of the published file."""
    found: Table = []
    for i, index in enumerate(INDICES):
        found += conv(f"netcnnaud.{index}", f"audio/conv_{i}")
        found += batch_norm(f"netcnnaud.{index + 1}", f"audio/norm_{i}")
    found += _dense_layers("netfcaud", "audio") + _dense_layers("netfclip", "lips")
    for i, index in enumerate(INDICES):
        source, target = f"netcnnlip.{index}", f"params/lips/conv_{i}"
        op = ONE_FRAME if i else FRAMES_AS_CHANNELS
        found += [Rule(f"{source}.weight", f"{target}/kernel", op)]
        found += [Rule(f"{source}.bias", f"{target}/bias", IDENTITY)]
        found += batch_norm(f"netcnnlip.{index + 1}", f"lips/norm_{i}")
    return found


def _dense_layers(source: str, target: str) -> Table:
    found = dense(f"{source}.0", f"{target}/hidden")
    found += batch_norm(f"{source}.1", f"{target}/hidden_norm")
    return found + dense(f"{source}.3", f"{target}/embedding")


def sizes(shapes: Shapes) -> SyncNetConfig:
    """Widths, and the image's size from what the last convolution of the lips covers."""
    audio, lips = (
        tuple(shapes[f"{name}.{index}.weight"][0] for index in INDICES)
        for name in ("netcnnaud", "netcnnlip")
    )
    cells = shapes[f"netcnnlip.{INDICES[-1]}.weight"][-1]
    size, hidden = shapes["netfcaud.3.weight"]
    return SyncNetConfig(audio, lips, hidden, size, syncnet.CELL * (cells + 1))


@functools.cache
def leaf_shapes(config: SyncNetConfig) -> Shapes:
    """Every leaf and its shape."""
    leaves = flatten_dict(syncnet.shapes(config), sep="/")
    return {path: leaf.shape for path, leaf in leaves.items()}
