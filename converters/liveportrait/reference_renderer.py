"""W and G in PyTorch, written from their description; names are those of LivePortrait's files.

Volumes are (b, c, z, h, w), images (b, c, h, w). Built from the same configs as the Flax ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig


class Conv3d(nn.Conv3d):
    """In float64 PyTorch unfolds the whole input, gigabytes for W's masks: then level by level."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float64:
            return super().forward(x)
        k, (z, h, w) = self.kernel_size[0], self.padding
        x = F.pad(x, (0, 0, 0, 0, z, z))
        levels = (x[:, :, i : i + k] for i in range(x.shape[2] - k + 1))
        found = [F.conv3d(level, self.weight, self.bias, padding=(0, h, w)) for level in levels]
        return torch.cat(found, 2)


class ConvNorm(nn.Module):
    """Convolution, BatchNorm, (leaky) ReLU; "up" doubles h, w before, "down" halves them after."""

    def __init__(
        self, dims: int, inputs: int, outputs: int, resample: str = "", slope: float = 0.0
    ):
        super().__init__()
        conv, norm = ((nn.Conv2d, nn.BatchNorm2d), (Conv3d, nn.BatchNorm3d))[dims - 2]
        self.conv, self.norm = conv(inputs, outputs, 3, padding=1), norm(outputs)
        self.factor = 2 if dims == 2 else (1, 2, 2)
        self.pool = (F.avg_pool2d, F.avg_pool3d)[dims - 2]
        self.resample, self.slope = resample, slope

    def forward(self, x: Tensor) -> Tensor:
        if self.resample == "up":
            x = F.interpolate(x, scale_factor=self.factor)
        x = F.leaky_relu(self.norm(self.conv(x)), self.slope)
        return self.pool(x, self.factor) if self.resample == "down" else x


class Hourglass(nn.Module):
    """3-D encoder and decoder with skips."""

    def __init__(self, config: WarpingConfig, inputs: int):
        super().__init__()
        n, base, most = (
            config.hourglass_blocks,
            config.hourglass_channels,
            config.hourglass_max_channels,
        )
        widths = [inputs] + [min(most, base * 2 ** (i + 1)) for i in range(n)]
        self.encoder, self.decoder = nn.Module(), nn.Module()
        self.encoder.down_blocks = nn.ModuleList(
            ConvNorm(3, widths[i], widths[i + 1], "down") for i in range(n)
        )
        ups, width = [], widths[-1]
        for i in reversed(range(n)):
            outputs = min(most, base * 2**i)
            ups.append(ConvNorm(3, width, outputs, "up"))
            width = outputs + widths[i]
        self.decoder.up_blocks = nn.ModuleList(ups)
        self.decoder.conv = Conv3d(width, width, 3, padding=1)
        self.decoder.norm = nn.BatchNorm3d(width)
        self.outputs = width

    def forward(self, x: Tensor) -> Tensor:
        skips = [x]
        for block in self.encoder.down_blocks:
            skips.append(block(skips[-1]))
        x = skips.pop()
        for block in self.decoder.up_blocks:
            x = torch.cat([block(x), skips.pop()], 1)
        return F.relu(self.decoder.norm(self.decoder.conv(x)))


def coordinates(z: int, h: int, w: int) -> Tensor:
    """(z, h, w, 3): x, y, z of every cell, linspace(-1, 1) per axis."""
    axes = [2.0 * (torch.arange(n) / max(n - 1, 1)) - 1.0 for n in (z, h, w)]
    depth, rows, columns = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([columns, rows, depth], -1)


