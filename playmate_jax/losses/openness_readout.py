"""Openness and landmarks read from what M finds: two linear maps, fitted in closed form.

LivePortrait compares the wanted openness with that of the drawn face, and does not say how a
gradient passes through a landmark detector. Here M is the detector: openness is a linear function
of its delta and x_c, landmarks are one of the posed keypoints, each fitted once by ridge regression
to the landmarks of some hundred images. Both maps are plain trees ({"kernel", "bias"}).
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

RIDGE = 0.01  # on inputs of unit variance
STD_FLOOR = 1e-3  # head units: what hardly moves is not magnified
EVERY = 4  # the n-th image is left out of the fit that R^2 is measured on
Linear = Mapping[str, Any]  # kernel (i, o), bias (o,)


def inputs_of(found: Mapping[str, Any]) -> Float[Any, "b i"]:
    """What openness is read from: delta and x_c of M, flat."""
    parts = [found[name].reshape(found[name].shape[0], -1) for name in ("delta", "x_c")]
    return jnp.concatenate(parts, -1)


def read(linear: Linear, inputs: Float[Array, "b i"]) -> Float[Array, "b o"]:
    """A fitted map applied to rows, in full precision."""
    return jnp.matmul(inputs, linear["kernel"], precision="highest") + linear["bias"]


def read_openness(readout: Mapping[str, Linear], found: Mapping[str, Any]) -> Float[Array, "b 3"]:
    """Openness of the left eye, the right eye and the lips (`faces/openness.py`)."""
    return read(readout["openness"], inputs_of(found))


def read_landmarks(
    readout: Mapping[str, Linear], keypoints: Float[Array, "b k 3"]
) -> Float[Array, "b 468 2"]:
    """The mesh in the image's [-1, 1] convention, from the posed keypoints of Eq. 1."""
    flat = read(readout["landmarks"], keypoints.reshape(keypoints.shape[0], -1))
    return flat.reshape(-1, 468, 2)


def fit(inputs: Float[np.ndarray, "n i"], targets: Float[np.ndarray, "n o"]) -> dict[str, Any]:
    """The ridge regression of targets on inputs, as `read` takes it."""
    x, y = np.asarray(inputs, np.float64), np.asarray(targets, np.float64)
    mean, std = x.mean(0), np.maximum(x.std(0), STD_FLOOR)
    z = (x - mean) / std
    normal = z.T @ z / len(z) + RIDGE * np.eye(z.shape[1])
    kernel = np.linalg.solve(normal, z.T @ (y - y.mean(0)) / len(z)) / std[:, None]
    bias = y.mean(0) - mean @ kernel
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}


def explained(
    inputs: Float[np.ndarray, "n i"], targets: Float[np.ndarray, "n o"]
) -> Float[np.ndarray, " o"]:
    """R^2 of each target: of every fourth row, by a fit to the others."""
    left_out = np.arange(len(inputs)) % EVERY == 0
    linear = fit(inputs[~left_out], targets[~left_out])
    error = inputs[left_out] @ linear["kernel"] + linear["bias"] - targets[left_out]
    return 1 - np.square(error).sum(0) / np.maximum(
        np.square(targets[left_out] - targets[left_out].mean(0)).sum(0), 1e-12
    )
