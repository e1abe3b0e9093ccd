"""How well a trained renderer redraws people it has never seen: the face space's report.

    python -m playmate_jax.metrics.face_space playmate_jax/weights/demo/renderer --out report

Every test identity's frame 0 is the source and its other frames drive it, all through M:
source -> M -> x_c; driving -> M -> R, delta, s, t; Eq. 1; decode. Beside it stand two baselines
that need no network: the source copied, and the renderer's exact rigid warp of the source (which
knows true pose and surface, and moves the head but not the expression). Images: contact.png
(source | driving | drawn) and turns.png (the largest turns).
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from playmate_jax.geometry.grid_sample import grid_sample_2d
from playmate_jax.geometry.keypoints import transform_keypoints
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.synthetic.draw import draw_with_truth
from playmate_jax.synthetic.expression import lid_closure, mouth_openness, units_from_expression
from playmate_jax.synthetic.flow import rigid_flow, visible
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.pool import open_pool

CHUNK = 8
ANGLES = ("pitch", "yaw", "roll")


@functools.partial(jax.jit, static_argnums=0)
def look(config: RendererConfig, params: Any, image: Float[Array, "b h w 3"]) -> dict[str, Array]:
    """M on images in [0, 1]: `renderer.extract_motion`, compiled."""
    return renderer.extract_motion(config, params, image)


@functools.partial(jax.jit, static_argnums=0)
def redraw(
    config: RendererConfig, params: Any, source: Any, of_source: Any, of_driving: Any
) -> Float[Array, "b h w 3"]:
    """The source with the driving frame's motion, on the source's canonical keypoints."""

    def posed(motion: Any) -> Any:
        return transform_keypoints(
            of_source["x_c"], motion["R"], motion["delta"], motion["s"], motion["t"]
        )

    features = renderer.encode(config, params, source)
    return renderer.decode(config, params, features, posed(of_source), posed(of_driving))


def in_chunks(function: Any, *arrays: Any) -> Any:
    """Applies a compiled function to rows in chunks of one size (the last one filled up)."""
    n = len(jax.tree.leaves(arrays)[0])
    parts = []
    for first in range(0, n, CHUNK):
        rows = np.minimum(np.arange(first, first + CHUNK), n - 1)
        parts.append(jax.device_get(function(*jax.tree.map(lambda a, r=rows: a[r], arrays))))
    return jax.tree.map(lambda *p: np.concatenate(p)[:n], *parts)


def true_frames(pool_path: str | Path) -> dict[str, NDArray]:
    """Images (i, f, N, N, 3) and the truth behind every pixel, drawn again at full resolution."""
    pool = open_pool(pool_path)
    seed = json.loads((Path(pool_path) / "pool.json").read_text())["seed"]
    size, rows = pool.image.shape[2], []
    for i in range(pool.ready()):
        identity = sample_identity(seed, i)
        rows.append(draw_with_truth(identity, pool.units[i], pool.pose[i], size))
    keep = ("image", "position", "mask", "face")
    truth = {name: np.stack([row[name] for row in rows]) for name in keep}
    return truth | {"units": np.asarray(pool.units), "pose": np.asarray(pool.pose)}


def exact_rigid_warp(
    source: Float[NDArray, "h w 3"],
    source_truth: tuple[NDArray, NDArray, NDArray],
    driving_truth: tuple[NDArray, NDArray],
) -> tuple[Float[NDArray, "h w 3"], Float[NDArray, "h w"]]:
    """The source moved by the true head motion, still elsewhere; and where it was visible."""
    position, mask, pose = source_truth
    points, driving_mask = driving_truth
    flow = rigid_flow(points, pose)
    head = driving_mask >= 2
    depth = np.where(mask >= 2, rigid_flow(position, pose)[..., 2], 9.0)
    size = len(source)
    centres = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    still = np.stack(np.meshgrid(centres, centres), axis=-1)
    grid = np.where(head[..., None], flow[..., :2], still)
    warped = grid_sample_2d(jnp.asarray(source[None]), jnp.asarray(grid[None], jnp.float32))
    return np.asarray(warped[0]), np.where(head, visible(flow, depth), mask < 2).astype(np.float32)


def evaluate(
    config: RendererConfig, params: Any, truth: dict[str, NDArray]
) -> tuple[dict[str, float], dict[str, NDArray]]:
    """The report's figures, and the images behind them."""
    people, frames = truth["image"].shape[:2]
    pairs = [(i, f) for i in range(people) for f in range(1, frames)]
    who, at = np.transpose(pairs)
    images = truth["image"].astype(np.float32) / 255
    source, driving = images[who, 0], images[who, at]
    m = in_chunks(lambda x: look(config, params, x), images.reshape(-1, *images.shape[2:]))
    m = {name: value.reshape(people, frames, *value.shape[1:]) for name, value in m.items()}
    of_source, of_driving = ({k: v[who, f] for k, v in m.items()} for f in (0 * at, at))
    drawn = in_chunks(
        lambda x, s, d: redraw(config, params, x, s, d), source, of_source, of_driving
    )
    again = in_chunks(lambda x: look(config, params, x), drawn)

    warps = [
        exact_rigid_warp(
            images[i, 0],
            (truth["position"][i, 0], truth["mask"][i, 0], truth["pose"][i, 0]),
            (truth["position"][i, f], truth["mask"][i, f]),
        )
        for i, f in pairs
    ]
    warped, seen = (np.stack(x) for x in zip(*warps, strict=True))
    face = truth["face"][who, at].astype(np.float32) / 255
    turn = np.abs(truth["pose"][who, at, :3] - truth["pose"][who, 0, :3]).max(axis=-1)
    turned = turn > 15

    report: dict[str, float] = {"pairs": len(pairs), "people": people}
    for name, image in (("drawn", drawn), ("copy", source), ("rigid_warp", warped)):
        report[f"psnr_{name}"] = psnr(image, driving).mean()
        report[f"psnr_face_{name}"] = np.nanmean(psnr(image, driving, face))
        report[f"psnr_seen_face_{name}"] = np.nanmean(psnr(image, driving, face * seen))
        if turned.any():
            report[f"psnr_turns_over_15_{name}"] = psnr(image[turned], driving[turned]).mean()
    report |= expression_errors(truth["units"][who, at], of_driving, again)
    report |= pose_errors(truth["pose"][who, at], of_driving, again)
    shown = {"source": source, "driving": driving, "drawn": drawn, "turn": turn, "who": who}
    return {name: round(float(value), 4) for name, value in report.items()}, shown


