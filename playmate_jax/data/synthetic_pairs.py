"""Pairs of frames of one synthetic person, with the ground truth that a renderer is trained on.

Batch n follows from (seed, n) and the pool alone, so a run resumes exactly once its pool is
complete; while the pool still grows, new identities are added to the draw.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from playmate_jax.data.batches import ALONE, Leaf, Loading, block_of
from playmate_jax.synthetic.expression import BASIS
from playmate_jax.synthetic.flow import rigid_flow, surface_flow, visible
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.pool import MAP, Pool, open_pool

BEHIND = 9.0  # depth of the backdrop: behind everything
HEAD = 2  # masks from here on (neck, hair, face) move with the head


class SyntheticPairBatch(TypedDict):
    """What the face space of synthetic faces trains on: b pairs of frames, and n single ones.

    source, driving: RGB images of one person.
    x_c: canonical keypoints of the person, in head units.
    delta_source, delta_driving: expression (Eq. 1), in head units.
    pose_source, pose_driving: pitch, yaw, roll in degrees; scale; translation x and y in half
      images.
    flow, depth, head, visible: on a grid of 64 x 64 cells of the driving frame: where the same
      point is in the source, relative, in half images; its own depth in head units; 1 where the
      cell shows the head (elsewhere flow and depth are 0); 1 where the source shows the same point.
    ..._more: the same of the single frames.
    """

    source: UInt8[Leaf, "b h w 3"]
    driving: UInt8[Leaf, "b h w 3"]
    x_c: Float32[Leaf, "b 21 3"]
    delta_source: Float32[Leaf, "b 21 3"]
    delta_driving: Float32[Leaf, "b 21 3"]
    pose_source: Float32[Leaf, "b 6"]
    pose_driving: Float32[Leaf, "b 6"]
    flow: Float32[Leaf, "b 64 64 2"]
    depth: Float32[Leaf, "b 64 64"]
    head: Float32[Leaf, "b 64 64"]
    visible: Float32[Leaf, "b 64 64"]
    image_more: NotRequired[UInt8[Leaf, "n h w 3"]]
    x_c_more: NotRequired[Float32[Leaf, "n 21 3"]]
    delta_more: NotRequired[Float32[Leaf, "n 21 3"]]
    pose_more: NotRequired[Float32[Leaf, "n 6"]]


class SyntheticPairs:
    """Source and driving frames from a pool of synthetic faces (synthetic/pool.py).

    Args:
      path: the pool's folder.

    Raises:
      UserError: no pool is there.
    """

    def __init__(self, path: str | Path):
        self.pool: Pool = open_pool(path)
        self.seed = int(json.loads((Path(path) / "pool.json").read_text())["seed"])
        centres = (2 * np.arange(MAP, dtype=np.float32) + 1) / MAP - 1
        self._pixels = np.stack(np.meshgrid(centres, centres), axis=-1)

    def batches(
        self, seed: int, start: int, size: int, more: int = 0, loading: Loading = ALONE
    ) -> Iterator[SyntheticPairBatch]:
        """Batches start, start + 1, ... of `size` random pairs and `more` single frames.

        Args:
          loading: which process this is; each of P draws the whole batch and makes its block of
            size / P pairs and more / P frames.

        Raises:
          UserError: the processes cannot share a batch evenly.
        """
        own = block_of(size, loading)
        own_more = block_of(more, loading) if more else slice(0)
        n = start
        while True:
            rng = np.random.default_rng([seed, n])
            people = rng.integers(self.pool.ready(), size=size)
            frames = [rng.choice(self.pool.image.shape[1], 2, replace=False) for _ in people]
            batch = self.pairs(people[own], *np.transpose(frames[own]))
            if more:
                at = (
                    rng.integers(self.pool.ready(), size=more)[own_more],
                    rng.integers(self.pool.image.shape[1], size=more)[own_more],
                )
                single = {f"{name}_more": value for name, value in self.frames(at).items()}
                batch = cast(SyntheticPairBatch, {**batch, **single})
            yield batch
            n += 1

    def frames(self, at: tuple[NDArray, NDArray]) -> dict[str, NDArray]:
        """image, delta (21, 3), pose (6,) and x_c (21, 3) of frames (people, frames)."""
        pool = self.pool
        return {
            "image": pool.image[at],
            "delta": _delta(pool.units[at]),
            "pose": pool.pose[at],
            "x_c": pool.x_c[at[0]],
        }

    def pairs(
        self, people: NDArray[np.int64], source: NDArray[np.int64], driving: NDArray[np.int64]
    ) -> SyntheticPairBatch:
        """Frames number `source` and `driving` of each of b people, without single frames."""
        pool = self.pool
        rows = np.stack([people, source, driving], axis=-1).tolist()
        truths = [self._truth(*row) for row in rows]
        frames = {"source": (people, source), "driving": (people, driving)}
        batch: dict[str, NDArray] = {name: pool.image[at] for name, at in frames.items()}
        batch["x_c"] = pool.x_c[people]
        for name, at in frames.items():
            batch[f"delta_{name}"] = _delta(pool.units[at])
            batch[f"pose_{name}"] = pool.pose[at]
        for name in truths[0]:
            batch[name] = np.stack([truth[name] for truth in truths]).astype(np.float32)
        return cast(SyntheticPairBatch, batch)

    def _truth(self, person: int, source: int, driving: int) -> dict[str, NDArray]:
        """Exact flow from the driving frame's pixels to the source, and what it meets there."""
        pool = self.pool
        units, pose = pool.units[person, source], pool.pose[person, source]

        def in_source(frame: int) -> NDArray:
            points = np.asarray(pool.position[person, frame], np.float32)
            skin = surface_flow(sample_identity(self.seed, int(person)), points, units, pose)
            face = pool.mask[person, frame][..., None] == 4
            return np.where(face, skin, rigid_flow(points, pose))

        there, here = in_source(driving), in_source(source)
        head = pool.mask[person, driving] >= HEAD
        source_head = pool.mask[person, source] >= HEAD
        depth_map = np.where(source_head, here[..., 2], BEHIND)
        # Behind and beside the head the image stands still.
        seen = np.where(head, visible(there, depth_map), ~source_head)
        own = rigid_flow(
            np.asarray(pool.position[person, driving], np.float32), pool.pose[person, driving]
        )
        flow = np.where(head[..., None], there[..., :2] - self._pixels, 0.0)
        return {"flow": flow, "depth": own[..., 2] * head, "head": head, "visible": seen}


def _delta(units: NDArray[np.floating]) -> NDArray[np.floating]:
    """delta (b, 21, 3) of units (b, u), the same whatever rows stand beside it.

    A matrix product rounds differently with the number of rows, and so of processes.
    """
    return np.einsum("bu,ud->bd", units, BASIS).reshape(-1, 21, 3)
