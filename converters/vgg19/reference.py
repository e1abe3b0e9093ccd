"""VGG19 in PyTorch, under torchvision's names; images are (b, 3, h, w) in [0, 1]."""

import torch
from torch import Tensor, nn

from playmate_jax.models.vgg19 import MEAN, STD, VGG19Config


def normalized(image: Tensor) -> Tensor:
    """ImageNet's mean and std taken out."""
    mean, std = (torch.tensor(x).reshape(3, 1, 1) for x in (MEAN, STD))
    return (image - mean) / std


class VGG19Reference(nn.Module):
    """An image to the output of the first ReLU of every block."""

    def __init__(self, config: VGG19Config):
        super().__init__()
        layers: list[nn.Module] = []
        inputs, self.taps = 3, {}
        for i, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True), 1):
            self.taps[len(layers) + 1] = f"relu{i}_1"
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x, found = normalized(image), {}
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                found[self.taps[i]] = x
        return found
