"""Training sets with speech features of any size, without a speech encoder's weights.

    playmate prepare drawn --out runs/drawn --seed 11 --identities 700 --size 64 \
        --set seconds=12 --set frames=1 --set voice=mix --set emotional=false
    python benchmarks/projected_features.py runs/drawn runs/drawn768 --size 768

A copy of a prepared data set whose features are the same ones times a fixed random matrix: a model
of full size trains on the shapes, the storage and the loading of wav2vec2's 768 numbers a frame,
and what it can learn is what the original features hold (log-mel: 96 numbers a frame). Not for
weights that anyone should use: no other features are like these.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from playmate_jax.data.record_source import Records, find_data_set, open_records, split_names
from playmate_jax.data.records import features_of
from playmate_jax.data.shards import (
    Record,
    ShardWriter,
    index_row,
    serialize,
    shard_name,
    write_checksums,
    write_metadata,
)
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.errors import UserError

KINDS = ("talking_clips", "drawn_faces")
PER_SHARD = 64


def projection(inputs: int, outputs: int, seed: int = 0) -> Float[np.ndarray, "i o"]:
    """A random matrix that keeps the scale of what it is applied to."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(np.float32)


def projected(records: Records, size: int) -> Iterator[dict[str, Any]]:
    """The records with features of `size` numbers a frame."""
    for number in range(len(records)):
        record = records[number]
        features = np.asarray(record["features"], np.float32)
        record["features"] = (features @ projection(features.shape[1], size)).astype(np.float16)
        yield record


def stored(features: Any, record: Mapping[str, Any]) -> Record:
    """A record that was read, as it is written."""
    scores = record["quality"]
    quality = {"score": list(scores), "value": [float(score) for score in scores.values()]}
    return Record(serialize(features, {**record, "quality": quality}), index_row(record))


def write(source: Path, out: Path, size: int) -> Path:
    """Writes the copy.

    Returns:
      its version folder.

    Raises:
      UserError: no finished data set at `source`, or something at `out` already.
    """
    folder = find_data_set(source, KINDS)
    if out.exists():
        raise UserError(f"expected a new folder, found {out}: give another, or remove it")
    kind = folder.parent.name
    target = out / kind / folder.name
    shards: dict[str, list] = {}
    statistics = {}
    for split in split_names(folder):
        records = open_records(folder, split, KINDS)
        image_size = records.features["frames"].feature.shape[0] if kind == "drawn_faces" else 256
        features = features_of(kind, size, image_size)
        count, parts = -(-len(records) // PER_SHARD), []
        shards[split], stream = [], projected(records, size)
        for number in range(count):
            path = target / shard_name(kind, split, number, count)
            with ShardWriter(path, kind, size, image_size) as writer:
                for _, record in zip(range(PER_SHARD), stream):
                    writer.append(stored(features, record))
                    found = (record[name] for name in ("motion", "features", "identity", "id"))
                    parts.append(SetStatistics.of_arrays(*found))
            shards[split].append(writer.shard)
            print(f"{path.name}", flush=True)
        statistics[split] = SetStatistics.merged(parts)
    write_metadata(target, kind, shards, size, image_size)
    (target / STATISTICS_FILE).write_text(statistics_text(statistics), "utf-8")
    write_checksums(target)
    return target


def main() -> None:
    """Command line: writes the copy and prints where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="a prepared data set")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--size", type=int, default=768, help="numbers a frame (768)")
    given = parser.parse_args()
    print(write(given.source, given.out, given.size))


if __name__ == "__main__":
    main()
