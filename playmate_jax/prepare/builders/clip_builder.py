"""The base of the three TFDS builders: the source of clips, and metadata of a finished folder.

A configuration either renders synthetic clips (`drawn`) or takes those that `playmate prepare` has
written under --manual_dir: several prepared folders become one, sharded anew. Any other
configuration can be given as JSON:

    --config '{"name": "tiny", "drawn": {"identities": 4, "hours": 0.01}}'
    --config '{"name": "prepared_log_mel", "speech_size": 96}'
"""

import collections
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from playmate_jax.data.record_source import Records, find_data_set, open_records, split_names
from playmate_jax.data.records import SPLITS, VERSION, Clip, features_of, record_of
from playmate_jax.data.shards import (
    CHECKSUMS,
    CITATION,
    COLUMNS,
    DESCRIPTIONS,
    HOMEPAGE,
    index_row,
    write_checksums,
    write_index,
)
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.errors import UserError
from playmate_jax.models.log_mel import LogMelConfig
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.synthetic import SyntheticConfig

Example = tuple[str, dict[str, Any]]  # its name and its record
CLIPS_A_SHARD = 128  # TFDS holds one shard in memory: at most 0.4 GB, of clips of 30 s

# 768 speech features a frame, as wav2vec2 has: the dimension of the paper's configuration.
STANDARD = SyntheticConfig(speech=LogMelConfig(bands=48, subframes=16))
SMALL = SyntheticConfig(identities=40, hours=1 / 30, seconds=3, frames=12)


@dataclasses.dataclass(eq=False)
class ClipConfig(tfds.core.BuilderConfig):
    """Where the clips of a data set come from.

    Attributes:
      drawn: the synthetic people, as a configuration or as its fields; None: prepared clips.
      speech_size, image_size: of prepared clips; those of synthetic clips follow from `drawn`.
    """

    drawn: SyntheticConfig | Mapping[str, Any] | None = None
    speech_size: int = 768
    image_size: int = 256

    def __post_init__(self):
        if isinstance(self.drawn, Mapping):
            speech = LogMelConfig(**self.drawn.get("speech", {}))
            self.drawn = SyntheticConfig(**{**self.drawn, "speech": speech})
        if self.drawn:
            self.speech_size, self.image_size = self.drawn.speech_size, self.drawn.image_size


DRAWN = ClipConfig(
    name="drawn",
    description="3000 synthetic people speak for 5 hours: made here, nothing is downloaded.",
    drawn=STANDARD,
)
PREPARED = ClipConfig(
    name="prepared",
    description="What `playmate prepare` wrote into folders under --manual_dir, joined.",
)


class ClipBuilder(  # type: ignore[call-arg]  # what TFDS's own __init_subclass__ takes
    tfds.core.ShardBasedBuilder, skip_registration=True
):
    """Writes clips as ArrayRecord; a subclass is named after the kind of its data set.

    It writes shard by shard: a builder whose clips TFDS shuffles needs TensorFlow above 1 GB.
    """

    VERSION = tfds.core.Version(VERSION)
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The configuration `prepared` joins what `playmate prepare ... --out DIR` has written: "
        "give DIR, or a folder of several, as --manual_dir."
    )

    url_infos = None  # nothing is downloaded, so TFDS need not look for checksums of it

    def __init__(self, *, file_format: Any = "array_record", **kwargs: Any):
        super().__init__(file_format=file_format, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return tfds.core.DatasetInfo(
            builder=self,
            description=DESCRIPTIONS[self.name],
            features=features_of(self.name, config.speech_size, config.image_size),
            homepage=HOMEPAGE,
            citation=CITATION,
        )

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, list[Callable[[], Iterator[Example]]]]:
        if drawn := self.builder_config.drawn:
            sources = drawn.sources().sources
            parts = {split: [s for s in sources if s.split == split] for split in SPLITS}
            return {name: _shards(self._draw, part) for name, part in parts.items() if part}
        found = find_prepared(Path(dl_manager.manual_dir), self.name)
        for records in (records for parts in found.values() for records in parts):
            check_sizes(records, self.builder_config)
        every = {
            split: [(records, number) for records in parts for number in range(len(records))]
            for split, parts in found.items()
        }
        return {split: _shards(_read, numbered) for split, numbered in every.items()}

    def _draw(self, sources: Sequence[Source]) -> Iterator[Example]:
        images = self.name != "talking_clips"
        draw = functools.partial(_draw_one, self.builder_config.drawn, images)
        for clip in self._map(draw, sources):
            yield clip.id, record_of(self.name, clip)

    def download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """Builds the data set as TFDS does; then its index, statistics and checksums."""
        with _workers(os.cpu_count() if self.builder_config.drawn else 1) as self._map:
            super().download_and_prepare(*args, **kwargs)
        if not (self.data_path / CHECKSUMS).exists():
            complete(Path(self.data_path), self.name, list(self.info.splits))


