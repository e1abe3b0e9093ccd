"""Synthetic weights and inputs from names alone, to verify a port without any download.

Each tensor comes from NumPy's PCG64 seeded by (seed, crc32 of its name) and is scaled so that
activations stay of order one. Anyone with a list of names and shapes (a manifest) draws the same
weights, runs the original and records outputs; we draw them again and compare.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

POWER_ITERATIONS = 30
SEED = 0  # of recordings and verifications


def generator(seed: int, name: str) -> np.random.Generator:
    """The stream of random numbers that belongs to a name."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def tensor(name: str, shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """The synthetic value of one tensor of a state dict."""
    leaf = name.rpartition(".")[2]
    random = generator(seed, name)
    if "int" in dtype or leaf == "num_batches_tracked":
        return np.zeros(shape, dtype)
    if leaf == "running_var":
        return random.uniform(0.5, 1.5, shape).astype(dtype)
    if leaf == "running_mean" or leaf == "beta" or re.match(r"bias|.*_bias$", leaf):
        return (0.1 * random.standard_normal(shape)).astype(dtype)
    if leaf in ("weight_u", "weight_v"):
        return random.standard_normal(shape).astype(dtype)
    if leaf == "gamma":
        return (0.5 * random.standard_normal(shape)).astype(dtype)
    if len(shape) == 1:  # scale of a normalisation
        return random.uniform(0.5, 1.5, shape).astype(dtype)
    fan_in = max(1, int(np.prod(shape[1:])))
    return (random.standard_normal(shape) * np.sqrt(1.5 / fan_in)).astype(dtype)


def state_dict(
    manifest: Mapping[str, Sequence], seed: int, gains: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Every tensor of a manifest (name -> (shape, dtype)), singular vectors made consistent.

    Args:
      gains: regular expression of a whole name -> factor.
    """
    state = {
        name: tensor(name, tuple(shape), dtype, seed) for name, (shape, dtype) in manifest.items()
    }
    for name in [name for name in state if name.endswith("weight_orig")]:
        stem = name.removesuffix("weight_orig")
        u, v = leading_singular_vectors(state[name], state[stem + "weight_v"])
        state |= {stem + "weight_u": u, stem + "weight_v": v}
    for name in state:
        for pattern, factor in (gains or {}).items():
            if re.fullmatch(pattern, name):
                state[name] = state[name] * np.float32(factor)
    return state


def leading_singular_vectors(
    weight: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """u (out,) and v (rest,) of `weight` as a matrix (out, rest), by power iteration in float64."""
    matrix = weight.reshape(len(weight), -1).astype(np.float64)
    v = start.astype(np.float64)
    for _ in range(POWER_ITERATIONS):
        u = matrix @ (v / np.linalg.norm(v))
        v = matrix.T @ (u / np.linalg.norm(u))
    unit = [x / np.linalg.norm(x) for x in (u, v)]
    return unit[0].astype(np.float32), unit[1].astype(np.float32)


def network_input(name: str, shape: tuple[int, ...], seed: int, kind: str = "normal") -> np.ndarray:
    """An input: "normal" is N(0, 1), "unit" U(0, 1) (images), "keypoints" 0.3 N(0, 1)."""
    random = generator(seed, f"input:{name}")
    if kind == "unit":
        return random.uniform(0.0, 1.0, shape).astype(np.float32)
    factor = {"normal": 1.0, "keypoints": 0.3}[kind]
    return (factor * random.standard_normal(shape)).astype(np.float32)


def sample_indices(name: str, size: int, seed: int, count: int = 4096) -> np.ndarray:
    """The flat positions of an output that are recorded: all of them where it is small."""
    if size <= count:
        return np.arange(size)
    chosen = generator(seed, f"indices:{name}").choice(size, count, replace=False)
    return np.sort(chosen)


def inputs(**drawn: tuple[tuple[int, ...], str]) -> Callable[[], list[np.ndarray]]:
    """A function that draws a network's inputs in PyTorch's axis order: name -> (shape, kind)."""
    return lambda: [network_input(name, shape, SEED, kind) for name, (shape, kind) in drawn.items()]


def smooth(x: np.ndarray) -> np.ndarray:
    """An image or volume (b, c, ...) of noise without what changes from cell to cell, at its RMS:
    W samples between cells, and white noise would turn the last bits of a place into an error."""
    rms = np.sqrt(np.mean(np.square(x)))
    for axis in range(2, x.ndim):
        for _ in range(4):
            x = (x + np.roll(x, 1, axis)) / 2
    return (x * (rms / np.sqrt(np.mean(np.square(x))))).astype(np.float32)
