"""The people that a renderer is evaluated on: frames of prepared clips, and what is known of them.

One clip of each speaker gives a few frames, spread over it. Synthetic people bring their truth: who
they are, the units and the pose of every frame, hence also the true image of any other.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from playmate_jax.data.frame_pairs import decoded
from playmate_jax.data.record_source import Records, find_data_set, open_records, split_names
from playmate_jax.data.records import SPLITS
from playmate_jax.data.report.faces import draw_order
from playmate_jax.errors import UserError
from playmate_jax.faces.openness import brow_height, eye_ratios, lip_openness
from playmate_jax.synthetic.clips import pose_of
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.expression import BASIS, KEYPOINT, lid_closure, mouth_openness
from playmate_jax.synthetic.identity import Identity, sample_identity

KINDS = ("portrait_pairs", "drawn_faces")
# Not the motion of photographed people: some M read it, it is no truth.
FIELDS = ("id", "speaker", "frames", "landmarks")
TRUE_FIELDS = ("motion", "rows", "truth")
FRAMES = 8  # of a person; the first is the source of reenactment
ALL = "all"
TARGETS = ("mouth", "lids", "brows")


@dataclasses.dataclass(frozen=True)
class Truth:
    """What drew the frames of a synthetic person.

    Attributes:
      units, pose: of every frame, as `synthetic.draw` takes them.
      size: side of the images that are drawn, before they are resized to `shown_size`.
    """

    identity: Identity
    units: Float[np.ndarray, "f 18"]
    pose: Float[np.ndarray, "f 6"]
    size: int
    shown_size: int

    def images(
        self, units: Float[np.ndarray, "n 18"], pose: Float[np.ndarray, "n 6"]
    ) -> Float32[np.ndarray, "n h w 3"]:
        """True images of the person with these units and poses, in [0, 1]."""
        return resized(draw(self.identity, units, pose, self.size), self.shown_size)


@dataclasses.dataclass(frozen=True)
class Person:
    """Frames of one person.

    Attributes:
      name: the speaker, and the clip that the frames are from.
      images: in [0, 1].
      targets: mouth opening, lid closure (or opening) and brow height, from the truth or from
        landmarks; None where there are neither.
      truth: of synthetic people alone.
    """

    name: str
    images: Float32[np.ndarray, "f h w 3"]
    targets: Float[np.ndarray, "f 3"] | None = None
    truth: Truth | None = None


@dataclasses.dataclass(frozen=True)
class People:
    """People of a prepared folder, read one at a time.

    Attributes:
      kind: of the data set.
      splits: that they are from.
      entries: (records, number) of the clip of each.
      size, stored_size: sides of the images as they are given, and as they are stored.
    """

    kind: str
    splits: tuple[str, ...]
    entries: tuple[tuple[Records, int], ...]
    size: int
    stored_size: int

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Person]:
        for records, number in self.entries:
            yield person_of(records[number], self.size)


def open_people(folder: str | Path, size: int, count: int, split: str | None = None) -> People:
    """The first `count` people of a prepared folder, in a fixed random order.

    Args:
      size: side that images are resized to, the renderer's.
      split: one split, or "all"; None: the first there is of test, validation and train.

    Raises:
      UserError: no such data or split, or fewer than two people with two images each.
    """
    if count < 2:
        raise UserError(f"expected two people or more, found --people {count}: ask for more")
    home = find_data_set(folder, KINDS)
    there = split_names(home)
    held_out = next((name for name in reversed(SPLITS) if name in there), SPLITS[-1])
    splits = tuple(there) if split == ALL and there else (split or held_out,)
    entries, seen = [], set()
    for records in (open_records(home, name, KINDS) for name in splits):
        records.fields = FIELDS + TRUE_FIELDS * (records.kind == "drawn_faces")
        speakers, images = records.index["speaker"], records.index["pictures"]
        for number in draw_order(records.index["id"], speakers):
            if speakers[number] not in seen and images[number] > 1:
                seen.add(speakers[number])
                entries.append((records, number))
    if len(entries) < 2:
        raise UserError(
            f"expected two people or more with two images each in {' and '.join(splits)} of "
            f"'{folder}', found {len(entries)}: choose another --split (of {', '.join(there)}), or "
            f"--split {ALL}"
        )
    records, number = entries[0]
    first = records[number]
    stored = decoded(first["frames"][0], first["id"]).shape[0]
    return People(records.kind, splits, tuple(entries[:count]), size, stored)


def person_of(record: Mapping[str, Any], size: int) -> Person:
    """The person of a record: `FRAMES` of its images at most, spread over it, at this size."""
    there = len(record["frames"])
    chosen = np.linspace(0, there - 1, min(there, FRAMES)).round().astype(int)
    stored = [decoded(record["frames"][n], record["id"]) for n in chosen]
    images = resized(np.stack(stored), size)
    name = f"{record['speaker']} ({record['id']})"
    if "truth" not in record:
        landmarks = record["landmarks"]
        return Person(name, images, landmark_targets(landmarks[chosen]) if len(landmarks) else None)
    rows = np.asarray(record["rows"])[chosen]
    units, motion = record["truth"]["units"][rows], record["motion"][rows]
    identity = sample_identity(*map(int, record["truth"]["person"]))
    truth = Truth(identity, units, pose_of(motion), stored[0].shape[0], size)
    return Person(name, images, unit_targets(units), truth)


def resized(images: UInt8[np.ndarray, "n h w 3"], size: int) -> Float32[np.ndarray, "n s s 3"]:
    """Images in [0, 1] with sides of `size`: means over areas, or cubic where they grow."""
    how = cv2.INTER_AREA if images.shape[1] >= size else cv2.INTER_CUBIC
    if images.shape[1:3] != (size, size):
        images = np.stack([cv2.resize(image, (size, size), interpolation=how) for image in images])
    return images.astype(np.float32) / 255


def unit_targets(units: Float[np.ndarray, "n 18"]) -> Float[np.ndarray, "n 3"]:
    """`TARGETS` of synthetic faces: opening of the lips and closure of the eyes from 0 to 1, and
    how far the brows are raised, in head units."""
    offsets = (units @ BASIS).reshape(-1, len(KEYPOINT), 3)
    brows = -offsets[:, [KEYPOINT["brow_l"], KEYPOINT["brow_r"]], 1].mean(-1)
    return np.stack([mouth_openness(units), lid_closure(units).mean(-1), brows], -1)


def landmark_targets(landmarks: Float[np.ndarray, "n 468 2"]) -> Float[np.ndarray, "n 3"]:
    """`TARGETS` from landmarks: opening of the lips and height of the brows in lengths of the nose,
    opening of the eyes over their width."""
    points = np.asarray(landmarks, np.float32)
    lids, brows = eye_ratios(points).mean(-1), brow_height(points).mean(-1)
    return np.stack([np.asarray(lip_openness(points)), lids, brows], -1)