def _shards(
    make: Callable[[Sequence[Any]], Iterator[Example]], items: Sequence[Any]
) -> list[Callable[[], Iterator[Example]]]:
    """A function for each shard that gives its examples."""
    parts = [items[i : i + CLIPS_A_SHARD] for i in range(0, len(items), CLIPS_A_SHARD)]
    return [functools.partial(make, part) for part in parts]


def _read(numbered: Sequence[tuple[Records, int]]) -> Iterator[Example]:
    for records, number in numbered:
        record = records[number]
        scores = record["quality"]
        record["quality"] = {"score": [*scores], "value": [*scores.values()]}
        yield record["id"], record


@contextlib.contextmanager
def _workers(count: int | None) -> Iterator[Callable[..., Iterator]]:
    """A `map` that keeps the order of its results and uses `count` processes."""
    if (count or 1) == 1:
        yield map
        return
    # Fresh processes: forked ones would share the threads of anyone who builds.
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield pool.imap


def _draw_one(config: SyntheticConfig, images: bool, source: Source) -> Clip:
    (clip,) = config.maker(images)(source)
    assert isinstance(clip, Clip)
    return clip


def find_prepared(folder: Path, kind: str) -> dict[str, list[Records]]:
    """The records of every prepared data set of `kind` at or under `folder`, by split.

    Raises:
      UserError: there is none, one is unfinished, or a clip is in two of them.
    """
    infos = sorted(folder.rglob(f"{kind}/{VERSION}/dataset_info.json"))
    homes = [info.parent for info in infos] or [folder]
    homes = [find_data_set(home, [kind]) for home in homes]
    found: dict[str, list[Records]] = {}
    for home in homes:
        for split in split_names(home):
            found.setdefault(split, []).append(open_records(home, split, [kind]))
    names = [name for parts in found.values() for part in parts for name in part.index["id"]]
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        raise UserError(
            f"expected every clip once, found '{twice[0]}' in several data sets of '{folder}': "
            "give folders that were prepared from different sources"
        )
    return found


def check_sizes(records: Records, config: ClipConfig) -> None:
    """Raises a UserError where prepared clips have other sizes than the configuration."""
    sizes = {}
    if "features" in records.features:
        sizes["speech_size"] = records.features["features"].shape[1]
    if "frames" in records.features:
        sizes["image_size"] = records.features["frames"].shape[1]
    for name, size in sizes.items():
        if size != getattr(config, name):
            right = json.dumps({"name": f"prepared_{size}", **sizes})
            raise UserError(
                f"expected clips with the {name} {getattr(config, name)}, found {size} in "
                f"'{records.folder}': give --config '{right}'"
            )


def complete(folder: Path, kind: str, splits: Iterable[str]) -> None:
    """Adds index, statistics and checksums to a folder that TFDS has built, as `prepare` does."""
    index: dict[str, list[dict[str, list]]] = {}
    statistics: dict[str, SetStatistics] = {}
    for split in splits:
        records = Records(folder, kind, split, None)
        rows = []
        for record in map(records.__getitem__, range(len(records))):
            rows.append(index_row(record))
            if "features" in record:
                arrays = record["motion"], record["features"], record["identity"], record["id"]
                part = SetStatistics.of_arrays(*arrays)
                statistics[split] = statistics[split].merge(part) if split in statistics else part
        columns = [list(column) for column in zip(*rows, strict=True)]
        index[split] = [dict(zip(COLUMNS, columns, strict=True))]
    write_index(folder, index)
    if statistics:
        (folder / STATISTICS_FILE).write_text(statistics_text(statistics), "utf-8")
    write_checksums(folder)
