"""F, M, W and G of the small renderers in PyTorch: the demo's options, under the Flax tree's names.

Group norms, images folded into channels, a plain trunk whose map is flattened (M), the head's own
motion as a candidate (W), one hidden map per block and the warped image blended in (G). Images
and maps are (b, c, h, w), volumes (b, c, z, h, w), places (..., x y z).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig


class ConvNorm(nn.Module):
    """3x3 convolution, group normalisation, (leaky) ReLU."""

    def __init__(self, inputs: int, outputs: int, slope: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm, self.slope = nn.GroupNorm(math.gcd(8, outputs), outputs), slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)


class SmallAppearance(nn.Module):
    """F without halvings and residual blocks."""

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


# ---- the head's motion (models/head_motion.py) --------------------------------------------------


def centres(n: int) -> Tensor:
    """Coordinates of the centres of n cells."""
    return (2.0 * torch.arange(n) + 1.0) / n - 1.0


def plane(height: int, width: int) -> Tensor:
    """(h, w, 2): x, y of every cell's centre."""
    rows, columns = torch.meshgrid(centres(height), centres(width), indexing="ij")
    return torch.stack([columns, rows], -1)


def affine_motion(driving: Tensor, source: Tensor, weights: Tensor) -> Tensor:
    """(b, 4, 3): the weighted least-squares displacement, with a small ridge."""
    points = F.pad(driving, (0, 1), value=1.0)
    weighted = (points * weights[:, None]).transpose(1, 2)
    ridge = 1e-3 * torch.eye(4)
    return torch.linalg.solve(weighted @ points + ridge, weighted @ (source - driving))


def displacement(motion: Tensor, points: Tensor) -> Tensor:
    """Where an affine motion takes points (b, ..., 3), relative to them."""
    flat = F.pad(points.flatten(1, -2), (0, 1), value=1.0)
    return (flat @ motion).reshape(points.shape)


def distances(points: Tensor, height: int, width: int) -> Tensor:
    """Squared distance in the plane (b, h, w, k) of every cell to every keypoint."""
    offsets = plane(height, width)[None, :, :, None] - points[:, None, None, :, :2]
    return offsets.square().sum(-1)


def heat_maps(points: Tensor, height: int, width: int, std: float) -> Tensor:
    """(b, k, h, w): 1 at the keypoint, fading with the distance."""
    return torch.exp(-0.5 * distances(points, height, width) / std**2).permute(0, 3, 1, 2)


class Hourglass(nn.Module):
    """Encoder and decoder whose skips are added."""

    def __init__(self, channels: int, blocks: int, most: int):
        super().__init__()
        self.blocks = blocks
        widths = [min(most, channels * 2**i) for i in range(blocks + 1)]
        self.add_module("in", ConvNorm(channels, widths[0]))
        for i in range(blocks):
            self.add_module(f"down_{i}", ConvNorm(widths[i], widths[i + 1]))
            self.add_module(f"lift_{i}", nn.Conv2d(widths[i + 1], widths[i], 1))
            self.add_module(f"up_{i}", ConvNorm(widths[i], widths[i]))
        self.bottom = ConvNorm(widths[-1], widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.get_submodule("in")(x)]
        for i in range(self.blocks):
            skips.append(self.get_submodule(f"down_{i}")(F.avg_pool2d(skips[-1], 2)))
        x = skips.pop()
        x = x + self.bottom(x)
        for i in reversed(range(self.blocks)):
            x = F.interpolate(self.get_submodule(f"lift_{i}")(x), scale_factor=2.0) + skips.pop()
            x = self.get_submodule(f"up_{i}")(x)
        return x


