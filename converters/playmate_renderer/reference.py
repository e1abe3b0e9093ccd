"""G of small renderers in PyTorch, and F, M, W and G chained, under the Flax tree's names.

One hidden map per block modulates, and the warped image is blended in. Images and maps are
(b, c, h, w).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.playmate_renderer.reference_portrait import (
    SmallAppearance,
    SmallMotion,
)
from playmate_jax.converters.playmate_renderer.reference_warping import (
    SmallWarping,
    heat_maps,
    plane,
)
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig


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
