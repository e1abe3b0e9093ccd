"""Pools of synthetic frames on disk: rendered once, memory-mapped by training.

A pool is a folder with arrays of I identities x F frames, indexed [identity, frame]; N = size:

    image.npy     (I, F, N, N, 3) uint8     RGB
    face.npy      (I, F, N, N)    uint8     share of the pixel that is face: skin, eyes, lips, ears
    position.npy  (I, F, 64, 64, 3) float16 point of the head at rest that the pixel shows,
                                            0 where mask < 2; a rigid flow to a frame j is
                                            s_j (position @ R_j) + t_j, in [-1, 1]
    mask.npy      (I, F, 64, 64)  uint8     0 backdrop, 1 clothes, 2 neck, 3 hair, 4 face
    units.npy     (I, F, 18)      float32   `expression.UNITS`
    pose.npy      (I, F, 6)       float32   pitch, yaw, roll in degrees, scale, tx, ty
    x_c.npy       (I, 21, 3)      float32   canonical keypoints; delta is units @ BASIS
    done.npy      (I,)            uint8     1 when all frames of an identity are complete
    pool.json     seed, identities, frames, size, version

Each process renders its identities in order: `open_pool(path).ready()` is the number of complete
ones from the first on, with which training can start before the pool is complete. The content
depends on (seed, identity) only, and an interrupted pool is continued where it stopped. The pools
of the demo weights:

    python -m playmate_jax.synthetic.pool runs/pool/train --seed 1 --identities 3600 --processes 2
    python -m playmate_jax.synthetic.pool runs/pool/test --seed 2 --identities 48
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from playmate_jax.errors import UserError
from playmate_jax.synthetic.draw import draw_with_truth
from playmate_jax.synthetic.emotion import PROTOTYPES
from playmate_jax.synthetic.expression import HIGH, LOW, sample_expression
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints

VERSION = 2  # of the renderer: to be raised when images change
MAP = 64  # side of the position and mask maps
TEST_SEED = 2  # of the people that figures are measured on, and that nothing is trained on

# Standard deviations of pitch, yaw, roll (degrees), scale, tx, ty; clipped at 2.5 of them.
POSE_STD = np.array([5.0, 8.0, 4.0, 0.72 * 0.012, 0.03, 0.03])
POSE_MEAN = np.array([0.0, 0.0, 0.0, 0.72, 0.0, 0.0])


def sample_pose(
    rng: np.random.Generator, n: int = 1, strength: float = 1.0
) -> Float[np.ndarray, "n 6"]:
    """Random poses: pitch, yaw, roll in degrees (turns of up to 20 occur), scale, tx, ty.

    Args:
      strength: factor on their standard deviations.
    """
    g = np.clip(rng.normal(size=(n, 6)), -2.5, 2.5)
    return (POSE_MEAN + strength * POSE_STD * g).astype(np.float32)


class Pool(NamedTuple):
    """The arrays of a pool, memory-mapped; the module's docstring lists their shapes."""

    image: NDArray[np.uint8]
    face: NDArray[np.uint8]
    position: NDArray[np.float16]
    mask: NDArray[np.uint8]
    units: NDArray[np.float32]
    pose: NDArray[np.float32]
    x_c: NDArray[np.float32]
    done: NDArray[np.uint8]

    def ready(self) -> int:
        """The number of complete identities, counted from the first."""
        done = np.asarray(self.done)
        return int(len(done) if done.all() else done.argmin())


def _shapes(identities: int, frames: int, size: int) -> dict[str, tuple[tuple[int, ...], type]]:
    n = (identities, frames)
    return dict(
        image=((*n, size, size, 3), np.uint8),
        face=((*n, size, size), np.uint8),
        position=((*n, MAP, MAP, 3), np.float16),
        mask=((*n, MAP, MAP), np.uint8),
        units=((*n, 18), np.float32),
        pose=((*n, 6), np.float32),
        x_c=((identities, 21, 3), np.float32),
        done=((identities,), np.uint8),
    )


