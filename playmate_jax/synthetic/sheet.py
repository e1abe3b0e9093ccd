"""A contact sheet of synthetic faces: people at rest, expressions and turns, the units one by one.

python -m playmate_jax.synthetic.sheet sheet.png --size 128
"""

import argparse
import os

import cv2
import numpy as np
from jaxtyping import UInt8

from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.expression import UNITS, sample_expression
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.pool import POSE_MEAN, sample_pose

COLUMNS = 10


def contact_sheet(
    seed: int = 0, size: int = 128, people: int = 2, clips: int = 3
) -> UInt8[np.ndarray, "h w 3"]:
    """An image with `people` rows of different people, `clips` rows of one person each in random
    expressions and poses, and two rows of single units; tiles are `size` pixels wide."""
    rng = np.random.default_rng(seed)
    rest, still = np.zeros((1, len(UNITS)), np.float32), POSE_MEAN[None]
    rows = [
        [draw(sample_identity(seed, first + k), rest, still, size)[0] for k in range(COLUMNS)]
        for first in range(0, people * COLUMNS, COLUMNS)
    ]
    for k in range(clips):
        person = sample_identity(seed, people * COLUMNS + k)
        units, pose = sample_expression(rng, COLUMNS), sample_pose(rng, COLUMNS)
        rows.append(list(draw(person, units, pose, size)))
    person = sample_identity(seed, people * COLUMNS + clips)
    singles = np.eye(len(UNITS), dtype=np.float32)
    both = np.zeros((2, len(UNITS)), np.float32)  # to fill two rows: rest, and a laugh
    both[1, [UNITS.index(n) for n in ("smile", "jaw", "cheek")]] = 1.0, 0.6, 0.7
    shown = draw(person, np.concatenate([singles, both]), np.tile(still, (20, 1)), size)
    rows += [list(shown[:COLUMNS]), list(shown[COLUMNS:])]
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def save_sheet(path: str | os.PathLike, **options) -> None:
    """Writes `contact_sheet(**options)` as an image file, always in PNG format."""
    ok, data = cv2.imencode(".png", contact_sheet(**options)[..., ::-1])
    assert ok
    with open(path, "wb") as file:
        file.write(data.tobytes())


def main(argv: list[str] | None = None) -> None:
    """Command line: writes a contact sheet with `save_sheet`."""
    parser = argparse.ArgumentParser(description="Render a contact sheet of synthetic faces.")
    parser.add_argument("path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--clips", type=int, default=3)
    save_sheet(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
