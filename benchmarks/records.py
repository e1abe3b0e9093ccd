"""Writes ten thousand clip records (two hours of speech) on all cores, reads and compares them.

    python benchmarks/records.py                          (half a minute on two cores)
    python benchmarks/records.py --records 1000 --json records.json

Each record is 0.72 s of noise in the shapes of the paper's stage 1: audio, 18 rows of motion, and
as many rows of 768 speech features. `write` covers everything from the noise to a complete data set
with index and checksums; `compare` opens it as training does, makes every clip again and compares
every array bit by bit; `read` is one core that reads records in random order. MB counts the
arrays.
"""

import argparse
import functools
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.data.record_source import open_records
from playmate_jax.data.records import VERSION, Clip, record_of
from playmate_jax.data.shards import Shard, ShardWriter, shard_name, write_checksums, write_metadata
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

KIND, SPLIT, SHARDS = "talking_clips", "train", 16
FRAMES = 18  # 0.72 s, so that 10,000 records are two hours
SAMPLES = SAMPLES_PER_FRAME * FRAMES


def make_clip(number: int) -> Clip:
    """Clip number `number`; every call returns the same."""
    rng = np.random.default_rng([0, number])
    return Clip(
        id=f"noise-{number:06d}",
        source=f"noise {number}",
        speaker=f"speaker-{number // 4:05d}",
        dataset="noise",
        split=SPLIT,
        audio=rng.integers(-3000, 3000, SAMPLES, np.int16),
        motion=rng.standard_normal((FRAMES, 70), np.float32),
        features=rng.standard_normal((FRAMES, 768), np.float32).astype(np.float16),
        identity=rng.standard_normal(63, np.float32),
        emotion=number % 9 - 1,
        intensity=(number % 5) / 4,
        quality={"sharpness": float(number), "face_px": 200.0},
    )


def numbers_of(shard: int, records: int) -> range:
    """The numbers of the clips in a shard."""
    return range(records * shard // SHARDS, records * (shard + 1) // SHARDS)


def write_shard(shard: int, folder: Path, records: int) -> Shard:
    """Writes one shard of records to `folder`."""
    path = folder / shard_name(KIND, SPLIT, shard, SHARDS)
    with ShardWriter(path, KIND) as writer:
        for number in numbers_of(shard, records):
            writer.write(make_clip(number))
    return writer.shard


def compare_shard(shard: int, folder: Path, records: int) -> int:
    """Compares the records of one shard with their clips; returns the number of records."""
    found = open_records(folder, SPLIT)
    for number in numbers_of(shard, records):
        check(found[number], record_of(KIND, make_clip(number)))
    return len(numbers_of(shard, records))


def check(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises AssertionError unless a record equals what was written, bit by bit."""
    assert found.keys() == wanted.keys()
    quality = wanted["quality"]
    scores = dict(zip(quality["score"], quality["value"], strict=True))
    for name, value in (wanted | {"quality": scores}).items():
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype, name
            np.testing.assert_array_equal(found[name], value, strict=True)
        else:
            assert found[name] == value, name


def measure(folder: Path, records: int, processes: int) -> dict[str, float]:
    """Seconds and rates of writing, comparing, and reading in random order."""
    home = folder / KIND / VERSION
    home.mkdir(parents=True)
    mb = sum(a.nbytes for a in record_of(KIND, make_clip(0)).values() if hasattr(a, "nbytes")) / 1e6

    def rates(name: str, count: int, began: float) -> dict[str, float]:
        seconds = time.perf_counter() - began
        rate = count / seconds
        return {f"{name}_s": seconds, f"{name}_records_per_s": rate, f"{name}_mb_per_s": mb * rate}

    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        began = time.perf_counter()
        shards = pool.map(
            functools.partial(write_shard, folder=home, records=records), range(SHARDS), 1
        )
        write_metadata(home, KIND, {SPLIT: shards})
        known = {shard_name(KIND, SPLIT, n, SHARDS): s.sha256 for n, s in enumerate(shards)}
        write_checksums(home, known)
        figures = {
            "records": records,
            "hours": records * FRAMES / 25 / 3600,
            "processes": processes,
        }
        figures |= rates("write", records, began)

        began = time.perf_counter()
        same = pool.map(
            functools.partial(compare_shard, folder=folder, records=records), range(SHARDS), 1
        )
        assert sum(same) == len(open_records(folder, SPLIT)) == records
        figures |= rates("compare", records, began)

    source = open_records(folder, SPLIT)
    order = np.random.default_rng(0).permutation(records)
    source[0]  # opens TFDS's reader
    began = time.perf_counter()
    for number in order:
        source[number]
    figures |= rates("read", records, began)
    figures["disk_mb"] = sum(path.stat().st_size for path in home.iterdir()) / 1e6
    return figures


def main() -> None:
    """Command line: prints the results, and writes them as JSON on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000, help="number of records (10000)")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="writing processes (one per core)",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), given.records, given.processes)
    for name, value in figures.items():
        print(f"{name:24s} {value:12.2f}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
