"""Reading data sets: records by number, as NumPy, for Grain and for people.

    records = open_records("data/mine", "train", kinds=("talking_clips", "drawn_faces"))
    records[0]["motion"]                       # (t, 70)
    open_records("data/mine", fields=("motion", "emotion"))    # parses nothing else

Text is str, labels are int, `quality` is a dict of scores, `frames` a list of undecoded JPEG files.
Arrays are views of the record's bytes: read-only.
"""

import functools
import json
import operator
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from playmate_jax.data.records import DATA_SETS, SPLITS, VERSION
from playmate_jax.data.shards import CHECKSUMS, INDEX, shard_name
from playmate_jax.errors import UserError


class Records:
    """The records of one split, by number; cheap to pickle into worker processes.

    Attributes:
      folder: the version folder that is read.
      kind: "talking_clips", "portrait_pairs" or "drawn_faces".
      split: which split.
      index: its columns of index.json, one entry a record: "id", "frames", "pictures", "speaker",
        "emotion".
    """

    def __init__(self, folder: Path, kind: str, split: str, fields: tuple[str, ...] | None):
        self.folder, self.kind, self.split, self.fields = folder, kind, split, fields
        infos = json.loads((folder / "dataset_info.json").read_text("utf-8"))["splits"]
        (found,) = (info for info in infos if info["name"] == split)
        self._lengths = [int(length) for length in found["shardLengths"]]

    @functools.cached_property
    def index(self) -> dict[str, list]:
        """Columns of index.json of this split, one entry a record."""
        return json.loads((self.folder / INDEX).read_text("utf-8"))[self.split]

    @functools.cached_property
    def features(self):
        """The TFDS features of the data set."""
        from tensorflow_datasets.core.features import FeatureConnector

        return FeatureConnector.from_config(str(self.folder))

    def __len__(self) -> int:
        return sum(self._lengths)

    def __getitem__(self, number: SupportsIndex) -> dict[str, Any]:
        """One record; as in a list, -1 is the last one."""
        number = operator.index(number)
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(f"record {number} of {len(self)} in {self.folder}")
        return self.parse(self._source[number])

    def parse(self, data: bytes) -> dict[str, Any]:
        """A record from its bytes."""
        record = self._reading.deserialize_example_np(data)
        for name in self._texts:
            record[name] = record[name].decode()
        if "quality" in record:
            scores, values = record["quality"]["score"], record["quality"]["value"]
            record["quality"] = {s.decode(): float(v) for s, v in zip(scores, values, strict=True)}
        return record

    def shards(self) -> dict[Path, int]:
        """The files that hold records, and how many each."""
        count = len(self._lengths)
        names = [shard_name(self.kind, self.split, i, count) for i in range(count)]
        return {self.folder / name: n for name, n in zip(names, self._lengths, strict=True) if n}

    @functools.cached_property
    def _source(self):
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        # With their lengths given, shards are opened only when they are read.
        return ArrayRecordDataSource([f"{path}[0:{n}]" for path, n in self.shards().items()])

    @functools.cached_property
    def _reading(self):
        """The features that are asked for; images stay encoded, as they are on disk."""
        from tensorflow_datasets.core import features as tfds

        asked = {name: self.features[name] for name in self.fields or self.features}
        if "frames" in asked:
            asked["frames"] = tfds.Sequence(tfds.Text())
        return tfds.FeaturesDict(asked)

    @functools.cached_property
    def _texts(self) -> list[str]:
        from tensorflow_datasets.core import features as tfds

        return [name for name, f in self._reading.items() if isinstance(f, tfds.Text)]

    def __repr__(self) -> str:
        return f"Records({str(self.folder)!r}, {self.kind!r}, {self.split!r}, {self.fields})"

    def __getstate__(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in ("folder", "kind", "split", "fields", "_lengths")}


def open_records(
    folder: str | os.PathLike,
    split: str = "train",
    kinds: Iterable[str] = DATA_SETS,
    fields: Sequence[str] | None = None,
) -> Records:
    """The records of one split of a data set.

    Args:
      folder: a version folder, or a folder that holds one of `kinds` (as `playmate prepare` and
        `tfds build` write them).
      fields: which fields to parse; None: all.

    Raises:
      UserError: no such data set, an unfinished one, one of another version or with shards
        missing; no such split.
    """
    folder = find_data_set(folder, kinds)
    splits = split_names(folder)
    if split not in splits:
        has = f"one with {', '.join(splits)}" if splits else "an empty one"
        known = "" if split in SPLITS else f" out of {', '.join(SPLITS)}"
        raise UserError(
            f"expected a data set with the split '{split}'{known}, found {has} in '{folder}': "
            "read another split, or prepare more clips"
        )
    kind, _ = _read_identity(folder / "dataset_info.json")
    records = Records(folder, kind, split, tuple(fields) if fields else None)
    if missing := [path.name for path in records.shards() if not path.is_file()]:
        raise UserError(
            f"expected {len(records.shards())} shards of '{split}' in '{folder}', found "
            f"{len(missing)} missing, like {missing[0]}: copy the whole folder, or prepare it again"
        )
    return records


def split_names(folder: Path) -> list[str]:
    """The splits of a version folder that have records."""
    info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
    return [split["name"] for split in info.get("splits", ())]


def find_data_set(folder: str | os.PathLike, kinds: Iterable[str] = DATA_SETS) -> Path:
    """The one version folder of `kinds` at or under `folder`; raises as `open_records`."""
    folder, kinds = Path(folder), tuple(kinds)
    wanted = " or ".join(kinds)
    found = {info.parent: _read_identity(info) for info in _infos(folder)}
    of_kind = {path: identity for path, identity in found.items() if identity[0] in (*kinds, "?")}
    if not of_kind:
        others = {f"{name} alone" for name, _ in found.values()} or {"none"}
        raise UserError(
            f"expected a prepared data set ({wanted}), found {', '.join(sorted(others))} in "
            f"'{folder}': make one with `playmate prepare`, or let a broken-off run of it go on"
        )
    right = [path for path, (_, version) in of_kind.items() if version == VERSION]
    if not right:
        names = ", ".join(f"{name} {version}" for name, version in of_kind.values())
        raise UserError(
            f"expected {wanted} of version {VERSION}, found {names} in '{folder}': prepare it "
            "again with this version of playmate_jax"
        )
    if len(right) > 1:
        names = ", ".join(f"'{path}'" for path in right)
        raise UserError(f"expected one data set ({wanted}), found {names}: give one of them")
    missing = [name for name in (CHECKSUMS, INDEX) if not (right[0] / name).is_file()]
    if missing:
        raise UserError(
            f"expected a finished data set, found '{right[0]}' without {' and '.join(missing)}: "
            "run `playmate prepare` again, it goes on where it stopped"
        )
    return right[0]


def has_data_set(folder: str | os.PathLike) -> bool:
    """Whether a folder holds a data set of any kind, usable or not."""
    return bool(_infos(Path(folder)))


def _infos(folder: Path) -> list[Path]:
    depths = ("", "*/", "*/*/", "*/*/*/")  # version, kind, tfds's configuration
    return [info for at in depths for info in sorted(folder.glob(f"{at}dataset_info.json"))]


def _read_identity(path: Path) -> tuple[str, str]:
    """Name and version in a dataset_info.json, "?" where it is no such thing."""
    try:
        info = json.loads(path.read_text("utf-8"))
        return str(info["name"]), str(info["version"])
    except (ValueError, KeyError, TypeError):
        return "?", "?"
