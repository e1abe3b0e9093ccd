"""Batches for the face space: pairs of frames of one clip, and drivers of another identity.

    batches = face_space("data/mine", batch_size=32)
    batch = next(batches)                # a `PairBatch`

Rows come in couples: of rows 2k and 2k + 1 one shows another speaker than the other, so
`across(batch["driving"])` are drivers of another identity. They cost neither reading nor decoding.
Two clips that are visited together give several couples (`pairs`): more cost less reading, fewer
show more people in a batch. Nothing is flipped: the motion of a mirrored face is not its motion
mirrored.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, TypedDict

import grain
import numpy as np
import simplejpeg
from jaxtyping import Bool, Float32, UInt8

from playmate_jax.data.batches import (
    ALONE,
    Batches,
    Leaf,
    Loading,
    endless,
    fingerprint,
    seeds,
)
from playmate_jax.data.mixture import Data, Part, open_mixture
from playmate_jax.errors import UserError

KINDS = ("portrait_pairs", "drawn_faces")
FIELDS = ("motion", "frames", "rows", "landmarks", "identity", "id")
PAIRS = 4  # of a clip at a visit; reading a record of 16 images costs about one decoding


class PairBatch(TypedDict):
    """What the face space trains on: b pairs of frames, each of one clip.

    source, driving: RGB images.
    motion_source, motion_driving: the 70 numbers of motion/layout.py, in their own units.
    landmarks_source, landmarks_driving: x and y in pixels of the image; zeros where there are none.
    has_landmarks: whether there are any.
    identity: 21 canonical keypoints of the clip (x_c of Eq. 1), x y z each, in head units.
    """

    source: UInt8[Leaf, "b h w 3"]
    driving: UInt8[Leaf, "b h w 3"]
    motion_source: Float32[Leaf, "b 70"]
    motion_driving: Float32[Leaf, "b 70"]
    landmarks_source: Float32[Leaf, "b 468 2"]
    landmarks_driving: Float32[Leaf, "b 468 2"]
    has_landmarks: Bool[Leaf, " b"]
    identity: Float32[Leaf, "b 63"]


def face_space(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    pairs: int = PAIRS,
    loading: Loading = ALONE,
) -> Batches[PairBatch]:
    """Endless batches for training the renderer.

    Args:
      data: a prepared folder, a mixture of them, or records in memory (data/mixture.py).
      batch_size: over all processes; a multiple of 2 `pairs` for each.
      pairs: of a clip at a visit.

    Raises:
      UserError: no such data, or of one speaker only.
    """
    parts = open_mixture(data, split, KINDS, FIELDS)
    usable = [np.flatnonzero(np.asarray(part.index["pictures"], int) > 1) for part in parts]
    streams = [
        couples_of(part, numbers, pairs, s)
        for part, numbers, s in zip(parts, usable, seeds(seed, len(parts)), strict=True)
    ]
    shares = [float(len(n)) if p.weight is None else p.weight for p, n in zip(parts, usable)]
    examples = streams[0] if len(streams) == 1 else grain.MapDataset.mix(streams, shares)
    about = {
        "seed": seed,
        "data": fingerprint([part.fingerprint() for part in parts], shares, pairs),
    }
    return Batches(examples, batch_size, about, rows=2 * pairs, loading=loading)


def across(array: Any) -> Any:
    """Rows of a batch with those of each couple exchanged; NumPy or JAX."""
    return array.reshape(-1, 2, *array.shape[1:])[:, ::-1].reshape(array.shape)


def couples_of(part: Part, usable: np.ndarray, pairs: int, seed: int) -> grain.MapDataset:
    """The endless stream of one data set's couples: each usable clip with one of another
    speaker."""
    names, speakers = np.unique(np.asarray(part.index["speaker"])[usable], return_inverse=True)
    if len(names) < 2:
        raise UserError(
            f"expected clips of at least two speakers with two images each, found {len(usable)} "
            f"of {len(names)}: prepare more"
        )
    by_speaker = np.argsort(speakers, kind="stable")
    couple = Couple(part.records, usable[by_speaker], np.bincount(speakers).cumsum(), pairs)
    order, choice = seeds(seed, 2)
    return endless(grain.MapDataset.range(len(usable)).shuffle(order)).random_map(
        couple, seed=choice
    )


@dataclasses.dataclass(frozen=True)
class Couple:
    """Pairs of a clip and of one of another speaker, in turn.

    Attributes:
      numbers: of records, those of one speaker beside each other.
      ends: where the next speaker's begin.
    """

    records: Any
    numbers: np.ndarray
    ends: np.ndarray
    pairs: int

    def __call__(self, place: int, rng: np.random.Generator) -> list[dict[str, Any]]:
        speaker = int(np.searchsorted(self.ends, place, side="right"))
        end = self.ends[speaker]
        own = end - (self.ends[speaker - 1] if speaker else 0)
        other = (end + rng.integers(len(self.numbers) - own)) % len(self.numbers)
        clips = [self.records[int(self.numbers[n])] for n in (place, other)]
        return [pair_of(clip, rng) for _ in range(self.pairs) for clip in clips]


def pair_of(record: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Two different images of a record, to be decoded, with what is known of them."""
    frames, motion, landmarks = record["frames"], record["motion"], record["landmarks"]
    pair: dict[str, Any] = {
        "identity": record["identity"],
        "has_landmarks": np.bool_(len(landmarks) > 0),
    }
    source = rng.integers(len(frames))
    driving = (source + rng.integers(1, len(frames))) % len(frames)
    for name, n in (("source", source), ("driving", driving)):
        pair[name] = partial(decoded, frames[n], str(record.get("id", "")))
        # A set of pairs stores the motion of its images, one of synthetic faces that of every
        # frame.
        pair[f"motion_{name}"] = motion[n if len(motion) == len(frames) else record["rows"][n]]
        known = landmarks[n] if len(landmarks) else np.zeros((468, 2))
        pair[f"landmarks_{name}"] = known.astype(np.float32)
    return pair


def decoded(
    image: bytes, name: str, into: UInt8[np.ndarray, "h w 3"] | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """A JPEG file's pixels, RGB, in a new array or in the one that is given.

    Raises:
      UserError: it is none, or of another size; says the record's name.
    """
    try:
        pixels = simplejpeg.decode_jpeg(image, "RGB", buffer=into)
    except ValueError as error:
        raise _unlike(name, into, str(error)) from None
    if into is not None and pixels.shape != into.shape:
        raise _unlike(name, into, f"{pixels.shape[1]} x {pixels.shape[0]}")
    return pixels


def _unlike(name: str, into: np.ndarray | None, found: str) -> UserError:
    size = "" if into is None else f" of {into.shape[1]} x {into.shape[0]} like the others"
    return UserError(
        f"expected JPEG images{size} in the record {name}, found other bytes ({found}): "
        "prepare the data set again, and all of a mixture at one size"
    )
