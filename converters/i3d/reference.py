"""I3D in PyTorch, under piergiaj's names; videos are (b, 3, t, h, w) in [0, 1]."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from playmate_jax.models.i3d import BLOCKS, BRANCHES, EPSILON, POOLS, I3DConfig

UNITS = ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3")  # the stem


def same(x: Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Zeros around (t, h, w) as TensorFlow's "SAME" has them, the odd one behind."""
    pads: list[int] = []
    for size, k, s in zip(x.shape[2:], window, stride, strict=True):
        total = max(k - (size % s or s), 0)
        pads = [total // 2, total - total // 2, *pads]
    return functional.pad(x, pads)


def max_pool(x: Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Maxima of what is never negative, so that zeros may stand around it."""
    return functional.max_pool3d(same(x, window, stride), window, stride)


class Unit(nn.Module):
    """Convolution, BatchNorm, ReLU; the logits have a bias in place of the last two."""

    def __init__(self, inputs: int, width: int, kernel_size: int, stride: int = 1, norm=True):
        super().__init__()
        self.window, self.stride = (kernel_size,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, width, kernel_size, stride, bias=not norm)
        self.bn = nn.BatchNorm3d(width, EPSILON) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3d(same(x, self.window, self.stride))
        return x if self.bn is None else functional.relu(self.bn(x))


class Block(nn.Module):
    """Four branches side by side."""

    def __init__(self, inputs: int, widths: tuple[int, ...]):
        super().__init__()
        read = (inputs, inputs, widths[1], inputs, widths[3], inputs)
        windows = (1, 1, 3, 1, 3, 1)
        for name, i, width, k in zip(BRANCHES, read, widths, windows, strict=True):
            self.add_module(name, Unit(i, width, k))

    def forward(self, x: Tensor) -> Tensor:
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat(
            [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], 1
        )


class I3DReference(nn.Module):
    """Videos to logits averaged over time."""

    def __init__(self, config: I3DConfig):
        super().__init__()
        outputs = [w[0] + w[2] + w[4] + w[5] for w in config.blocks]
        self.logits = Unit(outputs[-1], config.classes, 1, norm=False)
        inputs = 3
        for name, width, k in zip(UNITS, config.stem, (7, 1, 3), strict=True):
            self.add_module(name, Unit(inputs, width, k, 2 if k > 3 else 1))  # noqa: PLR2004
            inputs = width
        for name, widths, width in zip(BLOCKS, config.blocks, outputs, strict=True):
            self.add_module(f"Mixed_{name}", Block(inputs, widths))
            inputs = width

    def forward(self, video: Tensor) -> Tensor:
        x = max_pool(self.Conv3d_1a_7x7(2 * video - 1), (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        for name in BLOCKS:
            if name in POOLS:
                x = max_pool(x, *POOLS[name])
            x = self.get_submodule(f"Mixed_{name}")(x)
        x = functional.avg_pool3d(x, (2, *x.shape[3:]), 1)
        return self.logits(x)[..., 0, 0].mean(2)