class SmallWarping(nn.Module):
    """W whose candidates are "still", "with the head", and that plus each keypoint's expression."""

    def __init__(self, config: RendererConfig):
        super().__init__()
        self.config, w, f = config.warping, config.warping, config.appearance
        self.depth, k = f.volume_depth, w.keypoints
        self.compress = nn.Conv2d(f.volume_channels, w.compressed_channels, 1)  # level by level
        self.code_0 = nn.Linear(6 * k, 4 * w.keypoint_code)
        self.code_1 = nn.Linear(4 * w.keypoint_code, w.keypoint_code)
        seen = 2 * self.depth * w.compressed_channels + k + w.keypoint_code
        self.narrow = nn.Conv2d(seen, w.hourglass_channels, 1)
        sizes = w.hourglass_channels, w.hourglass_blocks, w.hourglass_max_channels
        self.hourglass = Hourglass(*sizes)
        self.motion_head = nn.Conv2d(
            w.hourglass_channels, k + 7, w.mask_kernel, padding=w.mask_kernel // 2
        )
        self.third = nn.Conv2d(
            self.depth * f.volume_channels + w.hourglass_channels, w.out_channels, 1
        )

    def forward(self, volume: Tensor, source: Tensor, driving: Tensor) -> dict[str, Tensor]:
        k, (b, _, depth, height, width) = self.config.keypoints, volume.shape
        weights = torch.full((k,), 0.05)
        weights[list(self.config.rigid_keypoints)] = 1.0
        affine = affine_motion(driving, source, weights)
        residual = source - driving - displacement(affine, driving)
        flat = plane(height, width).expand(b, depth, height, width, 2)
        levels = centres(depth)[:, None, None, None].expand(b, depth, height, width, 1)
        cells = torch.cat([flat, levels], -1)
        with_head = displacement(affine, cells)

        small = self.compress(volume.transpose(1, 2).flatten(0, 1))
        small = small.unflatten(0, (b, depth)).transpose(1, 2)
        turned = F.grid_sample(small, cells + with_head, align_corners=False)
        seen = [v.transpose(1, 2).flatten(1, 2) for v in (small, turned)]
        pair = torch.cat([driving, 10.0 * residual], -1).flatten(1)
        code = F.silu(self.code_1(F.silu(self.code_0(pair))))
        spread = code[:, :, None, None].expand(-1, -1, height, width)
        seen += [heat_maps(driving, height, width, 0.1), spread]
        x = self.hourglass(F.relu(self.narrow(torch.cat(seen, 1))))

        head = self.motion_head(x).permute(0, 2, 3, 1)
        squared = distances(driving, height, width)
        still = squared.amin(-1, keepdim=True) / 0.045 - 2.0
        near = (0.5 - 0.5 * squared / 0.07**2).clamp(min=-6.0)
        prior = torch.cat([still.clamp(max=6.0), torch.zeros_like(still), near], -1)
        mask = (head[..., : k + 2] + prior).softmax(-1)
        shift, moving = mask[..., 2:] @ residual[:, None], 1.0 - mask[..., :1]
        blend = (-0.5 * squared / 0.12**2).softmax(-1) @ driving[:, None, :, 2:]
        surface = blend + 0.2 * head[..., k + 2 : k + 3]
        place = torch.cat([flat[:, 0], surface], -1)
        flow = moving * displacement(affine, place)[..., :2] + shift[..., :2]
        deformation = cells + moving[:, None] * with_head + shift[:, None]
        occlusion = torch.sigmoid(1.0 + head[..., k + 6 :]).permute(0, 3, 1, 2)
        warped = F.grid_sample(volume, deformation, align_corners=False)
        warped = warped.transpose(1, 2).flatten(1, 2) * occlusion
        return {
            "keypoint_code": code,
            "picture_flow": flow + 0.1 * head[..., k + 3 : k + 5],
            "visibility": torch.sigmoid(1.0 + head[..., k + 5 : k + 6]).permute(0, 3, 1, 2),
            "out": F.leaky_relu(self.third(torch.cat([warped, x], 1)), 0.1),
        }


class SmallSpadeBlock(nn.Module):
    """Two convolutions, each behind an instance norm scaled and shifted from one hidden map."""

    def __init__(self, width: int, seg: int, hidden: int):
        super().__init__()
        self.shared = nn.Conv2d(seg, hidden, 3, padding=1)
        for i in (0, 1):
            norm = nn.Module()
            norm.gamma_beta = nn.Conv2d(hidden, 2 * width, 1)
            self.add_module(f"norm_{i}", norm)
            self.add_module(f"conv_{i}", nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor, seg: Tensor) -> Tensor:
        hidden, y = F.relu(self.shared(seg)), x
        for i in (0, 1):
            both = self.get_submodule(f"norm_{i}").gamma_beta(hidden)
            gamma, beta = F.interpolate(both, y.shape[2:]).chunk(2, 1)
            y = F.leaky_relu(F.instance_norm(y) * (1 + gamma) + beta, 0.2)
            y = self.get_submodule(f"conv_{i}")(y)
        return x + y


