"""F, M, S and the retargeters in PyTorch, written from their description; LivePortrait's names.

Images are (b, 3, h, w) in [0, 1].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.liveportrait.reference_renderer import ConvNorm
from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.stitching import KeypointMLPConfig


class ResBlock(nn.Module):
    """Pre-activation residual block on a volume."""

    def __init__(self, channels: int):
        super().__init__()
        for i in (1, 2):
            self.add_module(f"conv{i}", nn.Conv3d(channels, channels, 3, padding=1))
            self.add_module(f"norm{i}", nn.BatchNorm3d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(y)))


class AppearanceReference(nn.Module):
    """F: an image to a volume (b, c, z, h, w)."""

    def __init__(self, config: AppearanceConfig):
        super().__init__()
        self.config, width = config, config.channels
        self.first = ConvNorm(2, 3, width)
        blocks = []
        for i in range(config.halvings):
            outputs = min(config.max_channels, config.channels * 2 ** (i + 1))
            blocks.append(ConvNorm(2, width, outputs, "down"))
            width = outputs
        self.down_blocks = nn.ModuleList(blocks)
        self.second = nn.Conv2d(width, config.volume_channels * config.volume_depth, 1)
        blocks = {f"3dr{i}": ResBlock(config.volume_channels) for i in range(config.resblocks)}
        self.resblocks_3d = nn.Sequential()
        for name, block in blocks.items():
            self.resblocks_3d.add_module(name, block)

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        for block in self.down_blocks:
            x = block(x)
        x = self.second(x)
        shape = (self.config.volume_channels, self.config.volume_depth)
        return self.resblocks_3d(x.unflatten(1, shape))


class ResponseNorm(nn.Module):
    """ConvNeXt V2's global response normalisation on (b, h, w, c)."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.square().sum((1, 2), keepdim=True).sqrt()
        relative = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        return x + self.gamma * (x * relative) + self.beta


class ConvNextBlock(nn.Module):
    """Depthwise convolution, then an MLP on channels, residual; (b, c, h, w)."""

    def __init__(self, channels: int, kernel_size: int):
        super().__init__()
        padding = kernel_size // 2
        self.dwconv = nn.Conv2d(channels, channels, kernel_size, padding=padding, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = ResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.pwconv2(self.grn(F.gelu(self.pwconv1(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Trunk and heads of M."""

    def __init__(self, config: MotionConfig):
        super().__init__()
        dims, patch = config.dims, config.patch
        self.downsample_layers, self.stages = nn.ModuleList(), nn.ModuleList()
        for i, (depth, dim) in enumerate(zip(config.depths, dims, strict=True)):
            if i == 0:
                down = [nn.Conv2d(3, dim, patch, patch), nn.LayerNorm(dim, eps=1e-6)]
            else:
                down = [nn.LayerNorm(dims[i - 1], eps=1e-6), nn.Conv2d(dims[i - 1], dim, 2, 2)]
            self.downsample_layers.append(nn.ModuleList(down))
            blocks = (ConvNextBlock(dim, config.kernel_size) for _ in range(depth))
            self.stages.append(nn.Sequential(*blocks))
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        sizes = {"kp": 3 * config.keypoints, "scale": 1, "pitch": BINS, "yaw": BINS, "roll": BINS}
        self.heads = sizes | {"t": 3, "exp": 3 * config.keypoints}
        for name, size in self.heads.items():
            self.add_module(f"fc_{name}", nn.Linear(dims[-1], size))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        for down, blocks in zip(self.downsample_layers, self.stages, strict=True):
            for layer in down:
                norm = isinstance(layer, nn.LayerNorm)
                x = layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if norm else layer(x)
            x = blocks(x)
        x = self.norm(x.mean((2, 3)))
        return {name: self.get_submodule(f"fc_{name}")(x) for name in self.heads}


class MotionReference(nn.Module):
    """M: an image to raw keypoints, expression, scale, translation and pose bins."""

    def __init__(self, config: MotionConfig):
        super().__init__()
        self.detector = ConvNext(config)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.detector(image)


class KeypointMLPReference(nn.Module):
    """S or a retargeter: linear layers with ReLU between them."""

    def __init__(self, config: KeypointMLPConfig):
        super().__init__()
        widths = [config.inputs, *config.hidden, config.outputs]
        layers: list[nn.Module] = []
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)
