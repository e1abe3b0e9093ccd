"""F and M of small renderers in PyTorch; images are (b, 3, h, w) in [0, 1].

Group norms, squares of pixels on the channels, and a plain trunk whose narrow map is flattened.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig


class ConvNorm(nn.Module):
    """3x3 convolution, group normalisation, (leaky) ReLU."""

    def __init__(self, inputs: int, outputs: int, slope: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm, self.slope = nn.GroupNorm(math.gcd(8, outputs), outputs), slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class SmallAppearance(nn.Module):
    """F: one block and a 1x1 convolution, no downsample or residual blocks."""

    def __init__(self, config: AppearanceConfig):
        super().__init__()
        self.config = config
        self.first = ConvNorm(3 * config.patch**2, config.channels)
        self.second = nn.Conv2d(config.channels, config.volume_channels * config.volume_depth, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.second(self.first(F.pixel_unshuffle(image, self.config.patch)))
        return x.unflatten(1, (self.config.volume_channels, self.config.volume_depth))


class SmallMotion(nn.Module):
    """M with a plain trunk; positions are kept by flattening a narrow map."""

    def __init__(self, config: MotionConfig, image_size: int):
        super().__init__()
        self.config, dims = config, config.dims
        self.trunk, inputs = nn.Module(), 3 * config.patch**2
        for i, (depth, dim) in enumerate(zip(config.depths, dims, strict=True)):
            for j in range(depth):
                self.trunk.add_module(f"stage_{i}_block_{j}", ConvNorm(inputs, dim, 0.1))
                inputs = dim
        side = image_size // config.patch // 2 ** (len(dims) - 1)
        self.flat = nn.Conv2d(inputs, config.flat_channels, 1)
        self.mix = nn.Linear(config.flat_channels * side**2, dims[-1])
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)
        sizes = {"kp": 3 * config.keypoints, "scale": 1, "pitch": BINS, "yaw": BINS, "roll": BINS}
        self.heads = sizes | {"t": 3, "exp": 3 * config.keypoints}
        for name, size in self.heads.items():
            self.add_module(f"head_{name}", nn.Linear(dims[-1], size))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = F.pixel_unshuffle(2 * image - 1, self.config.patch)
        for i, depth in enumerate(self.config.depths):
            x = F.avg_pool2d(x, 2) if i else x
            for j in range(depth):
                x = self.trunk.get_submodule(f"stage_{i}_block_{j}")(x)
        x = self.norm(F.gelu(self.mix(self.flat(x).permute(0, 2, 3, 1).flatten(1))))
        return {name: self.get_submodule(f"head_{name}")(x) for name in self.heads}
