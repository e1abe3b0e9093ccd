"""Throughput of the renderer of synthetic faces: 256 x 256 frames per second, encoded as JPEG.

    python benchmarks/synthetic_faces.py                   (half a minute)
    python benchmarks/synthetic_faces.py --clips 200 --json synthetic_faces.json

Every clip shows another person, whose mesh and texture are made before the first of its 24 images,
as in `playmate prepare drawn`. `drawing` renders the images only; `clips` makes whole clips, with 6
s of speech, motion and speech features. All cores are used; the start of the processes is not
counted. Frames per second of processor time, times the number of cores, is the throughput of a
machine without other work.
"""

import argparse
import functools
import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np

from playmate_jax.prepare.crops import jpeg
from playmate_jax.prepare.synthetic import SyntheticConfig, draw_motion
from playmate_jax.synthetic.clips import clip

CONFIG = SyntheticConfig()  # 24 images of 256 x 256 a clip


def draw_person(person: int, units: np.ndarray, motion: np.ndarray) -> tuple[int, float]:
    """Renders one person in all poses, encodes the images; returns bytes and processor seconds."""
    began = time.process_time()
    images = draw_motion(CONFIG.seed, person, units, motion, CONFIG.image_size)
    return sum(len(jpeg(image)) for image in images), time.process_time() - began


def make_clip(number: int) -> tuple[int, float]:
    """Makes one clip; returns the bytes of its images, and processor seconds."""
    began = time.process_time()
    (made,) = CONFIG.maker()(CONFIG.sources().sources[number])
    return sum(map(len, made.frames)), time.process_time() - began


def measure(clips: int, processes: int) -> dict[str, float]:
    """Rates and sizes of images alone, then of whole clips."""
    performed = clip(CONFIG.seed, 0, CONFIG.seconds, emotional=True)
    rows = np.linspace(0, len(performed["motion"]) - 1, CONFIG.frames).astype(int)
    drawing = functools.partial(
        draw_person, units=performed["units"][rows], motion=performed["motion"][rows]
    )
    frames = clips * CONFIG.frames
    figures: dict[str, float] = {"processes": processes, "clips": clips}
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for name, work in (("drawing", drawing), ("clips", make_clip)):
            pool.map(work, range(4 * processes), 1)  # compiles, or loads what was compiled
            began = time.perf_counter()
            sizes, cpu_s = np.transpose(pool.map(work, range(100, 100 + clips), 1))
            figures[f"{name}_frames_per_s"] = frames / (time.perf_counter() - began)
            figures[f"{name}_frames_per_cpu_s"] = frames / cpu_s.sum()
            figures[f"{name}_kb_a_frame"] = sizes.sum() / frames / 1e3
    figures["speech_s_per_s"] = figures["clips_frames_per_s"] / CONFIG.frames * CONFIG.seconds
    return figures


def main() -> None:
    """Command line: prints the results, and writes them as JSON on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=40, help="clips, each of another person (40)")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="rendering processes (one per core)",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args()
    figures = measure(given.clips, given.processes)
    for name, value in figures.items():
        print(f"{name:32s} {value:10.2f}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
