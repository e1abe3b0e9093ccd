"""Face and lips of LivePortrait's cascade in PyTorch: squares around points, and what they show.

Images are (b, c, h, w) and square; points (b, n, 2) in the image's [-1, 1] convention.
"""

import torch
from torch import Tensor

Box = tuple[Tensor, Tensor]  # centre (b, 2), half of the side (b,)
EVERY = slice(None)
# landmarks, keypoints, and how much larger the square is than what it shows
REGIONS: dict[str, tuple[slice | list[int], slice | list[int], float]] = {
    "face": (EVERY, EVERY, 1.1),
    "lips": ([61, 291, 0, 17], [6, 12, 14, 17, 19, 20], 1.5),
}
LEAST_HALF = 0.1  # of a square, in half images


def face_and_lips(landmarks: Tensor, known: Tensor, keypoints: Tensor) -> dict[str, Box]:
    """Squares around "face" and "lips": of 468 landmarks, or of 21 keypoints in rows without."""
    plane = keypoints[:, :, :2]
    return {
        name: _either(known, _square(landmarks[:, marks], margin), _square(plane[:, own], margin))
        for name, (marks, own, margin) in REGIONS.items()
    }


def _square(points: Tensor, margin: float) -> Box:
    """`margin` times the points' larger extent, no smaller than the least and no larger than the
    image, moved into the image."""
    points = points.detach()
    low, high = points.amin(1), points.amax(1)
    half = (margin * (high - low).amax(1) / 2).clamp(LEAST_HALF, 1)
    reach = (1 - half)[:, None]
    return torch.maximum(torch.minimum((low + high) / 2, reach), -reach), half


def _either(known: Tensor, first: Box, second: Box) -> Box:
    centre = torch.where(known[:, None], first[0], second[0])
    return centre, torch.where(known, first[1], second[1])


def crop(image: Tensor, box: Box, size: int) -> Tensor:
    """What a box shows, at `size` x `size`: each pixel is the mean of the image's under a triangle
    whose half width is a pixel of the coarser grid, along rows and along columns."""
    centre, half = box
    side = image.shape[2]
    columns, rows = (_weights(centre[:, axis], half, side, size) for axis in (0, 1))
    return torch.einsum("byi,bcij,bxj->bcyx", rows, image, columns)


def _weights(centre: Tensor, half: Tensor, side: int, size: int) -> Tensor:
    """(b, size, side): how much each pixel of the image counts for each pixel of the crop."""
    pixel = (torch.arange(size, dtype=centre.dtype, device=centre.device) + 0.5) / size
    place = (centre - half)[:, None] + 2 * half[:, None] * pixel
    centres = (2 * torch.arange(side, dtype=centre.dtype, device=centre.device) + 1) / side - 1
    reach = (2 * half / size).clamp(min=2 / side)[:, None, None]
    triangle = (1 - (place[:, :, None] - centres).abs() / reach).clamp(min=0)
    return triangle / triangle.sum(2, keepdim=True)
