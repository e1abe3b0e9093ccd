"""Contact sheets of an evaluation: reenactment, transfers with their true images, other identities.

Images are float in [0, 1]; a sheet is uint8 RGB, each column with its name above it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.geometry.keypoints import equation_1
from playmate_jax.metrics.renderer.networks import FaceMotion, FaceSpace, Images
from playmate_jax.metrics.renderer.observation import Drawn, partner

LARGEST = 160  # side of a cell in pixels
GAP, HEAD = 4, 22  # pixels between cells, and for the names of columns
DRIVINGS = 3  # of a person on the sheet of self-reenactment

Sheet = UInt8[np.ndarray, "h w 3"]


class Shown(NamedTuple):
    """One person of the sheets: the frames, what M found in them, and what was drawn."""

    images: Images
    m: FaceMotion
    drawn: Drawn


def grid(
    rows: Sequence[Sequence[Float[np.ndarray, "s s 3"] | None]], columns: Sequence[str]
) -> Sheet:
    """Cells in rows under the names of their columns; None is an empty cell."""
    first = next(cell for row in rows for cell in row if cell is not None)
    side = min(len(first), LARGEST)
    step = side + GAP
    sheet = np.full((HEAD + step * len(rows) - GAP, step * len(columns) - GAP, 3), 255, np.uint8)
    for c, name in enumerate(columns):
        scale = 0.36 * side / 128
        at = (c * step + 2, HEAD - 7)
        cv2.putText(sheet, name, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (40,) * 3, 1, cv2.LINE_AA)
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if cell is None:
                continue
            small = cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA)
            pixels = (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8)
            sheet[HEAD + r * step :, c * step :][:side, :side] = pixels
    return sheet


def self_sheet(people: Sequence[Shown]) -> Sheet:
    """Each person's source, and driving frames with what was drawn for them."""
    most = max(len(person.images) - 1 for person in people)
    count = min(DRIVINGS, most)
    rows = []
    for person in people:
        row = [person.images[0]]
        drivings = np.linspace(0, len(person.images) - 2, count).round().astype(int)
        for k in drivings:
            row += [person.images[1 + k], person.drawn.reenacted[k]]
        rows.append(row)
    return grid(rows, ["source", *("driving", "drawn") * count])


def transfer_sheet(people: Sequence[Shown]) -> Sheet:
    """Frames i and j of each person, then Eqs. 2 and 3 as drawn, each beside its true image where
    that is known. The pair is the one whose head poses are farthest apart."""
    rows = []
    for person in people:
        j = partner(len(person.images))
        angles = person.m.seen.angles
        i = int(np.abs(angles - angles[j]).sum(-1).argmax())
        drawn = person.drawn
        row = [person.images[i], person.images[j[i]], drawn.pose[i], drawn.expression[i]]
        if drawn.turned is not None and drawn.expressed is not None:
            row[3:3], row[5:5] = [drawn.turned[i]], [drawn.expressed[i]]
        rows.append(row)
    names = ["frame i", "frame j", "pose of j", "expression of j"]
    if len(rows[0]) > len(names):
        names = [*names[:3], "its true image", names[3], "its true image"]
    return grid(rows, names)


def cross_sheet(space: FaceSpace, people: Sequence[Shown]) -> Sheet:
    """Sources in rows, drivers of other identities in columns: the source's canonical keypoints
    with all of the driver's motion."""
    middle = [len(person.images) // 2 for person in people]
    driving = [person.m.at(slice(k, k + 1)) for person, k in zip(people, middle, strict=True)]
    heads = [person.images[k] for person, k in zip(people, middle, strict=True)]
    rows: list[list[np.ndarray | None]] = [[None, *heads]]
    for person in people:
        source = person.m.at(slice(0, 1))
        count = len(people)
        x_s = np.repeat(np.asarray(equation_1(source.x_c, source.motion)), count, 0)
        x_d = np.concatenate([equation_1(source.x_c, driver.motion) for driver in driving])
        drawn = space.draw(np.repeat(person.images[:1], count, 0), x_s, x_d)
        rows.append([person.images[0], *drawn])
    return grid(rows, ["source", *(f"driver {n + 1}" for n in range(len(people)))])
