"""Writing data sets: shards of records, and what explains a folder of them to TFDS and to people.

A folder DIR/talking_clips/1.0.0 holds

    talking_clips-train.array_record-00000-of-00007   records, readable at random (ArrayRecord)
    dataset_info.json features.json *.labels.txt      what TFDS needs to read them
    index.json                                        of each split, in the order of its records:
                                                      "id", "frames" (25 Hz rows of motion),
                                                      "pictures", "speaker", "emotion"
    statistics.json                                   moments for normalisation (statistics.py)
    SHA256SUMS                                        for `sha256sum -c SHA256SUMS`; written last,
                                                      so a folder that has it is whole

The same clips in the same order give the same bytes. Records are not compressed again: sound,
motion and features would shrink by 5 to 20 %, images not, and reading would take four times as
long.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playmate_jax.data.records import VERSION, Clip, features_of, record_of

CHECKSUMS = "SHA256SUMS"
INDEX = "index.json"
COLUMNS = ("id", "frames", "pictures", "speaker", "emotion")
_OPTIONS = "group_size:1,uncompressed"  # one record at a time can be read

HOMEPAGE = "https://playmate.github.io"
CITATION = """@inproceedings{ma2025playmate,
  title={Playmate: Flexible Control of Portrait Animation via 3D-Implicit Space Guided Diffusion},
  author={Ma, Xingpei and Cai, Jiaran and Guan, Yuansheng and Huang, Shenneng and Zhang, Qiang and
    Zhang, Shunsi},
  booktitle={International Conference on Machine Learning},
  year={2025}
}"""
DESCRIPTIONS = {
    "talking_clips": "One person speaking for 3 to 30 s: sound, motion at 25 fps, cached speech "
    "features, emotion. For the stages that learn motion from speech.",
    "portrait_pairs": "Frames of one person's face with their motion and landmarks. For the face "
    "space: pairs of frames of one clip, and drivers of another identity.",
    "drawn_faces": "Procedurally rendered talking faces with ground truth: a clip's sound, "
    "motion, features and frames, its phonemes and action units. Free of licences, of any size; "
    "the standard set for throughput experiments.",
}


@dataclasses.dataclass(frozen=True)
class Shard:
    """What is known of a finished shard without opening it; made of plain values, for JSON.

    Attributes:
      num_bytes: of its records.
      sha256: of the file.
      index: its part of the columns of index.json.
    """

    num_bytes: int
    sha256: str
    index: dict[str, list]

    @property
    def records(self) -> int:
        """How many records it holds."""
        return len(self.index["id"])


@dataclasses.dataclass(frozen=True)
class Record:
    """A clip as it is written.

    Attributes:
      data: the record.
      row: its row of index.json, in the order of `COLUMNS`.
    """

    data: bytes
    row: tuple[str, int, int, str, int]


class ShardWriter:
    """Writes one shard under a temporary name, which takes its own when the block ends well.

    with ShardWriter(path, "talking_clips") as writer:
        writer.write(clip)
    writer.shard  # what it came to
    """

    shard: Shard

    def __init__(
        self, path: str | os.PathLike, kind: str, speech_size: int = 768, image_size: int = 256
    ):
        self.path, self.kind = Path(path), kind
        self._features = features_of(kind, speech_size, image_size)
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._index: dict[str, list] = {name: [] for name in COLUMNS}
        self._bytes = 0

    def __enter__(self) -> "ShardWriter":
        from array_record.python.array_record_module import ArrayRecordWriter

        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = ArrayRecordWriter(str(self._part), _OPTIONS)
        return self

    def write(self, clip: Clip) -> None:
        """Appends the record of a clip to the shard."""
        self.append(encode(self.kind, self._features, clip))

    def append(self, record: "Record") -> None:
        """Appends a clip that was encoded elsewhere."""
        self._file.write(record.data)
        self._bytes += len(record.data)
        for name, value in zip(COLUMNS, record.row, strict=True):
            self._index[name].append(value)

    def __exit__(self, kind, error, trace) -> None:
        try:
            self._file.close()
            if error is None:
                self.shard = Shard(self._bytes, sha256(self._part), self._index)
                self._part.replace(self.path)
        finally:
            self._part.unlink(missing_ok=True)


def encode(kind: str, features: Any, clip: Clip) -> Record:
    """A clip as a record of one kind of data set; `features` are those of `features_of`."""
    record = record_of(kind, clip)
    return Record(serialize(features, record), index_row(record))


def index_row(record: Mapping[str, Any]) -> tuple[str, int, int, str, int]:
    """A record's row of index.json, in the order of `COLUMNS`."""
    images = len(record.get("frames", ()))
    return record["id"], len(record["motion"]), images, record["speaker"], record["emotion"]


