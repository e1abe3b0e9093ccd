"""How well a face space redraws frames of its own people that training was not shown.

    playmate prepare folder ~/videos --out runs/real --size 256 --set frames_per_clip=64 \\
        --set shortest_s=1 --set longest_s=4
    python benchmarks/held_back_frames.py runs/real --out runs/held_back
    python benchmarks/held_back_frames.py runs/real --out runs/tuned --set steps=600 \\
        --set start=benchmarks/tiny_face_space

The last quarter of every clip's images is held back; the configuration is trained on the others.
Then the first image of each clip is driven by those that were held back. Printed are PSNR of the
drawn frames and of the copied source, before the first step and at the end, and the first and last
losses; OUT/sheet.png shows source, driving and drawn frame. The same command goes on where it was
stopped.
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import jax
import numpy as np

from playmate_jax.configuration import with_overrides
from playmate_jax.data.frame_pairs import FIELDS, KINDS, PairBatch, pair_of
from playmate_jax.data.record_source import open_records
from playmate_jax.data.shared_batches import stacked
from playmate_jax.geometry.keypoints import equation_1
from playmate_jax.models import renderer
from playmate_jax.parallel.compilation import keep_compiled_programs
from playmate_jax.training import load_config, train
from playmate_jax.training.portrait_augmentation import pairs_of
from playmate_jax.training.portrait_evaluation import reconstruction
from playmate_jax.training.portrait_start import Start, drawn_side
from playmate_jax.training.portrait_terms import motion_of
from playmate_jax.training.portraits import PortraitsConfig, averaged, portraits_stage
from playmate_jax.training.run_log import rows_of
from playmate_jax.training.update import keys

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "tiny_face_space.py"
HELD_BACK = 4  # the last of as many parts of a clip
A_CLIP = 8  # of the frames held back, evenly spread, that are drawn
Record = dict[str, Any]


class Chosen:
    """Stands in for a generator of random numbers: `pair_of` takes these two images."""

    def __init__(self, source: int, driving: int, count: int):
        self._numbers = iter((source, (driving - source) % count))

    def integers(self, *_: int) -> int:
        """The next of the two."""
        return next(self._numbers)


def shown(record: Record) -> Record:
    """The record without the images that are held back."""
    count = len(record["frames"])
    kept = count - count // HELD_BACK
    own = {n: record[n][:kept] for n in ("frames", "rows", "motion", "landmarks")}
    return record | own


def pairs_held_back(records: list[Record]) -> PairBatch:
    """Of every clip its first image with some of those held back."""
    pairs = []
    for record in records:
        count = len(record["frames"])
        first = count - count // HELD_BACK
        for n in np.linspace(first, count - 1, A_CLIP).round().astype(int):
            pairs.append(pair_of(record, Chosen(0, int(n), count)))  # type: ignore[arg-type]
    found: Any = stacked(pairs)
    return found


def sheet(config: PortraitsConfig, params: Any, batch: PairBatch) -> np.ndarray:
    """Source, driving and drawn frame of every clip's last pair, a row each."""
    sizes, side = config.renderer, drawn_side(config.renderer)
    last: Any = {name: np.asarray(value)[A_CLIP - 1 :: A_CLIP] for name, value in batch.items()}
    pairs = pairs_of(last, None, sizes.image_size, side)

    @jax.jit
    def draw(params: Any) -> Any:
        images = (pairs.source, pairs.driving)
        own, driving = (motion_of(renderer.extract_motion(sizes, params, x)) for x in images)
        x_s, x_d = equation_1(*own), equation_1(own[0], driving[1])
        return renderer.decode(
            sizes, params, renderer.encode(sizes, params, pairs.source), x_s, x_d
        )

    large = lambda x: jax.image.resize(x, (len(x), 128, 128, 3), "linear")  # noqa: E731
    columns = [np.asarray(large(x)) for x in (pairs.source, pairs.driving, draw(params))]
    return np.concatenate(np.concatenate(columns, 2), 0)


def main() -> None:
    """Trains on what is not held back, draws what is, and prints the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="prepared frames of at least two people")
    parser.add_argument("--out", type=Path, required=True, help="the run, figures and the sheet")
    parser.add_argument("--config", type=Path, default=CONFIG, help="default: tiny_face_space")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    options = parser.parse_args()
    keep_compiled_programs()
    overrides = dict(text.split("=", 1) for text in options.set)
    config = with_overrides(load_config(options.config), overrides)
    sizes = Start.of(config.start).renderer if config.start else config.renderer
    config = dataclasses.replace(config, eval_pairs=0, renderer=sizes)
    found = open_records(options.data, "train", KINDS)
    found.fields = FIELDS + ("speaker",)
    records = [found[n] for n in range(len(found))]
    stage = portraits_stage(config, [shown(record) for record in records])
    held_back = pairs_held_back(records)
    figures = reconstruction(sizes, held_back, drawn_side(sizes))
    first = jax.jit(stage.init)(keys(config.seed)[0])
    before = figures(averaged(first), lambda: None)
    done = train(stage, options.out, config.steps, seed=config.seed, loop=config.loop)
    if done.interrupted:
        raise SystemExit(130)
    params = averaged(done.state)
    after = figures(params, lambda: None)
    losses = [row["loss"] for row in rows_of(options.out / "metrics.jsonl") if "loss" in row]
    report = {
        "held_back": len(held_back["source"]), "before": before, "after": after,
        "gain_db": after["psnr"] - after["copy_psnr"], "loss": [losses[0], losses[-1]],
    }  # fmt: skip
    (options.out / "held_back.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    picture = sheet(config, params, held_back)[..., ::-1]
    cv2.imwrite(str(options.out / "sheet.png"), np.clip(255 * picture, 0, 255).astype(np.uint8))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
