"""What stitching and the retargeters do for people they have never seen.

    python -m playmate_jax.metrics.retargeting runs/mine/weights data/mine --out report

A pair is a source image and an image of another person, of the data's "test" split. Figures, each
with the networks and "without": drawn with unmoved keypoints.

    seam         |drawn - source| below the chin, in 1/255, with the other person's motion
    eyes, lips   |openness asked for - openness found| in the drawn source; asked for is the other
                 person's
    eyes_shut,   openness found where 0 is asked for, and where nothing is
    lips_shut

Openness is found by the face landmarker, as when a portrait is animated. Image: sheet.png.
"""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from playmate_jax.data.cross_identity import cross_identity
from playmate_jax.faces import Landmarker, TfliteLandmarker
from playmate_jax.faces.openness import openness
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.losses.keypoints import image_coordinates
from playmate_jax.losses.regions import below
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.models import renderer
from playmate_jax.models.renderer import Params, RendererConfig
from playmate_jax.models.retargeting import MLPS, OPENNESS, Seen, at_input_size, draw, moved, see

BATCH = 8
SWEEP = (0.0, 0.15, 0.3, 0.5)  # openness asked for in the sheet
Images = Mapping[str, Float[Any, "b h w 3"]]


def drawn(
    config: RendererConfig,
    params: Params,
    seen: Seen,
    own: Float[Array, "b 3"],
    asked: Float[Array, "b 3"],
) -> dict[str, Float[Array, "b h w 3"]]:
    """Images by name, of the source's size: "source" and "driven" with unmoved keypoints, and with
    those of each network that `params` has ("stitching", "eyes", "lips").

    Args:
      own, asked: openness of left eye, right eye and lips; of both eyes their mean is asked for.
    """
    mlps = {name: params[name] for name in MLPS if name in params}
    wanted = {name: asked[:, part].mean(-1, keepdims=True) for name, part in OPENNESS.items()}
    moves = moved(config, mlps, seen, own, wanted)
    keypoints = {"source": seen.kp_source, "driven": seen.kp_driving}
    keypoints |= {name: move.keypoints for name, move in moves.items()}
    images = draw(config, params, seen, keypoints)
    return {name: at_input_size(config, image) for name, image in images.items()}


def row_figures(
    images: Images,
    source: Float[Any, "b h w 3"],
    landmarks: Float[Any, "b 468 2"],
    asked: Float[Any, "b 3"],
    found: Mapping[str, Float[Any, "b 3"]],
) -> dict[str, Float[Array, " b"]]:
    """Figures of each pair; NaN where nothing was found, or where no pixel lies below the chin.

    Args:
      images: of `drawn`.
      landmarks: of the source, in [-1, 1].
      found: openness in the images of "source", "eyes" and "lips".
    """
    mask = below(landmarks, source.shape[1])
    area = mask.sum((1, 2, 3))

    def seam(image: Float[Any, "b h w 3"]) -> Float[Array, " b"]:
        return 255 * (jnp.abs(image - source).mean(-1, keepdims=True) * mask).sum((1, 2, 3)) / area

    def error(name: str, part: slice) -> Float[Array, " b"]:
        return jnp.abs(found[name][:, part] - asked[:, part]).mean(-1)

    figures = {"seam_without": seam(images["driven"]), "seam_redrawn": seam(images["source"])}
    if "stitching" in images:
        figures["seam"] = seam(images["stitching"])
    for name, part in OPENNESS.items():
        if name in images:
            figures[f"{name}_error"] = error(name, part)
            figures[f"{name}_error_without"] = error("source", part)
    return figures


def detected(
    images: UInt8[np.ndarray, "b h w 3"], landmarker: Landmarker
) -> tuple[Float[np.ndarray, "b 3"], Float[np.ndarray, "b 468 2"]]:
    """Openness and landmarks of the largest face in each image; NaN where there is none."""
    ratios, points = np.full((len(images), 3), np.nan), np.full((len(images), 468, 2), np.nan)
    for n, image in enumerate(images):
        if faces := landmarker.detect(image):
            ratios[n], points[n] = openness(faces[0].landmarks), faces[0].points
    return ratios, points


