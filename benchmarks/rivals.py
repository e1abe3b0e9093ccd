"""Ours, JoyVASA's generator and the trivial baselines under one protocol, in one table.

    python benchmarks/rivals.py --out runs/rivals
    python benchmarks/rivals.py --out runs/rivals --generator ours=demo joyvasa=joyvasa

Synthetic speakers in no training set are drawn with their speech; every system gets their first
frame and their sound, and is compared with what they really did: `playmate evaluate --animate` with
`--baseline` and `--loudness`, on the demo's renderer. Where no generators are given they are the
demo's ("ours") and JoyVASA's networks at demo size with synthetic weights, which nobody has
trained: that row says what the protocol gives to motion that knows nothing of the speech, and
nothing of JoyVASA. Speakers that are there are kept, and so is what was made and measured: the same
command goes on where it was stopped.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.cli import run
from playmate_jax.configuration import to_values
from playmate_jax.hub.weights import save_weights
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.media import VideoWriter
from playmate_jax.models import joyvasa, wav2vec2
from playmate_jax.models.joyvasa import DenoiserConfig, JoyvasaConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import FPS
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.synthetic.clips import clip, pose_of
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity

SEED, SIZE = 1007, 192  # speakers that nothing is trained on; side of their images
METRICS = ("demo-sync", "jaw", "silence", "landmarks", "psnr", "head", "blinks", "jump")
DEMO_SIZE = JoyvasaConfig(
    DenoiserConfig(width=64, layers=2, heads=4, window=WindowConfig(), n_diffusion_steps=20),
    Wav2Vec2Config(
        channels=(16,) * 7, width=32, layers=2, heads=4, feed_forward=64, position_kernel=16,
        position_groups=4,
    ),
)  # fmt: skip
# Spread of each part of the synthetic statistics: a face that moves about as much as ours.
EXPRESSION_STD, TURN_DEG = 0.01, 6.0


def main(argv: list[str] | None = None) -> int:
    """Command line: draws speakers, then makes and measures all systems; the exit code."""
    parser = argparse.ArgumentParser(description="Compare generators under one protocol.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--generator", nargs="+", help="as of playmate evaluate --animate")
    parser.add_argument("--face-models", help="folder of the face model files")
    args = parser.parse_args(argv)
    table = write_speakers(args.out / "speakers", args.clips, args.seconds)
    generators = args.generator
    if not generators:
        synthetic = write_joyvasa(args.out / "joyvasa (synthetic weights)")
        generators = ["ours=demo", str(synthetic)]
    command = ["evaluate", "--animate", str(table), "--generator", *generators]
    command += ["--baseline", "--loudness", "--protocol", "whole-256", "--metrics", *METRICS]
    command += ["--out", str(args.out / "report")]
    return run([*command, *(["--face-models", args.face_models] if args.face_models else [])])


def write_speakers(folder: Path, clips: int, seconds: float) -> Path:
    """Draws speakers with their speech, and a table that names each as its own reference; its
    path."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"speaker {index}.mp4" for index in range(clips)]
    for index, name in enumerate(names):
        if not (folder / name).exists():
            write_speaker(folder / name, index, seconds)
    table = folder / "table.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["reference"], *([name] for name in names)])
    return table


def write_speaker(path: Path, index: int, seconds: float) -> None:
    """One speaker: without emotion, in a formant voice that no training set has."""
    made = clip(SEED, index, seconds, "formant")
    pose = pose_of(made["motion"])
    images = draw(sample_identity(SEED, index), made["units"], pose, SIZE)
    part = path.with_name(f".{path.name}")
    with VideoWriter(part, FPS, (SIZE, SIZE), made["audio"]) as out:
        for image in images:
            out.write(image)
    part.rename(path)


def write_joyvasa(folder: Path, config: JoyvasaConfig = DEMO_SIZE) -> Path:
    """JoyVASA's generator with random numbers as weights, and statistics of a calm head; its
    folder."""
    rng = np.random.default_rng(0)
    statistics = {name: np.zeros(n, np.float32) for name, n in STATISTICS.items()}
    statistics["expression_std"] += EXPRESSION_STD
    for name, sign in (("pose_low", -1), ("pose_high", 1)):
        statistics[name] += np.array([1 + 0.03 * sign, 0, 0, 0, *[sign * TURN_DEG] * 3], np.float32)
    params = {
        "encoder": random_tree(wav2vec2.shapes(config.encoder), rng),
        "motion": random_tree(joyvasa.shapes(config.denoiser, config.encoder.width), rng),
        "statistics": statistics,
    }
    card = {
        "name": folder.name,
        "title": "JoyVASA's generator at demo size with synthetic weights: not trained",
        "domain": "drawn",
    }
    values = {"kind": "joyvasa", **to_values(config)}
    save_weights(folder / "generator", values, params, card)
    return folder


def random_tree(shapes: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Random parameters of a tree of shapes that keep activations of order one."""
    found = {}
    for name, leaf in flatten_dict(dict(shapes)).items():
        if name[-1] in ("scale", "var"):
            value = np.ones(leaf.shape)
        elif len(leaf.shape) < 2:  # noqa: PLR2004
            value = np.zeros(leaf.shape)
        else:
            value = rng.normal(0, 1 / np.sqrt(np.prod(leaf.shape[:-1])), leaf.shape)
        found[name] = value.astype(np.float32)
    return unflatten_dict(found)


if __name__ == "__main__":
    raise SystemExit(main())
