"""Contact sheets: the clips that are shown, and small images of their faces under the mesh.

Clips are chosen by a hash of their id, so that the same set always shows the same faces and sets
that differ in one clip show nearly the same; every speaker comes once before any comes twice.
"""

import base64
import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from playmate_jax.motion.layout import FPS

SIZE = 168  # pixels of a thumbnail
QUALITY = 80  # of its JPEG
GRID = 500  # steps over an image, of the mesh's paths

# Lines of MediaPipe's mesh: those that show whether it sits on the face.
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10,
)  # fmt: skip
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33)
RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263)
OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61,
)  # fmt: skip
INNER_LIPS = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78,
)  # fmt: skip
LEFT_BROW, RIGHT_BROW = (70, 63, 105, 66, 107), (300, 293, 334, 296, 336)
NOSE = (168, 6, 197, 195, 5, 4)
LINES = (
    OUTLINE, LEFT_EYE, RIGHT_EYE, OUTER_LIPS, INNER_LIPS, LEFT_BROW, RIGHT_BROW, NOSE,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Face:
    """One image of a sheet.

    Attributes:
      image: a data URI.
      lines, dots: SVG paths of the mesh, the image being `GRID` x `GRID`; "" without landmarks.
      caption: the text under it.
      says: its tooltip.
    """

    image: str
    lines: str
    dots: str
    caption: str
    says: str


def draw_order(ids: Sequence[str], speakers: Sequence[str]) -> list[int]:
    """Places in a fixed random order in which every speaker comes once before any comes twice."""
    shuffled = sorted(range(len(ids)), key=lambda k: hashlib.sha1(ids[k].encode()).digest())
    times: dict[str, int] = defaultdict(int)
    rounds = {}
    for k in shuffled:
        rounds[k] = times[speakers[k]]
        times[speakers[k]] += 1
    return sorted(shuffled, key=rounds.__getitem__)  # stable: the random order within a round


def faces_of(record: Mapping[str, Any], places: Iterable[int], caption: str = "") -> list[Face]:
    """Images of a record at `places` among its frames; captions are `caption`, or their times."""
    found = []
    for k in places:
        image = cv2.imdecode(np.frombuffer(record["frames"][k], np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            continue
        at = f"{record['rows'][k] / FPS:.2f} s"
        lines = dots = ""
        mesh = record["landmarks"]
        if len(mesh) > k and np.isfinite(mesh[k]).all():
            points = mesh[k].astype(np.float32) / image.shape[1::-1]
            lines = "".join(_path(points[list(line)], "l") for line in LINES)
            dots = _path(points, "m", "h0")  # lines of no length: their round ends are dots
        says = f"{record['id']} at {at}"
        found.append(Face(_data_uri(image), lines, dots, caption or at, says))
    return found


def _data_uri(image: np.ndarray) -> str:
    small = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _path(points: Float[np.ndarray, "n 2"], between: str, end: str = "") -> str:
    """An SVG path over an image of `GRID` x `GRID`, in whole steps from point to point."""
    grid = np.rint(points * GRID).astype(int)
    steps = np.diff(grid, axis=0, prepend=0)
    x, y = steps[0]
    return f"M{x} {y}{end}" + "".join(f"{between}{x} {y}{end}" for x, y in steps[1:])
