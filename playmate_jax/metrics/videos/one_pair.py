"""What is measured of a generated video against its reference, frame by frame at the same time.

    image      PSNR and SSIM                       no weights
    landmarks  distances of landmarks              no weights
    lpips      LPIPS                               its network
    csim       cosine of embeddings of the face    ArcFace

Where one is longer, the common beginning is compared.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.metrics.videos import store
from playmate_jax.metrics.videos.face_scores import landmark_distances
from playmate_jax.metrics.videos.image_scores import clip_psnr, psnr, ssim
from playmate_jax.metrics.videos.networks import Batches, Network, load_network
from playmate_jax.metrics.videos.one_video import FACES, FACTS
from playmate_jax.metrics.videos.protocol import Protocol
from playmate_jax.metrics.videos.readers import BATCH
from playmate_jax.metrics.videos.video import Video, in_square, square_of

IMAGE, LPIPS, LANDMARKS, CSIM = "image", "lpips", "landmarks", "csim"
NEEDS = {IMAGE: FACTS, LPIPS: FACTS, LANDMARKS: FACES, CSIM: "arcface"}  # groups of both videos


@dataclasses.dataclass(frozen=True)
class Side:
    """A video's file and what was measured of it alone."""

    path: Path
    record: store.Record


class PairMeter:
    """Measures pairs one after the other, under one protocol.

    Args:
      groups: of those above.
      lpips: the folder of its weights; None where it is not asked for.
      seconds: at most so many of each video.
    """

    def __init__(
        self,
        protocol: Protocol,
        groups: list[str],
        lpips: Path | None = None,
        seconds: float | None = None,
    ):
        self.protocol, self.groups, self.seconds = protocol, groups, seconds
        self._network = None if lpips is None else load_network(LPIPS, lpips)
        self._lpips = None if self._network is None else _distance(self._network)

    def measure(self, made: Side, true: Side, kept: store.Record) -> store.Record:
        """Adds to `kept` the groups that it lacks; one that cannot be measured becomes a fault.

        Raises:
          UserError: a video cannot be read to its end.
        """
        keys = {group: self._key(group, made.record, true.record) for group in self.groups}
        missing = kept.forget(keys)
        for group in list(missing):
            for side in (made, true):
                if NEEDS[group] in side.record.faults and group in missing:
                    kept.faults[group] = side.record.faults[NEEDS[group]]
                    missing.remove(group)
        if {IMAGE, LPIPS} & set(missing):
            self._compare_images(made, true, missing, kept)
        if LANDMARKS in missing:
            kept.numbers[LANDMARKS] = self._landmarks(made, true)
        if CSIM in missing:
            x, y = (side.record.arrays["arcface"] for side in (made, true))
            kept.numbers[CSIM] = {CSIM: csim(x, y, self.protocol.csim)}
        kept.keys |= keys
        return kept

    def _key(self, group: str, made: store.Record, true: store.Record) -> str:
        weights = self._network.identity if self._network and group == LPIPS else ""
        return store.key_of(group, weights, [r.keys.get(NEEDS[group]) for r in (made, true)])

    def _images(self, side: Side) -> Iterator[UInt8[np.ndarray, "size size 3"]]:
        video = Video(side.path, self.protocol, self.seconds)
        return video.images(video.square(side.record.arrays.get(FACES)))

    def _compare_images(
        self, made: Side, true: Side, missing: list[str], kept: store.Record
    ) -> None:
        distances = None
        if LPIPS in missing and self._lpips is not None:
            distances = Batches(self._lpips, BATCH)
        scores: list[tuple[float, float]] = []
        for t, (one, other) in enumerate(zip(self._images(made), self._images(true))):
            if t % self.protocol.every:
                continue
            if IMAGE in missing:
                scores.append((psnr(one, other), ssim(one, other)))
            if distances is not None:
                distances.add(one, other)
        if IMAGE in missing:
            values = np.array(scores)
            found = {"psnr": clip_psnr(values[:, 0]), "ssim": float(values[:, 1].mean())}
            kept.numbers[IMAGE] = found
        if distances is not None:
            try:
                kept.numbers[LPIPS] = {LPIPS: float(distances.result().mean())}
            except UserError as error:
                kept.faults[LPIPS] = f"{error} ('{made.path}')"

    def _landmarks(self, made: Side, true: Side) -> dict[str, float]:
        points = []
        for side in (made, true):
            facts, landmarks = side.record.numbers[FACTS], side.record.arrays[FACES]
            size = (facts["width"], facts["height"])
            square = square_of(self.protocol, size, landmarks, side.path)
            points.append(in_square(landmarks, square, self.protocol.size))
        n = min(len(x) for x in points)
        return landmark_distances(points[0][:n], points[1][:n])


def csim(
    made: Float[np.ndarray, "n d"], true: Float[np.ndarray, "m d"], against: str = "frame"
) -> float:
    """Mean cosine of embeddings; rows of NaN (no face) say nothing.

    Args:
      against: "frame", the row of the same time; "first", the first row of `true` with a face.
    """
    n = min(len(made), len(true))
    x, y = made[:n].astype(np.float64), true[:n].astype(np.float64)
    if against == "first":
        known = np.isfinite(true[:, 0])
        x, y = made.astype(np.float64), np.asarray(true[np.argmax(known)], np.float64)[None]
    cosine = (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
    cosine = cosine[np.isfinite(cosine)]
    return float(cosine.mean()) if len(cosine) else float("nan")


def _distance(network: Network) -> Callable[..., Array]:
    @jax.jit
    def distance(
        one: UInt8[Array, "b h w 3"], other: UInt8[Array, "b h w 3"]
    ) -> Float[Array, " b"]:
        return network.apply(*(x.astype(jnp.float32) / 255.0 for x in (one, other)))

    return distance
