"""VGG19, the patch discriminators and Hopenet in PyTorch, with the names of published checkpoints.

Images are (b, 3, h, w) in [0, 1]; what the networks normalise by is theirs.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from playmate_jax.converters.training_networks import scale_name
from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.hopenet import ANGLES, EXPANSION, HopenetConfig
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


class DiscriminatorBlock(nn.Module):
    """Convolution, maybe instance normalisation, leaky ReLU, maybe halving."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, norm: bool, pool: bool):
        super().__init__()
        self.conv = spectral_norm(nn.Conv2d(inputs, outputs, kernel_size))
        if norm:
            self.norm = nn.InstanceNorm2d(outputs, affine=True)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = F.leaky_relu(self.norm(x) if hasattr(self, "norm") else x, 0.2)
        return F.avg_pool2d(x, 2) if self.pool else x


class PatchDiscriminator(nn.Module):
    """One scale: logits and the features of every block."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        widths, last = [3, *config.widths()], config.blocks - 1
        self.down_blocks = nn.ModuleList(
            DiscriminatorBlock(widths[i], widths[i + 1], config.kernel_size, i > 0, i < last)
            for i in range(config.blocks)
        )
        self.conv = spectral_norm(nn.Conv2d(widths[-1], 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for block in self.down_blocks:
            x = block(x)
            features.append(x)
        return self.conv(x), features


class DiscriminatorReference(nn.Module):
    """Every scale, largest first."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        scales = {scale_name(i): PatchDiscriminator(config) for i in range(config.scales)}
        self.discs = nn.ModuleDict(scales)

    def forward(self, image: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        found = []
        for i, network in enumerate(self.discs.values()):
            image = F.avg_pool2d(image, 2) if i else image
            found.append(network(image))
        return found


class Bottleneck(nn.Module):
    """ResNet's block; the stride is in the 3x3 convolution."""

    def __init__(self, inputs: int, width: int, stride: int, project: bool):
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(outputs)
        if project:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class HopenetReference(nn.Module):
    """An image to logits of yaw, pitch and roll."""

    def __init__(self, config: HopenetConfig):
        super().__init__()
        width = config.widths[0]
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        inputs, self.n_stages = width, len(config.depths)
        for i, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True)):
            blocks = []
            for j in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if i and not j else 1, project=not j))
                inputs = EXPANSION * width
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        for angle in ANGLES:
            self.add_module(f"fc_{angle}", nn.Linear(inputs, BINS))
        self.fc_finetune = nn.Linear(inputs + 3, 3)  # in the published file; nothing reads it

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = F.relu(self.bn1(self.conv1(normalized(image))))
        x = F.max_pool2d(x, 3, 2, 1)
        for i in range(self.n_stages):
            x = self.get_submodule(f"layer{i + 1}")(x)
        x = x.mean((2, 3))
        return {angle: self.get_submodule(f"fc_{angle}")(x) for angle in ANGLES}
