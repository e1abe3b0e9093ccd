"""Hopenet in PyTorch, under its published names; images are (b, 3, h, w) in [0, 1]."""

import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.vgg19.reference import normalized
from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.hopenet import ANGLES, EXPANSION, HopenetConfig


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
