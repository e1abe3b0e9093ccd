"""`playmate data check`: is a prepared folder unchanged since it was made, and fit to train on?

Every file is read once for its checksum and every record once for its values. All problems are
reported, not only the first; of many faulty records, the first of each data set.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from playmate_jax.data.prepared import CLIPS, DataSet, data_sets, read_build_spec, read_lines
from playmate_jax.data.record_faults import faults_of
from playmate_jax.data.record_source import Records
from playmate_jax.data.shards import CHECKSUMS, sha256

NAMED = 10  # records with faults, of a data set
Progress = Callable[[str, int, int], None]


class Check(NamedTuple):
    """The result: a sentence for each problem, and one on what was checked."""

    problems: list[str]
    summary: str


def check_folder(
    folder: str | os.PathLike, progress: Progress = lambda phase, done, total: None
) -> Check:
    """Verifies checksums, counts, splits and every record of a prepared folder.

    Raises:
      UserError: it is no finished one.
    """
    folder = Path(folder)
    read_build_spec(folder)
    sets = data_sets(folder, whole=False)
    problems, damaged = [], set()
    for path, problem in _checksums(sets, progress):
        problems.append(problem)
        damaged.add(path)
    listed = [str(line.get("id")) for line in read_lines(folder / CLIPS)]
    for data in sets:
        problems += _counts(data, listed)
        problems += _splits(data)
    problems += _records(sets, damaged, progress)
    count = sum(map(len, sets))
    size = sum(data.num_bytes for data in sets) / 1e6
    names = " and ".join(data.name for data in sets) or "no data set"
    return Check(problems, f"{names}: {count:,} records, {size:,.1f} MB, nothing wrong")


def _checksums(sets: list[DataSet], progress: Progress) -> Iterator[tuple[Path, str]]:
    """Files that differ from SHA256SUMS: changed, missing or not listed."""
    total, done = sum(data.files - 1 for data in sets), 0  # all but SHA256SUMS
    for data in sets:
        lines = (data.folder / CHECKSUMS).read_text("utf-8").splitlines()
        wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        found = {path.name for path in data.folder.iterdir() if path.is_file()} - {CHECKSUMS}
        for name in sorted(found - set(wanted)):
            yield data.folder / name, f"{data.name}: '{name}' is not in {CHECKSUMS}"
        for name, digest in wanted.items():
            path = data.folder / name
            if name not in found:
                yield path, f"{data.name}: '{name}' is missing"
                continue
            if sha256(path) != digest:
                yield path, f"{data.name}: '{name}' is not what it was (its checksum differs)"
            progress("checksums", done := done + 1, total)


def _counts(data: DataSet, listed: list[str]) -> Iterator[str]:
    """Where dataset_info.json, index.json and clips.jsonl disagree on the records."""
    for split, records in data.splits.items():
        lengths = {name: len(column) for name, column in records.index.items()}
        if set(lengths.values()) != {len(records)}:
            lists = ", ".join(f"{count:,} of {name}" for name, count in lengths.items())
            yield (
                f"{data.name}: dataset_info.json counts {len(records):,} records in {split}, "
                f"index.json lists {lists}"
            )
    ids = data.column("id")
    if ids != listed:
        here, there = set(ids), set(listed)
        yield (
            f"{data.name}: index.json and clips.jsonl list different clips ({len(ids):,} and "
            f"{len(listed):,}; {len(here - there):,} and {len(there - here):,} in one alone)"
        )
    for name, times in Counter(ids).items():
        if times > 1:
            yield f"{data.name}: {times:,} records are called {name}"


def _splits(data: DataSet) -> Iterator[str]:
    homes: dict[str, set[str]] = defaultdict(set)
    for split, records in data.splits.items():
        for speaker in records.index["speaker"]:
            homes[speaker].add(split)
    for speaker, splits in sorted(homes.items()):
        if len(splits) > 1:
            yield f"{data.name}: speaker {speaker} is in {' and '.join(sorted(splits))}"


def _records(sets: list[DataSet], damaged: set[Path], progress: Progress) -> Iterator[str]:
    total, done = sum(map(len, sets)), 0
    for data in sets:
        named = 0
        for split, records in data.splits.items():
            whole = [(path not in damaged, count) for path, count in data.shards(split)]
            readable = [good for good, count in whole for _ in range(count)]
            if unread := readable.count(False):
                yield f"{data.name}: {unread:,} records of {split} were not read"
            for number, good in enumerate(readable):
                progress("records", done := done + 1, total)
                faults = _faults(records, number) if good else []
                named += bool(faults)
                if faults and named <= NAMED:
                    yield f"{data.name}: {records.index['id'][number]}: {'; '.join(faults)}"
        if named > NAMED:
            yield f"{data.name}: and {named - NAMED:,} more records with faults"


def _faults(records: Records, number: int) -> list[str]:
    try:
        record = records[number]
    except Exception as error:  # whatever a parser makes of damaged bytes
        return [f"it cannot be read ({type(error).__name__})"]
    return [*_strays(records.index, number, record), *faults_of(record)]


def _strays(index: dict[str, list], number: int, record: dict[str, Any]) -> Iterator[str]:
    """Where a record and its row of index.json disagree."""
    found = {
        "id": record["id"], "frames": len(record["motion"]), "speaker": record["speaker"],
        "emotion": int(record["emotion"]), "pictures": len(record.get("frames", ())),
    }  # fmt: skip
    for name, value in found.items():
        if index[name][number] != value:
            yield (
                f"its {name} is {json.dumps(value, ensure_ascii=False)}, and "
                f"{json.dumps(index[name][number], ensure_ascii=False)} in index.json"
            )