def serialize(features: Any, record: Mapping[str, Any]) -> bytes:
    """A record as the bytes of a `tf.train.Example`, always in the same order."""
    encoded = features.encode_example(record)
    # TFDS's own way to write them leaves the order of the fields open.
    example = features._example_serializer.get_tf_example(encoded)
    return example.SerializeToString(deterministic=True)


def sha256(path: str | os.PathLike) -> str:
    """The checksum of a file, as `sha256sum` prints it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shard_name(kind: str, split: str, number: int, count: int) -> str:
    """The file name of shard `number` of `count`."""
    return f"{kind}-{split}.array_record-{number:05d}-of-{count:05d}"


def write_metadata(
    folder: str | os.PathLike,
    kind: str,
    splits: Mapping[str, Sequence[Shard]],
    speech_size: int = 768,
    image_size: int = 256,
) -> None:
    """Writes what TFDS needs to read a folder of shards, and index.json.

    A split without clips is left out: TFDS cannot open one.

    Args:
      splits: of each split its shards in the order of their numbers; empty ones count.
    """
    from tensorflow_datasets.core import dataset_info, naming
    from tensorflow_datasets.core.splits import SplitDict, SplitInfo
    from tensorflow_datasets.core.utils.version import Version

    folder = Path(folder)
    whole = {name: shards for name, shards in splits.items() if any(s.records for s in shards)}
    info = dataset_info.DatasetInfo(
        builder=dataset_info.DatasetIdentity(
            name=kind, version=Version(VERSION), data_dir=str(folder), module_name=""
        ),
        description=DESCRIPTIONS[kind],
        features=features_of(kind, speech_size, image_size),
        homepage=HOMEPAGE,
        citation=CITATION,
        disable_shuffling=True,
    )
    info.set_file_format("array_record")
    template = naming.ShardedFileTemplate(
        data_dir=folder, dataset_name=kind, filetype_suffix="array_record"
    )
    infos = [
        SplitInfo(
            name=name,
            shard_lengths=[shard.records for shard in shards],
            num_bytes=sum(shard.num_bytes for shard in shards),
            filename_template=template.replace(split=name),
        )
        for name, shards in whole.items()
    ]
    info.set_splits(SplitDict(infos))
    info.write_to_directory(folder)
    write_index(folder, {name: [s.index for s in shards] for name, shards in whole.items()})


def write_index(folder: str | os.PathLike, splits: Mapping[str, Iterable[dict[str, list]]]) -> None:
    """Writes index.json: the columns of a split's shards, joined."""
    index = {
        split: {name: sum((part[name] for part in parts), []) for name in COLUMNS}
        for split, parts in ((name, list(parts)) for name, parts in splits.items())
    }
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (Path(folder) / INDEX).write_text(text + "\n", "utf-8")


def write_checksums(folder: str | os.PathLike, known: Mapping[str, str] | None = None) -> None:
    """Writes SHA256SUMS over everything in the folder: the last step of making one.

    Args:
      known: file name -> checksum, of files that need not be read again, or lie elsewhere yet.
    """
    folder, known = Path(folder), known or {}
    names = sorted({*known, *(path.name for path in folder.iterdir() if path.is_file())})
    lines = [f"{known.get(n) or sha256(folder / n)}  {n}\n" for n in names if n != CHECKSUMS]
    part = folder / f".{CHECKSUMS}.part"
    part.write_text("".join(lines), "utf-8")
    part.replace(folder / CHECKSUMS)
