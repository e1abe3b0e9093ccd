"""The readout of openness and landmarks (losses/openness_readout.py), fitted to a run's own data.

Landmarks are those that the data store; where they store none, as for synthetic faces, the face
landmarker looks at the images, as it will at portraits when they are animated.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.data.frame_pairs import PAIRS, face_space
from playmate_jax.data.mixture import Data
from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker
from playmate_jax.faces.openness import openness
from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.losses.keypoints import image_coordinates
from playmate_jax.losses.openness_readout import explained, fit, inputs_of
from playmate_jax.models import renderer
from playmate_jax.models.renderer import Params, RendererConfig
from playmate_jax.parallel.distributed import is_main

BATCHES = 32  # of 16 images each
LEAST = 32  # images with a face
# (image, landmarks (468, 2 or 3) in pixels)
Example = tuple[UInt8[np.ndarray, "h w 3"], Float[np.ndarray, "468 _"]]


def fitted_readout(
    config: RendererConfig, params: Params, data: Data, landmarker: Callable[[], Landmarker]
) -> dict[str, Any]:
    """The readout {"openness", "landmarks"} of a renderer's M, fitted to images of the data; says
    how much of openness it explains.

    Args:
      landmarker: called only where an image has no landmarks.

    Raises:
      UserError: images of another size than the renderer's, or hardly a face in them.
    """
    found = list(examples(data, config.image_size, landmarker))
    if len(found) < LEAST:
        raise UserError(
            f"expected faces in the data, found {len(found)} in {BATCHES * 4 * PAIRS} images: "
            "prepare others, or give data with landmarks"
        )
    look, size = jax.jit(partial(_inputs, config)), 4 * PAIRS
    found = found[: len(found) // size * size]  # of one shape: compiled once
    parts = [
        look(params, np.stack([image for image, _ in found[i : i + size]]))
        for i in range(0, len(found), size)
    ]
    of_openness, of_landmarks = (np.concatenate(part) for part in zip(*jax.device_get(parts)))
    wanted = np.stack([openness(points) for _, points in found])
    points = jnp.asarray(np.stack([points[:, :2] for _, points in found]), jnp.float32)
    mesh = np.asarray(image_coordinates(points, config.image_size))
    if is_main():
        eyes_and_lips = explained(of_openness, wanted)
        print(
            "openness read from M, R^2 on images left out: left eye {:.2f}, right eye {:.2f}, "
            "lips {:.2f} ({} images)".format(*eyes_and_lips, len(found)),
            file=sys.stderr,
        )
    return {
        "openness": fit(of_openness, wanted),
        "landmarks": fit(of_landmarks, mesh.reshape(len(mesh), -1)),
    }


def examples(data: Data, size: int, landmarker: Callable[[], Landmarker]) -> Iterator[Example]:
    """Images of the training split that show a face, with landmarks; always the same ones."""
    detector: Landmarker | None = None
    with face_space(data, 2 * PAIRS) as batches:
        for _ in range(BATCHES):
            batch: Any = next(batches)
            if batch["source"].shape[1:3] != (size, size):
                height, width = batch["source"].shape[1:3]
                raise UserError(
                    f"expected images of {size} x {size} as the renderer takes, found {width} x "
                    f"{height} in the data: prepare them with --size {size}"
                )
            for name in ("source", "driving"):
                for image, points, known in zip(
                    batch[name], batch[f"landmarks_{name}"], batch["has_landmarks"]
                ):
                    if known:
                        yield image, points
                        continue
                    detector = detector or landmarker()
                    if faces := detector.detect(image):
                        yield image, faces[0].landmarks


def _inputs(config: RendererConfig, params: Params, images: UInt8[jax.Array, "b h w 3"]):
    """What openness, and what landmarks are read from."""
    found = renderer.extract_motion(config, params, images.astype(jnp.float32) / 255)
    parts = (found[name] for name in ("x_c", "R", "delta", "s", "t"))
    return inputs_of(found), transform_keypoints(*parts).reshape(images.shape[0], -1)
