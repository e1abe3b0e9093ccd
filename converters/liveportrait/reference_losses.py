"""The losses of the face space in PyTorch, written from their papers; each is a mean over rows.

Images are (b, 3, h, w) in [0, 1]; keypoints (b, k, 3) and landmarks (b, n, 2) in the image's
[-1, 1] convention. What a loss only compares with is detached.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Of each scale: logits of patches, and the features of every block.
Judgement = Sequence[tuple[Tensor, Sequence[Tensor]]]
Features = Callable[[Tensor], Mapping[str, Tensor]]
# face-vid2vid's weights of VGG19's taps, FOMM's scales
TAPS = {"relu1_1": 0.03125, "relu2_1": 0.0625, "relu3_1": 0.125, "relu4_1": 0.25, "relu5_1": 1.0}
STEPS = (1, 2, 4, 8)
CONTROL_POINTS = 5  # of the thin-plate spline, along each side


def hinge_discriminator(real: Judgement, fake: Judgement) -> Tensor:
    """The discriminator's hinge loss, summed over scales."""
    terms = [F.relu(1 - a).mean() + F.relu(1 + b).mean() for (a, _), (b, _) in zip(real, fake)]
    return torch.stack(terms).sum()


def hinge_generator(fake: Judgement) -> Tensor:
    """The generator's part of the hinge loss, summed over scales."""
    return torch.stack([-logits.mean() for logits, _ in fake]).sum()


def feature_matching(real: Judgement, fake: Judgement) -> Tensor:
    """L1 between the discriminator's features of both images, summed over blocks and scales."""
    pairs = [pair for (_, a), (_, b) in zip(real, fake) for pair in zip(a, b)]
    return torch.stack([F.l1_loss(drawn, wanted.detach()) for wanted, drawn in pairs]).sum()


def downsampled(image: Tensor, step: int) -> Tensor:
    """FOMM's anti-aliased downsampling: a Gaussian per channel, then every `step`-th pixel."""
    if step == 1:
        return image
    std = (step - 1) / 2
    n, channels = 2 * round(4 * std) + 1, image.shape[1]
    x = torch.arange(n, dtype=image.dtype, device=image.device) - n // 2
    line = torch.exp(-(x**2) / (2 * std**2))
    kernel = torch.outer(line, line) / line.sum() ** 2
    kernel = kernel.expand(channels, 1, n, n)
    return F.conv2d(image, kernel, stride=step, padding=n // 2, groups=channels)


def perceptual(
    features: Features,
    drawn: Tensor,
    wanted: Tensor,
    taps: Mapping[str, float] = TAPS,
    steps: Sequence[int] = STEPS,
) -> Tensor:
    """L1 between VGG19's features on the image pyramid (Johnson et al. 2016)."""
    total = drawn.new_zeros(())
    for step in steps:
        with torch.no_grad():
            targets = features(downsampled(wanted, step))
        found = features(downsampled(drawn, step))
        for name, weight in taps.items():
            total = total + weight * F.l1_loss(found[name], targets[name])
    return total


def transfer(
    features: Features, by_pose: Tensor, by_expression: Tensor, taps: Mapping[str, float] = TAPS
) -> Tensor:
    """The paper's Eq. 4: L2 between features of both drawn images, as root of the mean square."""
    first, second = features(by_pose), features(by_expression)
    total = by_pose.new_zeros(())
    for name, weight in taps.items():
        difference = (first[name] - second[name]).flatten(1)
        norms = torch.linalg.vector_norm(difference, dim=1) / difference.shape[1] ** 0.5
        total = total + weight * norms.mean()
    return total


class Deformation:
    """FOMM's random map T of the plane: affine plus thin-plate spline.

    Args:
      affine: (b, 2, 3), matrix and shift.
      bend: (b, 25), the weights of the control points.
    """

    def __init__(self, affine: Tensor, bend: Tensor):
        self.affine, self.bend = affine, bend

    def points(self, x: Tensor) -> Tensor:
        """T of points (b, n, 2)."""
        moved = x @ self.affine[:, :, :2].transpose(1, 2) + self.affine[:, None, :, 2]
        line = torch.linspace(-1, 1, CONTROL_POINTS, dtype=x.dtype, device=x.device)
        rows, columns = torch.meshgrid(line, line, indexing="ij")
        control = torch.stack([columns, rows], -1).reshape(1, 1, -1, 2)
        r = (x[:, :, None] - control).abs().sum(-1)
        spline = r**2 * torch.log(r + 1e-6) * self.bend[:, None]
        return moved + spline.sum(-1, keepdim=True)

    def image(self, image: Tensor) -> Tensor:
        """The image deformed: at each pixel's centre z what the image shows at T(z)."""
        b, _, h, w = image.shape
        y, x = ((2 * torch.arange(n, dtype=image.dtype) + 1) / n - 1 for n in (h, w))
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        centres = torch.stack([columns, rows], -1).reshape(1, -1, 2).expand(b, -1, 2)
        grid = self.points(centres.to(image.device)).reshape(b, h, w, 2)
        return F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)


def equivariance(keypoints: Tensor, deformed: Tensor, deformation: Deformation) -> Tensor:
    """L1 between keypoints and the map of those that were found in the deformed image."""
    return F.l1_loss(keypoints[:, :, :2], deformation.points(deformed[:, :, :2]))


def keypoint_prior(keypoints: Tensor, distance: float = 0.1, depth: float = 0.33) -> Tensor:
    """face-vid2vid's: ordered pairs nearer than the root of `distance` repel, mean z is `depth`."""
    k = keypoints.shape[1]
    squared = (keypoints[:, :, None] - keypoints[:, None]).pow(2).sum(-1)
    near = F.relu(distance - squared).sum((1, 2)) - k * distance  # but for i = j
    return (near + (keypoints[:, :, 2].mean(1) - depth).abs()).mean()


def deformation_prior(delta: Tensor) -> Tensor:
    """Mean absolute expression deformation of all keypoints."""
    return delta.abs().mean()


def head_pose(found_deg: Tensor, wanted_deg: Tensor) -> Tensor:
    """L1 of pitch, yaw and roll in degrees."""
    return F.l1_loss(found_deg, wanted_deg.detach())


def wing(error: Tensor, width: float, curvature: float) -> Tensor:
    """The Wing loss of each error (Feng et al. 2018)."""
    size = error.abs()
    ratio = torch.tensor(width / curvature, dtype=size.dtype, device=size.device)
    constant = width - width * torch.log1p(ratio)
    return torch.where(size < width, width * torch.log1p(size / curvature), size - constant)


def landmark_guide(
    keypoints: Tensor, landmarks: Tensor, valid: Tensor, guided: Mapping[int, int]
) -> Tensor:
    """LivePortrait's guidance: Wing loss of x plus that of y, in image sides, mean over landmarks
    and over the valid rows.

    Args:
      guided: keypoint -> landmark.
    """
    found = (keypoints[:, list(guided), :2] + 1) / 2
    wanted = (landmarks[:, list(guided.values())].detach() + 1) / 2
    rows = wing(found - wanted, 0.1, 0.01).sum(-1).mean(1)
    valid = valid.to(rows.dtype)
    return (rows * valid).sum() / valid.sum().clamp(min=1)


def face_identity(drawn: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of a face recognition network's embeddings (b, d)."""
    return (1 - F.cosine_similarity(drawn, wanted.detach(), dim=1)).mean()
