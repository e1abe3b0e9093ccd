"""EfficientNet under timm's names.

EmotiEffLib publishes whole pickled modules (`enet_b0_8_best_vgaf.pt`), which are never unpickled
here: `torch.save(torch.load(FILE, weights_only=False).state_dict(), OUT)`, run where timm and the
file are trusted, gives the file that this reads.
"""

import functools

from playmate_jax.converters.layers import batch_norm, conv, dense
from playmate_jax.converters.rules import Table
from playmate_jax.converters.sizes import Shapes, count, image_leaf_shapes
from playmate_jax.models.efficientnet import B0, B2, STAGES, EfficientNet, EfficientNetConfig


def table(config: EfficientNetConfig) -> Table:
    """All tensors in the order of timm's state dict; norms are numbered as they come."""
    rules = _conv_norm("conv_stem", "bn1", "stem")
    for i, ((_, _, expansion), depth) in enumerate(zip(STAGES, config.depths)):
        for j in range(depth):
            source, target = f"blocks.{i}.{j}.", f"stage_{i}_block_{j}/"
            names = [("conv_pw", "expand"), ("conv_dw", "depthwise"), ("conv_pwl", "project")]
            if expansion == 1:
                names = [("conv_dw", "depthwise"), ("conv_pw", "project")]
            for number, (name, ours) in enumerate(names, 1):
                if ours == "project":
                    for layer in ("conv_reduce", "conv_expand"):
                        rules += conv(f"{source}se.{layer}", f"{target}squeeze/{layer}")
                rules += _conv_norm(f"{source}{name}", f"{source}bn{number}", f"{target}{ours}")
    rules += _conv_norm("conv_head", "bn2", "head")
    return rules + dense("classifier.0", "classifier")


def _conv_norm(source: str, norm: str, target: str) -> Table:
    path, _, name = target.rpartition("/")
    path = f"{path}/" if path else ""
    rules = conv(source, f"{path}conv_{name}", bias=False)
    return rules + batch_norm(norm, f"{path}norm_{name}")


def config_of(shapes: Shapes) -> EfficientNetConfig:
    """Blocks and widths of every stage; the size of the faces from the last convolution's width."""
    stages = range(count(shapes, r"blocks\.(\d+)\."))
    depths = tuple(count(shapes, rf"blocks\.{i}\.(\d+)\.") for i in stages)
    last = ["conv_pw" if STAGES[i][2] == 1 else "conv_pwl" for i in stages]
    widths = tuple(shapes[f"blocks.{i}.0.{last[i]}.weight"][0] for i in stages)
    stem, head = (shapes[f"conv_{name}.weight"][0] for name in ("stem", "head"))
    size = next((known.image_size for known in (B0, B2) if known.head == head), B0.image_size)
    classes = shapes["classifier.0.bias"][0]
    return EfficientNetConfig(stem, depths, widths, head, classes, size)


@functools.cache
def leaf_shapes(config: EfficientNetConfig) -> Shapes:
    """Every leaf and its shape."""
    return image_leaf_shapes(EfficientNet(config), 32)


def present_name(name: str) -> str | None:
    """A tensor's name in the table; some releases have a bare Linear as classifier."""
    bare = name in ("classifier.weight", "classifier.bias")
    return name.replace("classifier.", "classifier.0.") if bare else name
