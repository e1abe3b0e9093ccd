"""What a pipeline reads: one prepared data set, several with weights, or records in memory.

    "data/mine"                            one folder
    "data/a:0.7,data/b:0.3"                as a text, for configurations
    {"data/a": 0.7, "data/b": 0.3}         7 of 10 examples from a
    ["data/a", "data/b"]                   as if they were one: by their sizes
    [{"motion": ..., ...}, ...]            records in memory, or anything that gives them by number

Of several data sets everything is normalised by their statistics merged, as if they were one data
set: weights change how often something is seen, not in which units.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from playmate_jax.data.record_source import Records, open_records, split_names
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.data.shards import CHECKSUMS
from playmate_jax.data.statistics import (
    STATISTICS_FILE,
    SetStatistics,
    read_statistics,
    statistics_text,
)
from playmate_jax.errors import UserError

Data = str | os.PathLike | Mapping[str, float] | Sequence[Any]


@dataclasses.dataclass(frozen=True)
class Part:
    """One data set of a mixture.

    Attributes:
      records: random access to dicts of arrays.
      index: columns "id", "frames", "pictures", "speaker" and "emotion", an entry a record.
      weight: share of the examples; None: by its size.
    """

    records: Any
    index: Mapping[str, Sequence[Any]]
    weight: float | None = None

    def fingerprint(self) -> str:
        """A hash of the content, the same wherever the data set is stored."""
        if isinstance(self.records, Records):
            content = (self.records.folder / CHECKSUMS).read_bytes() + self.records.split.encode()
        else:
            content = json.dumps({k: list(map(str, v)) for k, v in self.index.items()}).encode()
        return hashlib.sha256(content).hexdigest()[:16]


def open_mixture(data: Data, split: str, kinds: Iterable[str], fields: Sequence[str]) -> list[Part]:
    """The data sets that `data` names.

    Args:
      kinds: accepted kinds of data sets.
      fields: of the records that will be read.

    Raises:
      UserError: as `open_records`; weights that are not above zero.
    """
    weights = _named(data)
    if weights is None:
        records: Any = data
        if not len(records):
            raise UserError("expected records, found none: give some, or a prepared folder")
        return [Part(records, _index_of(records))]
    given = [weight for weight in weights.values() if weight is not None]
    if not weights or not all(0 < weight < math.inf for weight in given):
        raise UserError(f"expected data sets with weights above 0, found {data!r}")
    if len(given) not in (0, len(weights)):
        raise UserError(f"expected a weight for each data set or for none, found {data!r}")
    parts = []
    for folder, weight in weights.items():
        records = open_records(folder, split, kinds)
        records.fields = tuple(name for name in fields if name in records.features)
        parts.append(Part(records, records.index, weight))
    return parts


def mixture_statistics(parts: Sequence[Part]) -> SetStatistics:
    """Merged statistics of the "train" splits of all parts; measured where none are stored."""
    return SetStatistics.merged(_statistics(part) for part in parts)


def measured(records: Any, progress: bool = True) -> SetStatistics:
    """Statistics of records that came without, by reading all of them."""
    numbers = tqdm(range(len(records)), "measuring", disable=not progress, unit=" clips")
    found = (records[number] for number in numbers)
    return SetStatistics.merged(
        SetStatistics.of_arrays(r["motion"], r["features"], r["identity"], str(r.get("id", number)))
        for number, r in enumerate(found)
    )


def _statistics(part: Part) -> SetStatistics:
    if not isinstance(part.records, Records):
        return measured(part.records, progress=False)
    folder = part.records.folder
    if stored := read_statistics(folder).get("train"):
        return stored
    if "train" not in (splits := split_names(folder)):
        raise UserError(
            f"expected statistics of clips to train on, found {', '.join(splits)} alone in "
            f"'{folder}': give those of the training set (statistics=stage1(...).statistics)"
        )
    print(f"no statistics are stored in '{folder}': measuring its clips", file=sys.stderr)
    fields = ("motion", "features", "identity")
    found = measured(Records(folder, part.records.kind, "train", fields))
    with contextlib.suppress(OSError):  # a folder that cannot be written is measured every time
        part_file = folder / f".{STATISTICS_FILE}.{os.getpid()}.part"
        part_file.write_text(statistics_text({"train": found}), "utf-8")
        part_file.replace(folder / STATISTICS_FILE)
    return found


def _named(data: Any) -> dict[str | os.PathLike, float | None] | None:
    """Folder -> weight; None where `data` holds records itself."""
    if isinstance(data, Mapping):
        return dict(data)
    if isinstance(data, os.PathLike) or (isinstance(data, str) and Path(data).exists()):
        return {data: None}
    if isinstance(data, str):
        return dict(map(_folder_and_weight, data.split(",")))
    if len(data) and isinstance(data[0], str | os.PathLike):
        return dict.fromkeys(data)
    return None


def _folder_and_weight(text: str) -> tuple[str, float | None]:
    folder, colon, weight = text.strip().rpartition(":")
    try:
        return (folder, float(weight)) if colon else (text.strip(), None)
    except ValueError:
        return text.strip(), None


def _index_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list]:
    columns: dict[str, Callable[[int, Mapping[str, Any]], Any]] = {
        "id": lambda number, record: record.get("id", str(number)),
        "frames": lambda _, record: len(record["motion"]),
        "pictures": lambda _, record: len(record.get("frames", ())),
        "speaker": lambda number, record: record.get("speaker", str(number)),
        "emotion": lambda _, record: int(record.get("emotion", NO_EMOTION)),
    }
    rows = [[of(n, records[n]) for of in columns.values()] for n in range(len(records))]
    return dict(zip(columns, map(list, zip(*rows)), strict=True))