def expression_errors(
    units: Float[NDArray, "n 18"], of_driving: dict[str, NDArray], again: dict[str, NDArray]
) -> dict[str, float]:
    """Lids and lips read from the drawn image by M, against the truth and against M's reading of
    the driving image; mean absolute error as a share of the true range. `m_` is M's own error
    on the driving image: what of it is M's and not the drawing's."""
    read = {
        "truth": units,
        "m": units_from_expression(of_driving["delta"].reshape(len(units), -1)),
        "drawn": units_from_expression(again["delta"].reshape(len(units), -1)),
    }
    report = {}
    for name, function in (("lid", lid_closure), ("lip", mouth_openness)):
        value = {who: function(u) for who, u in read.items()}
        span = np.ptp(value["truth"])
        report[f"{name}_error"] = np.abs(value["drawn"] - value["truth"]).mean() / span
        report[f"{name}_error_to_m"] = np.abs(value["drawn"] - value["m"]).mean() / span
        report[f"m_{name}_error"] = np.abs(value["m"] - value["truth"]).mean() / span
        report[f"{name}_correlation"] = np.corrcoef(value["drawn"].flat, value["truth"].flat)[0, 1]
        # What always saying the mean would score.
        report[f"mean_{name}_error"] = np.abs(value["truth"] - value["truth"].mean()).mean() / span
    report["m_unit_error"] = np.abs(read["m"] - read["truth"]).mean()
    return {name: float(value) for name, value in report.items()}


def pose_errors(
    pose: Float[NDArray, "n 6"], of_driving: dict[str, NDArray], again: dict[str, NDArray]
) -> dict[str, float]:
    """Degrees: M on the driving images, and M on the drawn ones."""
    report = {}
    for i, name in enumerate(ANGLES):
        report[f"m_{name}_deg"] = float(np.abs(of_driving[name] - pose[:, i]).mean())
        report[f"{name}_deg"] = float(np.abs(again[name] - pose[:, i]).mean())
    return report


def contact_sheet(shown: dict[str, NDArray], picks: NDArray, columns: int = 4) -> NDArray:
    """Triples source | driving | drawn, `columns` to a row."""
    triples = [
        np.concatenate([shown[n][i] for n in ("source", "driving", "drawn")], 1) for i in picks
    ]
    gap = np.ones((triples[0].shape[0], 6, 3), np.float32)
    triples = [np.concatenate([t, gap], 1) for t in triples]
    rows = [
        np.concatenate(triples[r : r + columns], 1)
        for r in range(0, len(triples) - columns + 1, columns)
    ]
    return (np.clip(np.concatenate(rows), 0, 1) * 255 + 0.5).astype(np.uint8)


def save_sheets(shown: dict[str, NDArray], out: Path, rows: int = 6) -> None:
    """contact.png: one pair of as many people; turns.png: the pairs with the largest turns."""
    n = 4 * rows
    first = np.flatnonzero(np.diff(shown["who"], prepend=-1))  # each person's first pair
    spread = first + np.arange(len(first)) % 7
    for name, picks in (("contact", spread[:n]), ("turns", np.argsort(-shown["turn"])[:n])):
        cv2.imwrite(str(out / f"{name}.png"), contact_sheet(shown, picks)[..., ::-1])


def main(argv: list[str] | None = None) -> None:
    """Command line: evaluates a weights directory and writes the report."""
    parser = argparse.ArgumentParser(
        description="Report of a face space trained on synthetic faces."
    )
    parser.add_argument("weights")
    parser.add_argument("--pool", default="runs/pool/test")
    parser.add_argument("--out", default="report", help="a folder for the images")
    add_arguments(parser)
    options = parser.parse_args(argv)
    values, params, _ = load_weights(options.weights)
    config = renderer.config_from(values, f"{options.weights}/config.json")
    check_tree(params, renderer.shapes(config), options.weights)
    report, shown = evaluate(config, params, true_frames(options.pool))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    save_sheets(shown, out)
    show("face space", report)
    card = Path(options.weights) if options.card else None
    deliver({"face_space": report}, options.json, card)


if __name__ == "__main__":
    main()
