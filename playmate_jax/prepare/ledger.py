"""What is known of a preparation: what was asked for, which clips it gave, and what was dropped.

prepare.json    the build_spec: data set, settings, digest of the sources, versions. Written first
dropped.jsonl   a `Dropped` a line
clips.jsonl     a clip a line, in the order of the records. Written last: where it is, all is
"""

import json
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any

import playmate_jax
from playmate_jax.configuration import differences
from playmate_jax.data.records import SPLITS, VERSION
from playmate_jax.data.shards import CHECKSUMS, Shard, write_checksums, write_metadata
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.errors import UserError
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.tasks import Job, Summary

BUILD_SPEC, CLIPS, DROPPED = "prepare.json", "clips.jsonl", "dropped.jsonl"
LISTED = f"{WORK}/listed.jsonl"  # what the reader of the data set dropped
# What decides on the bytes of a clip.
_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "av", "opencv-python", "tensorflow-datasets")


def versions() -> dict[str, str]:
    """Of this program, its records and the libraries that make them."""
    found = {"playmate-jax": playmate_jax.__version__, "records": VERSION}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # opencv comes under several names
            continue
    return found


def check_build_spec(output: Output, build_spec: dict[str, Any]) -> bool:
    """Whether the folder is a preparation of just this build_spec, begun or done; False: it is new.

    A build_spec of which nothing was made yet binds nobody: its settings may have been the mistake.

    Raises:
      UserError: it was made, or begun, with another build_spec, or holds something else.
    """
    text = output.read(BUILD_SPEC)
    if text is None:
        if names := [name for name in output.names() if name not in (WORK, DROPPED)]:
            raise UserError(
                f"expected a new or empty folder, found {output.root} with {', '.join(names[:3])}: "
                "give another --out"
            )
        return False
    try:
        before = json.loads(text)
    except ValueError:
        before = {}
    found = [f"~ {line}" for line in differences(before, build_spec)]
    # elsewhere than on a disk, where nothing is locked, another run may be about to begin
    if found and output.local and not set(output.names()) - {BUILD_SPEC, WORK, DROPPED}:
        return False
    if found:
        raise UserError(
            f"expected {output.root} to be of these settings, found it made with others: repeat "
            "those, or give another --out\n" + "\n".join(found)
        )
    return True


def is_complete(output: Output) -> bool:
    """Whether a preparation has come to its end."""
    return output.size(CLIPS) is not None


def finish(job: Job, summaries: Iterable[Summary]) -> None:
    """Puts together what the tasks did: explains the data sets, and lists clips and drops.

    Where no clip was kept, only the list of drops is left.
    """
    output = Output(job.out)
    order = {split: place for place, split in enumerate(SPLITS)}
    parts = sorted(summaries, key=lambda part: (order[part["split"]], part["number"]))
    clips = [line for part in parts for line in part["clips"]]
    dropped = [line for part in parts for line in part["dropped"]]
    listed = output.read(LISTED) or b""
    output.write(DROPPED, listed + lines(dropped))
    if not clips:
        output.clear(
            *job.kinds, BUILD_SPEC
        )  # in this order: without its build_spec a folder is refused
        return
    for kind in job.kinds:
        _explain(job, output, kind, parts)
    output.write(CLIPS, lines(clips))


def _explain(job: Job, output: Output, kind: str, parts: Sequence[Summary]) -> None:
    """Metadata, statistics and checksums of one data set; the last ones make it whole."""
    by_split = {split: [part for part in parts if part["split"] == split] for split in SPLITS}
    splits = {split: group for split, group in by_split.items() if any(p["clips"] for p in group)}
    statistics = {
        split: SetStatistics.merged(
            SetStatistics.from_json(part["statistics"]) for part in group if part["statistics"]
        )
        for split, group in splits.items()
    }
    home = f"{kind}/{VERSION}"
    with output.scratch() as scratch:
        shards = {
            split: [Shard(**part["shards"][kind]) for part in group]
            for split, group in splits.items()
        }
        write_metadata(scratch, kind, shards, job.speech_size, job.image_size)
        (scratch / STATISTICS_FILE).write_text(statistics_text(statistics), "utf-8")
        known = {
            part["files"][kind]: part["shards"][kind]["sha256"]
            for group in splits.values()
            for part in group
        }
        write_checksums(scratch, known)
        names = sorted(path.name for path in scratch.iterdir())
        for name in sorted(names, key=lambda name: name == CHECKSUMS):
            output.put(scratch / name, f"{home}/{name}")
    empty = [p for split, group in by_split.items() if split not in splits for p in group]
    output.clear(*(f"{home}/{part['files'][kind]}" for part in empty))


def lines(table: Iterable[dict[str, Any]]) -> bytes:
    """A JSON value a line; of names that are no text, the strange bytes are escaped."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in table)
    return text.encode("utf-8", "backslashreplace")


def read_lines(output: Output, name: str) -> list[dict[str, Any]]:
    """The lines of a file that `lines` made; none where there is no such file."""
    return [json.loads(line) for line in (output.read(name) or b"").splitlines()]