def evaluate(
    config: RendererConfig, params: Params, batches: Any, count: int, landmarker: Landmarker
) -> dict[str, float]:
    """The report's figures, of `count` pairs out of batches of `BATCH`."""
    rows: list[dict[str, np.ndarray]] = []
    look = jax.jit(partial(see, config, params))
    render = jax.jit(partial(drawn, config, params))
    for _ in range(-(-count // BATCH)):
        batch = next(batches)
        source, driving = (batch[name].astype(np.float32) / 255 for name in ("source", "driving"))
        own, points = detected(batch["source"], landmarker)
        asked, _ = detected(batch["driving"], landmarker)
        usable = np.isfinite(own + asked).all(-1)
        own, asked = np.nan_to_num(own), np.nan_to_num(asked)
        seen = look(source, driving)
        images = jax.device_get(render(seen, own, asked))
        shut = jax.device_get(render(seen, own, np.zeros_like(asked)))
        found = {name: detected(to_pixels(images[name]), landmarker)[0]
                 for name in images if name not in ("driven", "stitching")}  # fmt: skip
        landmarks = image_coordinates(jnp.asarray(points, jnp.float32), config.image_size)
        figures = row_figures(images, source, landmarks, asked, found)
        for name, part in OPENNESS.items():
            if name in shut:
                at_zero = detected(to_pixels(shut[name]), landmarker)[0]
                figures[f"{name}_shut"] = at_zero[:, part].mean(-1)
                figures[f"{name}_shut_without"] = found["source"][:, part].mean(-1)
        rows.append({name: np.asarray(values)[usable] for name, values in figures.items()})
    whole = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return {"pairs": len(whole["seam_without"])} | {
        name: float(np.nanmean(values)) for name, values in whole.items()
    }


def to_pixels(images: Float[np.ndarray, "*b h w 3"]) -> UInt8[np.ndarray, "*b h w 3"]:
    """Images in [0, 1] as bytes."""
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def sheet(
    config: RendererConfig, params: Params, batch: Any, landmarker: Landmarker
) -> UInt8[np.ndarray, "H W 3"]:
    """A row a person: source, driver, driven without and with stitching, then the source with eyes
    and with lips asked to open as far as `SWEEP`."""
    source, driving = (batch[name].astype(np.float32) / 255 for name in ("source", "driving"))
    seen = jax.jit(partial(see, config, params))(source, driving)
    own = np.nan_to_num(detected(batch["source"], landmarker)[0])
    render = jax.jit(partial(drawn, config, params))
    sweep = [jax.device_get(render(seen, own, np.full_like(own, value))) for value in SWEEP]
    columns = [source, driving, *(sweep[0][n] for n in ("driven", "stitching") if n in sweep[0])]
    columns += [images[name] for name in OPENNESS if name in sweep[0] for images in sweep]
    return to_pixels(np.concatenate([np.concatenate(list(row), 1) for row in zip(*columns)]))


def main(argv: list[str] | None = None) -> None:
    """Command line: evaluates a renderer with its networks and writes the report."""
    parser = argparse.ArgumentParser(description="Report of stitching and retargeting.")
    parser.add_argument("weights")
    parser.add_argument("data")
    parser.add_argument("--split", default="test")
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--out", default="report", help="a folder for the sheet")
    parser.add_argument("--face-models", help="where the landmarker's files are")
    add_arguments(parser)
    options = parser.parse_args(argv)
    values, params, _ = load_weights(options.weights)
    config = renderer.config_from(values, f"{options.weights}/config.json")
    expected = renderer.shapes(config) | renderer.retargeting_shapes(config)
    check_tree(params, {name: expected[name] for name in params}, options.weights)
    landmarker = TfliteLandmarker(options.face_models)
    batches = cross_identity(options.data, BATCH, split=options.split, pairs=1)
    try:
        first = next(batches)
        figures = evaluate(config, params, batches.start_at(0), options.pairs, landmarker)
    finally:
        batches.close()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "sheet.png"), sheet(config, params, first, landmarker)[..., ::-1])
    show("retargeting", figures)
    deliver({"retargeting": figures}, options.json, Path(options.weights) if options.card else None)


if __name__ == "__main__":
    main()
