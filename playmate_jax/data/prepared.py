"""A prepared folder, as `playmate prepare` leaves it: data sets, and their settings."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from playmate_jax.data.record_source import Records, find_data_set, open_records, split_names
from playmate_jax.data.records import DATA_SETS, SPLITS
from playmate_jax.errors import UserError

BUILD_SPEC, CLIPS, DROPPED = "prepare.json", "clips.jsonl", "dropped.jsonl"


@dataclasses.dataclass(frozen=True)
class DataSet:
    """One data set of the folder.

    Attributes:
      num_bytes: of all its `files`.
      splits: the records of each split that has some.
    """

    name: str
    folder: Path
    files: int
    num_bytes: int
    splits: Mapping[str, Records]

    def __len__(self) -> int:
        return sum(map(len, self.splits.values()))

    def __getitem__(self, number: int) -> dict[str, Any]:
        """A record, counted split after split."""
        for records in self.splits.values():
            if number < len(records):
                return records[number]
            number -= len(records)
        raise IndexError(number)

    def column(self, name: str) -> list:
        """A column of index.json, split after split."""
        return [value for records in self.splits.values() for value in records.index[name]]

    def shards(self, split: str) -> list[tuple[Path, int]]:
        """The files of a split, each with the number of its records."""
        infos = json.loads((self.folder / "dataset_info.json").read_text("utf-8"))["splits"]
        (lengths,) = (info["shardLengths"] for info in infos if info["name"] == split)
        return list(zip(self.splits[split].shards(), map(int, lengths), strict=True))


def data_sets(folder: Path, whole: bool = True) -> list[DataSet]:
    """The data sets of a prepared folder.

    Args:
      whole: none of their shards may be missing.

    Raises:
      UserError: as `open_records`.
    """
    return [_data_set(folder, kind, whole) for kind in DATA_SETS if (folder / kind).is_dir()]


def _data_set(folder: Path, kind: str, whole: bool) -> DataSet:
    home = find_data_set(folder, (kind,))
    files = [path for path in home.iterdir() if path.is_file()]
    splits = {
        split: open_records(home, split) if whole else Records(home, kind, split, None)
        for split in sorted(split_names(home), key=SPLITS.index)
    }
    return DataSet(kind, home, len(files), sum(path.stat().st_size for path in files), splits)


def read_build_spec(folder: Path) -> dict[str, Any]:
    """prepare.json of a finished preparation; {} of one that kept no clip.

    Raises:
      UserError: there is none, or one that was broken off.
    """
    if (folder / BUILD_SPEC).is_file():
        if (folder / CLIPS).is_file():
            return json.loads((folder / BUILD_SPEC).read_text("utf-8"))
        raise UserError(
            f"expected a finished preparation, found one that was broken off in '{folder}': give "
            "the same 'playmate prepare' again, it goes on where it stopped"
        )
    if (folder / DROPPED).is_file():
        return {}
    raise UserError(
        f"expected a folder that 'playmate prepare' made, found no {BUILD_SPEC} in '{folder}': "
        "give the folder that was its --out"
    )


def speech_of(home: Path) -> str:
    """The speech encoder of a data set's features, as `playmate prepare --speech` takes it; ""
    where no prepare.json lies above its version folder."""
    try:
        build_spec = json.loads((home.parents[1] / BUILD_SPEC).read_text("utf-8"))
        speech = build_spec["settings"]["speech"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    # synthetic clips store the settings of their log-mel spectrogram in its place
    return "log_mel" if isinstance(speech, dict) else str(speech)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file that has one a line; none where there is no file."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if not isinstance(found, dict):
                raise UserError(
                    f"expected a JSON object a line, found none in line {number} of '{path}': "
                    "prepare the folder again"
                )
            yield found