class SmallSpade(nn.Module):
    """G: draws, and blends in the warped image where that is visible."""

    def __init__(self, config: SpadeConfig, inputs: int, code: int):
        super().__init__()
        self.config, width, seg = config, config.middle_channels, inputs + code
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        for i in range(config.middle_blocks):
            self.add_module(f"middle_{i}", SmallSpadeBlock(width, seg, config.hidden_channels))
        for i, outputs in enumerate(config.up_channels):
            if outputs != width:
                self.add_module(f"narrow_{i}", nn.Conv2d(width, outputs, 1))
            self.add_module(f"up_{i}", SmallSpadeBlock(outputs, seg, config.hidden_channels))
            width = outputs
        cells = 3 * config.upscale**2 + 1 + len(config.drawn_keypoints)
        self.picture = nn.Conv2d(cells, width, 1)
        self.image = nn.Conv2d(width, 4 * config.upscale**2, 3, padding=1)

    def forward(
        self,
        feature: Tensor,
        source_image: Tensor,
        visibility: Tensor,
        code: Tensor,
        driving: Tensor,
    ) -> Tensor:
        config, last = self.config, len(self.config.up_channels) - 1
        seg = torch.cat([feature, code[:, :, None, None].expand(-1, -1, *feature.shape[2:])], 1)
        drawn = driving[:, list(config.drawn_keypoints)]
        x = self.first(feature)
        for i in range(config.middle_blocks):
            x = self.get_submodule(f"middle_{i}")(x, seg)
        for i in range(last + 1):
            x = self.get_submodule(f"narrow_{i}")(x) if hasattr(self, f"narrow_{i}") else x
            x = F.interpolate(x, scale_factor=2.0)
            if i == last:
                cells = [F.pixel_unshuffle(2 * source_image - 1, config.upscale)]
                cells.append(_larger(visibility, x.shape[2:]))
                cells.append(heat_maps(drawn, *x.shape[2:], 0.05))
                x = x + self.picture(torch.cat(cells, 1))
            x = self.get_submodule(f"up_{i}")(x, seg)
        logits = F.pixel_shuffle(self.image(F.leaky_relu(x, 0.2)), config.upscale)
        own, share, size = torch.sigmoid(logits[:, :3]), logits[:, 3:], logits.shape[2:]
        near = heat_maps(drawn, *size, 0.07).sum(1, keepdim=True).clamp(max=1.0)
        share = torch.sigmoid(share + 2.0 - 5.0 * near) * _larger(visibility, size)
        return share * source_image + (1 - share) * own


class SmallRendererReference(nn.Module):
    """The four networks; (image, source and driving keypoints) to M's outputs and an image."""

    def __init__(self, config: RendererConfig):
        super().__init__()
        w = config.warping
        self.appearance = SmallAppearance(config.appearance)
        self.motion = SmallMotion(config.motion, config.image_size)
        self.warping = SmallWarping(config)
        self.spade = SmallSpade(config.spade, w.out_channels, w.keypoint_code)

    def forward(self, image: Tensor, source: Tensor, driving: Tensor) -> list[Tensor]:
        raw = self.motion(image)
        warped = self.warping(self.appearance(image), source, driving)
        size = image.shape[2:]
        flow = _larger(warped["picture_flow"].permute(0, 3, 1, 2), size).permute(0, 2, 3, 1)
        moved = F.grid_sample(image, plane(*size) + flow, align_corners=False)
        drawn = self.spade(
            warped["out"], moved, warped["visibility"], warped["keypoint_code"], driving
        )
        return [*(raw[name] for name in sorted(raw)), drawn]


def _larger(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
