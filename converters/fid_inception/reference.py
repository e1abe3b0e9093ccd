"""InceptionV3 in PyTorch, under pytorch-fid's names; images are (b, 3, h, w) in [0, 1]."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.fid_inception.rules import CLASSES
from playmate_jax.models.inception import EPSILON, InceptionConfig
from playmate_jax.models.inception_blocks import BLOCKS, POOLED_STEM, STEM, Block, Layer


class ConvNorm(nn.Module):
    """Convolution without bias, norm, ReLU."""

    def __init__(self, inputs: int, layer: Layer, divisor: int):
        super().__init__()
        self.width = layer.width // divisor
        pad = tuple(k // 2 if layer.pad else 0 for k in layer.window)
        self.conv = nn.Conv2d(inputs, self.width, layer.window, layer.stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(self.width, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """One block: its branches side by side, then what comes of the pool."""

    def __init__(self, inputs: int, block: Block, divisor: int):
        super().__init__()
        self.block, self.width = block, 0
        for branch in block.branches:
            width = inputs
            for step in branch:
                pair = (step,) if isinstance(step, Layer) else step
                for layer in pair:
                    self.add_module(layer.name, ConvNorm(width, layer, divisor))
                width = sum(layer.width for layer in pair) // divisor
            self.width += width
        if block.pooled is not None:
            self.add_module(block.pooled.name, ConvNorm(inputs, block.pooled, divisor))
        pooled = inputs if block.pooled is None else block.pooled.width // divisor
        self.width += pooled

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for branch in self.block.branches:
            y = x
            for step in branch:
                pair = (step,) if isinstance(step, Layer) else step
                y = torch.cat([self.get_submodule(layer.name)(y) for layer in pair], 1)
            found.append(y)
        y = pooled(x, self.block.pool)
        if self.block.pooled is not None:
            y = self.get_submodule(self.block.pooled.name)(y)
        return torch.cat([*found, y], 1)


class InceptionReference(nn.Module):
    """An image to the features of the last mean; `fc` is in the file, and nothing reads it."""

    def __init__(self, config: InceptionConfig):
        super().__init__()
        width, self.blocks = 3, config.blocks
        for layer in STEM:
            self.add_module(layer.name, ConvNorm(width, layer, config.divisor))
            width = layer.width // config.divisor
        for name in config.blocks:
            block = Mixed(width, BLOCKS[name], config.divisor)
            self.add_module(name, block)
            width = block.width
        self.fc = nn.Linear(width, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        x = 2 * image - 1
        for layer in STEM:
            x = self.get_submodule(layer.name)(x)
            if layer.name in POOLED_STEM:
                x = F.max_pool2d(x, 3, 2)
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3))


def pooled(x: Tensor, kind: str) -> Tensor:
    """The pool of a block, by its name there."""
    if kind == "halve":
        return F.max_pool2d(x, 3, 2)
    if kind == "max":
        return F.max_pool2d(x, 3, 1, 1)
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
