"""LPIPS in PyTorch, under the `lpips` package's names; images are (b, 3, h, w) in [0, 1].

Both images go through the trunk as one batch; the original runs it twice.
"""

import torch
from torch import Tensor, nn

from playmate_jax.converters.lpips.rules import trunk_indices
from playmate_jax.models.lpips import EPSILON, SCALE, SHIFT, TRUNKS, LPIPSConfig


class Trunk(nn.Module):
    """Convolutions with ReLUs in five slices, named by their place in torchvision's Sequential."""

    def __init__(self, config: LPIPSConfig):
        super().__init__()
        inputs, all_indices = 3, trunk_indices(config.trunk)
        slices = zip(TRUNKS[config.trunk], config.widths, all_indices, strict=True)
        for i, (piece, width, indices) in enumerate(slices, 1):
            layers = nn.Sequential()
            if piece.pool:
                layers.add_module(str(indices[0] - 1), nn.MaxPool2d(piece.pool, 2))
            for index in indices:
                layer = nn.Conv2d(inputs, width, piece.kernel_size, piece.stride, piece.pad)
                layers.add_module(str(index), layer)
                layers.add_module(str(index + 1), nn.ReLU())
                inputs = width
            self.add_module(f"slice{i}", layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for layers in self.children():
            x = layers(x)
            found.append(x)
        return found


class Head(nn.Module):
    """The weights of one layer's channels, behind a dropout that evaluation skips."""

    def __init__(self, width: int):
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(width, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class LPIPSReference(nn.Module):
    """Two images to their distance."""

    def __init__(self, config: LPIPSConfig):
        super().__init__()
        self.net = Trunk(config)
        for i, width in enumerate(config.widths):
            self.add_module(f"lin{i}", Head(width))

    def forward(self, image: Tensor, other: Tensor) -> Tensor:
        return self.terms(image, other).sum(1)

    def terms(self, image: Tensor, other: Tensor) -> Tensor:
        """The five terms of the distance (b, 5)."""
        shift, scale = (torch.tensor(x).reshape(3, 1, 1) for x in (SHIFT, SCALE))
        x = (2 * torch.cat([image, other]) - 1 - shift) / scale
        found = []
        for i, features in enumerate(self.net(x)):
            first, second = unit(features).chunk(2)
            head = self.get_submodule(f"lin{i}")
            found.append(head((first - second) ** 2).mean((1, 2, 3)))
        return torch.stack(found, 1)


def unit(x: Tensor) -> Tensor:
    """Every pixel's features, divided by their length plus EPSILON."""
    return x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON)
