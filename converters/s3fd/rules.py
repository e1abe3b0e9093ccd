"""S3FD under the names of SyncNet's `sfd_face.pth`: VGG16's layers by their place in a list."""

import functools

from playmate_jax.converters.layers import IDENTITY, conv
from playmate_jax.converters.rules import Rule, Table
from playmate_jax.converters.sizes import Shapes, image_leaf_shapes
from playmate_jax.models.s3fd import BACKGROUNDS, DEPTHS, S3FD, S3FDConfig

WIDE = (31, 33)  # places of the two convolutions behind VGG16's blocks
NORMS = {"L2Norm3_3": "norm_3", "L2Norm4_3": "norm_4", "L2Norm5_3": "norm_5"}


def places() -> dict[tuple[int, int], int]:
    """(block, convolution), both from 1, to the place in the list, where ReLUs and poolings stand
    too."""
    found, place = {}, 0
    for i, depth in enumerate(DEPTHS, 1):
        for j in range(1, depth + 1):
            found[i, j] = place
            place += 2
        place += 1
    return found


def table(config: S3FDConfig) -> Table:
    """All tensors in the order of the published network."""
    found: Table = []
    for (i, j), place in places().items():
        found += conv(f"vgg.{place}", f"conv_{i}_{j}")
    for name, place in zip(("conv_6", "conv_7"), WIDE, strict=True):
        found += conv(f"vgg.{place}", name)
    for source, target in NORMS.items():
        found.append(Rule(f"{source}.weight", f"params/{target}/scale", IDENTITY))
    for i in range(len(config.extras)):
        found += conv(f"extras.{i}", f"extra_{i}")
    for source, target in (("loc", "offsets"), ("conf", "logits")):
        for i in range(len(BACKGROUNDS)):
            found += conv(f"{source}.{i}", f"{target}_{i}")
    return found


def config_of(shapes: Shapes) -> S3FDConfig:
    """Widths of the blocks and of what is behind them."""
    widths = tuple(shapes[f"vgg.{p}.weight"][0] for (_, j), p in places().items() if j == 1)
    extras = tuple(shapes[f"extras.{i}.weight"][0] for i in range(4))
    return S3FDConfig(widths, shapes[f"vgg.{WIDE[0]}.weight"][0], extras)


@functools.cache
def leaf_shapes(config: S3FDConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(S3FD(config), 64)
