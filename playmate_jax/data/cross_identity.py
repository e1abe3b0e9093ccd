"""Batches for stitching and retargeting: source images, each with an image of another person.

    batches = cross_identity("data/mine", batch_size=8)
    batch = next(batches)                # a `SourceBatch`

They are `frame_pairs.face_space`'s pairs with the drivers of each couple exchanged. It is done
here, not in the training step, which may see one row of a couple only.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from jaxtyping import Bool, Float32, UInt8

from playmate_jax.data.batches import ALONE, Batches, Leaf, Loading
from playmate_jax.data.frame_pairs import PAIRS, PairBatch, across, face_space
from playmate_jax.data.mixture import Data


class SourceBatch(TypedDict):
    """b source images, and as many of other people that drive them.

    source, driving: RGB images.
    landmarks: of the source, x and y in pixels of the image; zeros where there are none.
    has_landmarks: whether there are any.
    """

    source: UInt8[Leaf, "b h w 3"]
    driving: UInt8[Leaf, "b h w 3"]
    landmarks: Float32[Leaf, "b 468 2"]
    has_landmarks: Bool[Leaf, " b"]


class CrossIdentity(Iterator[SourceBatch]):
    """Endless batches over those of pairs, whose position is theirs."""

    def __init__(self, pairs: Batches[PairBatch]):
        self._pairs = pairs

    def __next__(self) -> SourceBatch:
        batch = next(self._pairs)
        return {
            "source": batch["source"],
            "driving": across(batch["driving"]),
            "landmarks": batch["landmarks_source"],
            "has_landmarks": batch["has_landmarks"],
        }

    def get_state(self) -> dict[str, Any]:
        """The position, for a checkpoint: plain values."""
        return self._pairs.get_state()

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on at a position; raises UserError for one in other data."""
        self._pairs.set_state(state)

    def start_at(self, number: int) -> "CrossIdentity":
        """Goes on with batch `number`."""
        self._pairs.start_at(number)
        return self

    def close(self) -> None:
        """Ends threads and workers; the next batch would start them anew."""
        self._pairs.close()

    def __enter__(self) -> "CrossIdentity":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def cross_identity(
    data: Data,
    batch_size: int,
    *,
    seed: int = 0,
    split: str = "train",
    pairs: int = PAIRS,
    loading: Loading = ALONE,
) -> CrossIdentity:
    """Endless batches; arguments and errors are `frame_pairs.face_space`'s."""
    found = face_space(data, batch_size, seed=seed, split=split, pairs=pairs, loading=loading)
    return CrossIdentity(found)
