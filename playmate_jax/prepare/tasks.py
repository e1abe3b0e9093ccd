"""The work of a preparation: one task at a time, and the end when all of them are done.

A task's sources become clips, its clips one shard of each data set, and a summary. The shards take
their names first and the summary last: a task whose summary exists, with shards of the sizes given
there, is complete and is not done again. What a summary says is enough for the end of the
preparation (`finish`), which opens no shard.
"""

import contextlib
import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from playmate_jax.data.prepared import BUILD_SPEC, CLIPS, DROPPED
from playmate_jax.data.records import SPLITS, VERSION, Clip, Dropped
from playmate_jax.data.shards import (
    CHECKSUMS,
    Shard,
    ShardWriter,
    shard_name,
    write_checksums,
    write_metadata,
)
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.prepare.ledger import LISTED, EncodedClip, dropped_line, lines, load_encoder
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Source, Task
from playmate_jax.prepare.worker import Limits
from playmate_jax.prepare.worker_pool import STAGE, WorkerPool

Summary = dict[str, Any]  # plain values, for JSON
MakeClips = Callable[[Source], Iterator[Clip | Dropped]]


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that a process needs to do tasks, on any machine.

    Attributes:
      out: the prepared folder.
      load_maker: returns what makes clips of a source, with its models loaded; found by an import
        of its name in worker processes.
      kinds: the data sets to write.
      speech_size, image_size: of the clips, as `data.records.features_of` takes them.
      workers: worker processes in each process of Beam's.
      limits: after how long a worker process counts as hung.
    """

    out: str
    load_maker: Callable[[], MakeClips]
    kinds: tuple[str, ...]
    speech_size: int
    image_size: int
    workers: int = 1
    limits: Limits = Limits()


def is_lost(line: dict[str, Any]) -> bool:
    """Whether a line of dropped.jsonl comes from a crash, a hang or an error, not from a rule."""
    return line["stage"] in (STAGE, "error")


class WorkerState:
    """What all threads of a process share for one job: its worker processes, and what they did.

    Attributes:
      pool: the worker processes.
      before, sources, clips, dropped, lost: counts for the progress bar; `before` of the sources
        were done by an earlier run.
    """

    _open: dict[str, "WorkerState"] = {}
    _guard = threading.Lock()

    def __init__(self, job: Job):
        encoder = functools.partial(load_encoder, job.kinds, job.speech_size, job.image_size)
        self.pool = WorkerPool(job.load_maker, encoder, job.workers, job.limits)
        self.before = self.sources = self.clips = self.dropped = self.lost = 0

    @classmethod
    def of(cls, job: Job) -> "WorkerState":
        """The one of this process, made at the first call."""
        with cls._guard:
            if job.out not in cls._open:
                cls._open[job.out] = cls(job)
            return cls._open[job.out]

    @classmethod
    def open(cls, job: Job) -> "WorkerState":
        """A new one, in place of an earlier one of this process."""
        with cls._guard:
            cls._open[job.out] = cls(job)
            return cls._open[job.out]

    def add(self, **counts: int) -> None:
        """Adds to the counts of these names, from any thread."""
        with self._guard:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


def do(job: Job, task: Task) -> Summary:
    """Does a task, unless it is done already.

    Raises:
      UserError: worker processes cannot start, or the disk is full.
    """
    output, state = Output(job.out), WorkerState.of(job)
    found = read_summary(output, task, job.kinds)
    if found is not None:
        state.add(
            before=len(task.sources), sources=len(task.sources), clips=len(found["clips"]),
            dropped=len(found["dropped"]), lost=sum(map(is_lost, found["dropped"])),
        )  # fmt: skip
        return found
    with state.pool.lend() as make:
        return _write(job, task, output, make, state)


def read_summary(output: Output, task: Task, kinds: tuple[str, ...]) -> Summary | None:
    """The summary of a task that is done; None if it, or one of its shards, is incomplete."""
    text = output.read(_summary_name(task))
    if text is None:
        return None
    summary = json.loads(text)
    for kind in kinds:
        name = f"{kind}/{VERSION}/{summary['files'][kind]}"
        if output.size(name) != summary["sizes"][kind]:
            return None
    return summary


def _write(
    job: Job,
    task: Task,
    output: Output,
    make: Callable[[Source], Iterator[EncodedClip | Dropped]],
    state: WorkerState,
) -> Summary:
    clips, dropped, statistics = [], [], None
    with output.scratch() as scratch:
        paths = {
            kind: scratch / shard_name(kind, task.split, task.number, task.count)
            for kind in job.kinds
        }
        writers = {
            kind: ShardWriter(path, kind, job.speech_size, job.image_size)
            for kind, path in paths.items()
        }
        with contextlib.ExitStack() as stack:
            for writer in writers.values():
                stack.enter_context(writer)
            for source in task.sources:
                for item in make(source):
                    if isinstance(item, Dropped):
                        dropped.append(dropped_line(item))
                        state.add(dropped=1, lost=is_lost(dropped[-1]))
                        continue
                    for kind, writer in writers.items():
                        writer.append(item.records[kind])
                    clips.append(item.line)
                    part = SetStatistics.from_json(item.statistics)
                    statistics = statistics.merge(part) if statistics else part
                    state.add(clips=1)
                state.add(sources=1)
        summary = {
            "split": task.split,
            "number": task.number,
            "files": {kind: path.name for kind, path in paths.items()},
            "clips": clips,
            "dropped": dropped,
            "statistics": statistics and statistics.to_json(),
            "shards": {kind: dataclasses.asdict(writers[kind].shard) for kind in job.kinds},
            "sizes": {kind: path.stat().st_size for kind, path in paths.items()},
        }
        for kind, path in paths.items():
            output.put(path, f"{kind}/{VERSION}/{path.name}")
    output.write(_summary_name(task), json.dumps(summary).encode("ascii"))
    return summary


def _summary_name(task: Task) -> str:
    return f"{WORK}/{task.name}.json"


def finish(job: Job, summaries: Iterable[Summary]) -> None:
    """Completes a preparation whose tasks are done: metadata, statistics, lists of clips and drops.

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
        output.clear(*job.kinds, BUILD_SPEC)  # in this order: without its build spec it is refused
        return
    for kind in job.kinds:
        _describe(job, output, kind, parts)
    output.write(CLIPS, lines(clips))


def _describe(job: Job, output: Output, kind: str, parts: Sequence[Summary]) -> None:
    """Writes metadata, statistics and, last, checksums of one data set: they complete it."""
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