def open_pool(path: str | os.PathLike, mode: Literal["r", "r+"] = "r") -> Pool:
    """Opens a pool as memory-mapped arrays.

    Raises:
      UserError: the folder holds no pool.
    """
    path = Path(path)
    if not (path / "pool.json").exists():
        raise UserError(
            f"expected a pool of faces, found no pool.json in {path}: make one with "
            f"`python -m playmate_jax.synthetic.pool {path}`"
        )
    return Pool(**{name: np.load(path / f"{name}.npy", mmap_mode=mode) for name in Pool._fields})


def sample_frames(seed: int, index: int, frames: int) -> tuple[NDArray, NDArray]:
    """Random units (frames, 18) and poses (frames, 6) of one identity of a pool.

    A third of the frames also show an emotion, at up to 1.5 times its usual strength: guidance
    exaggerates emotions, and a renderer should have been trained on such frames.
    """
    rng = np.random.default_rng([seed, index, 0xF4A3])
    units, pose = sample_expression(rng, frames), sample_pose(rng, frames)
    shown = (rng.random(frames) < 1 / 3) * rng.uniform(0.5, 1.5, frames)
    emotion = PROTOTYPES[rng.integers(len(PROTOTYPES), size=frames)]
    calmer = np.where(shown[:, None] > 0, 0.5, 1.0)
    units = np.clip(calmer * units + shown[:, None] * emotion, LOW, HIGH)
    return units.astype(np.float32), pose


def _fill(path: str, seed: int, start: int, stride: int) -> None:
    """Renders the identities start, start + stride, ... that are not done yet."""
    pool = open_pool(path, "r+")
    frames, size = pool.image.shape[1:3]
    for index in range(start, len(pool.done), stride):
        if pool.done[index]:
            continue
        identity = sample_identity(seed, index)
        units, pose = sample_frames(seed, index, frames)
        truth = draw_with_truth(identity, units, pose, size, MAP)
        for name in ("image", "face", "position", "mask"):
            getattr(pool, name)[index] = truth[name]
        pool.units[index], pool.pose[index], pool.x_c[index] = units, pose, keypoints(identity)
        pool.done[index] = 1


def build_pool(
    path: str | os.PathLike,
    seed: int,
    identities: int,
    frames: int = 8,
    size: int = 128,
    processes: int = 1,
) -> Pool:
    """Renders a pool, or the missing part of an interrupted one.

    Args:
      path: its folder.
      identities, frames: how many people, and frames of each.
      size: side of the images in pixels.
      processes: number of processes that render.

    Raises:
      UserError: the folder holds another pool.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    wanted = dict(seed=seed, identities=identities, frames=frames, size=size, version=VERSION)
    card = path / "pool.json"
    if card.exists() and json.loads(card.read_text()) != wanted:
        found = card.read_text()
        raise UserError(f"expected {wanted}, found {found} in {path}: use another folder")
    if not card.exists():
        for name, (shape, dtype) in _shapes(identities, frames, size).items():
            np.lib.format.open_memmap(path / f"{name}.npy", "w+", dtype, shape)
        card.write_text(json.dumps(wanted))
    context = multiprocessing.get_context("spawn")
    jobs = [(str(path), seed, k, processes) for k in range(processes)]
    workers = [context.Process(target=_fill, args=job, daemon=True) for job in jobs]
    if processes == 1:
        _fill(*jobs[0])
    else:
        for worker in workers:
            worker.start()
        _watch(path, workers)
    return open_pool(path)


def _watch(path: Path, workers) -> None:
    """Shows progress until the workers end; raises an error if one of them failed."""
    pool, begin = open_pool(path), time.time()
    first = int(np.asarray(pool.done).sum())
    while any(worker.is_alive() for worker in workers):
        time.sleep(1)
        done = int(np.asarray(pool.done).sum())
        rate = (done - first) * pool.image.shape[1] / (time.time() - begin)
        line = f"\r{path.name}: {done}/{len(pool.done)} identities, {rate:.1f} frames/s"
        print(line, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if failed := [worker.exitcode for worker in workers if worker.exitcode]:
        raise RuntimeError(f"rendering stopped with exit codes {failed}")


def main(argv: list[str] | None = None) -> None:
    """Command line: renders a pool with `build_pool`."""
    parser = argparse.ArgumentParser(description="Render a pool of synthetic faces to train on.")
    parser.add_argument("path")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--identities", type=int, default=2400)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--processes", type=int, default=1)
    build_pool(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