class DenseMotion(nn.Module):
    """Candidate motions, hourglass, mask and occlusion."""

    def __init__(self, config: WarpingConfig, channels: int, depth: int):
        super().__init__()
        self.config = config
        motions, small = config.keypoints + 1, config.compressed_channels
        kernel, pad = config.mask_kernel, config.mask_kernel // 2
        self.hourglass = Hourglass(config, motions * (small + 1))
        self.mask = Conv3d(self.hourglass.outputs, motions, kernel, padding=pad)
        self.compress, self.norm = nn.Conv3d(channels, small, 1), nn.BatchNorm3d(small)
        self.occlusion = nn.Conv2d(self.hourglass.outputs * depth, 1, kernel, padding=pad)

    def forward(self, volume: Tensor, source: Tensor, driving: Tensor) -> dict[str, Tensor]:
        small = F.relu(self.norm(self.compress(volume)))
        b, c, z, h, w = small.shape
        cells = coordinates(z, h, w)
        points = [p[:, :, None, None, None] for p in (source, driving)]
        moved = cells - points[1] + points[0]
        places = torch.cat([cells.expand(b, 1, *cells.shape), moved], 1)
        m = places.shape[1]
        repeated = small[:, None].expand(b, m, c, z, h, w).reshape(b * m, c, z, h, w)
        warped = F.grid_sample(repeated, places.reshape(b * m, z, h, w, 3), align_corners=False)
        gaussians = [
            torch.exp(-0.5 * ((cells - p) ** 2).sum(-1) / self.config.heat_map_variance)
            for p in points
        ]
        heat = F.pad(gaussians[1] - gaussians[0], (0, 0) * 3 + (1, 0))
        x = torch.cat([heat[:, :, None], warped.reshape(b, m, c, z, h, w)], 2)
        x = self.hourglass(x.reshape(b, -1, z, h, w))
        mask = self.mask(x).softmax(1)
        deformation = torch.einsum("bmzhw,bmzhwc->bzhwc", mask, places)
        occlusion = torch.sigmoid(self.occlusion(x.reshape(b, -1, h, w)))
        return {"mask": mask, "deformation": deformation, "occlusion_map": occlusion}


class WarpingReference(nn.Module):
    """W: (volume, kp_source, kp_driving) to out, deformation, occlusion_map, mask."""

    def __init__(self, config: WarpingConfig, channels: int, depth: int):
        super().__init__()
        self.dense_motion_network = DenseMotion(config, channels, depth)
        self.third = ConvNorm(2, channels * depth, config.out_channels, slope=0.01)
        self.fourth = nn.Conv2d(config.out_channels, config.out_channels, 1)

    def forward(self, volume: Tensor, source: Tensor, driving: Tensor) -> dict[str, Tensor]:
        motion = self.dense_motion_network(volume, source, driving)
        warped = F.grid_sample(volume, motion["deformation"], align_corners=False)
        out = self.fourth(self.third(warped.flatten(1, 2)))
        return motion | {"out": out * motion["occlusion_map"]}


class Spade(nn.Module):
    """Instance norm, scaled and shifted per pixel."""

    def __init__(self, channels: int, seg: int, hidden: int):
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(seg, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        hidden = self.mlp_shared(F.interpolate(seg, x.shape[2:]))
        return F.instance_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)


class SpadeBlock(nn.Module):
    """Two normalised convolutions and a shortcut, learned where the width changes."""

    def __init__(self, inputs: int, outputs: int, seg: int, hidden: int):
        super().__init__()
        middle = min(inputs, outputs)
        self.conv_0 = spectral_norm(nn.Conv2d(inputs, middle, 3, padding=1))
        self.conv_1 = spectral_norm(nn.Conv2d(middle, outputs, 3, padding=1))
        self.learned = inputs != outputs
        if self.learned:
            self.conv_s = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))
        self.norm_0, self.norm_1 = Spade(inputs, seg, hidden), Spade(middle, seg, hidden)
        if self.learned:
            self.norm_s = Spade(inputs, seg, hidden)

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        y = self.conv_0(F.leaky_relu(self.norm_0(x, seg), 0.2))
        y = self.conv_1(F.leaky_relu(self.norm_1(y, seg), 0.2))
        return y + (self.conv_s(self.norm_s(x, seg)) if self.learned else x)


class SpadeReference(nn.Module):
    """G: W's feature map (b, c, h, w) to an image (b, 3, H, W) in [0, 1]."""

    def __init__(self, config: SpadeConfig, inputs: int):
        super().__init__()
        self.config, width = config, config.middle_channels
        self.fc = nn.Conv2d(inputs, width, 3, padding=1)
        for i in range(config.middle_blocks):
            block = SpadeBlock(width, width, inputs, config.hidden_channels)
            self.add_module(f"G_middle_{i}", block)
        for i, outputs in enumerate(config.up_channels):
            self.add_module(f"up_{i}", SpadeBlock(width, outputs, inputs, config.hidden_channels))
            width = outputs
        colours = 3 * config.upscale**2
        self.conv_img = nn.Sequential(
            nn.Conv2d(width, colours, 3, padding=1), nn.PixelShuffle(config.upscale)
        )

    def forward(self, feature: Tensor) -> Tensor:
        x = self.fc(feature)
        for i in range(self.config.middle_blocks):
            x = getattr(self, f"G_middle_{i}")(x, feature)
        for i in range(len(self.config.up_channels)):
            x = getattr(self, f"up_{i}")(F.interpolate(x, scale_factor=2.0), feature)
        return torch.sigmoid(self.conv_img(F.leaky_relu(x, 0.2)))
