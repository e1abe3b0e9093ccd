"""ArcFace's IResNet under the names of arcface_torch's `backbone.pth`.

Its dense layer reads an image that was flattened with the channels first (512, 7, 7); ours has them
last.
"""

import functools
import math

from playmate_jax.converters.layers import IDENTITY, batch_norm, conv
from playmate_jax.converters.rules import Op, Rule, Table
from playmate_jax.converters.sizes import Shapes, count, image_leaf_shapes
from playmate_jax.models.iresnet import IResNet, IResNetConfig


def flat_image(cells: int) -> Op:
    """A dense weight (out, c h w) to the kernel (h w c, out), of an image of cells x cells."""
    return Op(
        f"flat_image({cells})",
        lambda x: x.reshape(len(x), -1, cells, cells).transpose(2, 3, 1, 0).reshape(-1, len(x)),
        lambda x: (
            x.reshape(cells, cells, -1, x.shape[1]).transpose(3, 2, 0, 1).reshape(x.shape[1], -1)
        ),
    )


def table(config: IResNetConfig) -> Table:
    """All tensors in the order of the published file."""
    rules = conv("conv1", "conv_first", bias=False) + batch_norm("bn1", "norm_first")
    rules.append(_prelu("prelu", "prelu_first"))
    for i, depth in enumerate(config.depths):
        for j in range(depth):
            rules += _block(f"layer{i + 1}.{j}.", f"stage_{i}_block_{j}/", project=j == 0)
    rules += batch_norm("bn2", "norm_last")
    op = flat_image(config.image_size // 2 ** len(config.depths))
    rules += [Rule("fc.weight", "params/embedding/kernel", op)]
    rules += [Rule("fc.bias", "params/embedding/bias", IDENTITY)]
    return rules + batch_norm("features", "norm_embedding")


def _block(source: str, target: str, project: bool) -> Table:
    rules = batch_norm(f"{source}bn1", f"{target}norm_1")
    rules += conv(f"{source}conv1", f"{target}conv_1", bias=False)
    rules += batch_norm(f"{source}bn2", f"{target}norm_2")
    rules.append(_prelu(f"{source}prelu", f"{target}prelu"))
    rules += conv(f"{source}conv2", f"{target}conv_2", bias=False)
    rules += batch_norm(f"{source}bn3", f"{target}norm_3")
    if project:
        rules += conv(f"{source}downsample.0", f"{target}conv_shortcut", bias=False)
        rules += batch_norm(f"{source}downsample.1", f"{target}norm_shortcut")
    return rules


def _prelu(source: str, target: str) -> Rule:
    return Rule(f"{source}.weight", f"params/{target}/slope", IDENTITY)


def config_of(shapes: Shapes) -> IResNetConfig:
    """Blocks and widths of every stage; the image's side from what the dense layer reads."""
    stages = range(1, 1 + count(shapes, r"(layer\d+)\."))
    depths = tuple(count(shapes, rf"layer{i}\.(\d+)\.") for i in stages)
    widths = tuple(shapes[f"layer{i}.0.conv1.weight"][0] for i in stages)
    size, read = shapes["fc.weight"]
    cells = math.isqrt(read // widths[-1])
    return IResNetConfig(depths, widths, size, cells * 2 ** len(depths))


@functools.cache
def leaf_shapes(config: IResNetConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(IResNet(config), config.image_size)
