"""W of small renderers in PyTorch, with the head's own motion as a candidate.

Volumes are (b, c, z, h, w), maps (b, c, h, w), places (..., x y z); see `models/small/warping.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.playmate_renderer.reference_portrait import ConvNorm
from playmate_jax.models.renderer import RendererConfig


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
