"""The whole renderer in PyTorch: a face image and motion vectors to frames.

    reference = RendererReference(config)
    reference.load_state_dict(load_file("renderer.safetensors"), strict=True)
    frames = reference(image, motion)

The file is what `playmate convert DIRECTORY renderer.safetensors --to torch` writes of a directory
with LivePortrait's networks, S among them. What happens is `inference/face_renderer.py`'s.
"""

import torch
from torch import Tensor, nn

from playmate_jax.converters.liveportrait.reference_portrait import (
    AppearanceReference,
    KeypointMLPReference,
    MotionReference,
)
from playmate_jax.converters.liveportrait.reference_renderer import SpadeReference, WarpingReference
from playmate_jax.geometry.head_pose import BINS
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.motion.layout import ANGLES, EXPRESSION, SCALE, TRANSLATION


def degrees(logits: Tensor) -> Tensor:
    """The expected angle (b,) of 66 bins of 3 degrees around 0."""
    centres = 3.0 * (torch.arange(BINS) - (BINS - 1) / 2)
    return (logits.softmax(-1) * centres).sum(-1)


def rotation(angles: Tensor) -> Tensor:
    """Matrices (b, 3, 3) for row vectors of pitch, yaw and roll (b, 3) in degrees."""
    (cx, cy, cz), (sx, sy, sz) = (f(angles.deg2rad()).unbind(-1) for f in (torch.cos, torch.sin))
    one, zero = torch.ones_like(cx), torch.zeros_like(cx)
    x = torch.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], -1).unflatten(-1, (3, 3))
    y = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], -1).unflatten(-1, (3, 3))
    z = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], -1).unflatten(-1, (3, 3))
    return (z @ y @ x).transpose(-1, -2)


def moved(x_c: Tensor, motion: Tensor) -> Tensor:
    """Eq. 1 for canonical keypoints (1 or b, k, 3) and motion vectors (b, 70)."""
    turned = x_c @ rotation(motion[:, ANGLES]) + motion[:, EXPRESSION].unflatten(-1, (-1, 3))
    shift = motion[:, None, TRANSLATION] * torch.tensor([1.0, 1.0, 0.0])
    return motion[:, None, SCALE] * turned + shift


class RendererReference(nn.Module):
    """F, M, W, G, S and the retargeters under the names of the export."""

    def __init__(self, config: RendererConfig):
        super().__init__()
        f, w = config.appearance, config.warping
        self.appearance, self.motion = AppearanceReference(f), MotionReference(config.motion)
        self.warping = WarpingReference(w, f.volume_channels, f.volume_depth)
        self.spade = SpadeReference(config.spade, w.out_channels)
        self.stitching = KeypointMLPReference(config.stitching)
        self.eyes, self.lips = KeypointMLPReference(config.eyes), KeypointMLPReference(config.lips)

    def own_motion(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """M: motion vectors (b, 70) and canonical keypoints (b, k, 3) of images (b, 3, h, w)."""
        raw = self.motion(image)
        angles = [degrees(raw[name])[:, None] for name in ("pitch", "yaw", "roll")]
        vector = torch.cat([raw["exp"], raw["scale"], raw["t"], *angles], -1)
        return vector, raw["kp"].unflatten(-1, (-1, 3))

    def stitched(self, source: Tensor, driving: Tensor) -> Tensor:
        """Driving keypoints moved so that the shoulders meet the source's."""
        offsets = self.stitching(torch.cat([source.flatten(1), driving.flatten(1)], -1))
        each, shift = offsets[:, :-2].unflatten(-1, (-1, 3)), offsets[:, None, -2:]
        return driving + each + nn.functional.pad(shift, (0, 1))

    def forward(self, image: Tensor, motion: Tensor) -> Tensor:
        """Frames (t, 3, H, W) in [0, 1] of one image (1, 3, h, w) under motion (t, 70)."""
        own, x_c = self.own_motion(image)
        volume = self.appearance(image).expand(len(motion), -1, -1, -1, -1)
        source = moved(x_c, own).expand(len(motion), -1, -1)
        driving = self.stitched(source, moved(x_c, motion))
        return self.spade(self.warping(volume, source, driving)["out"])
