"""One task, done: its sources become clips, its clips one shard of each data set, and a summary.

The shards take their names first and the summary last, so a task whose summary is there, with
shards of the sizes it tells, is whole and is not done again. What a summary says is enough for the
end of the preparation (ledger.py), which opens no shard.
"""

import contextlib
import dataclasses
import functools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from playmate_jax.data.records import VERSION, Dropped
from playmate_jax.data.shards import ShardWriter, shard_name
from playmate_jax.data.statistics import SetStatistics
from playmate_jax.prepare.encoding import Made, dropped_line, load_encoder
from playmate_jax.prepare.isolation import STAGE, Limits, WorkerPool
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Task
from playmate_jax.prepare.source import Source

Summary = dict[str, Any]  # plain values, for JSON


@dataclasses.dataclass(frozen=True)
class Job:
    """All that a worker must know, wherever it runs.

    Attributes:
      out: the prepared folder.
      config: has `maker()`, which gives what makes clips of a source.
      kinds: the data sets to write.
      speech_size, image_size: of the config, as `data.records.features_of` takes them.
      workers: clips made at a time in one process of Beam's.
    """

    out: str
    config: Any
    kinds: tuple[str, ...]
    speech_size: int
    image_size: int
    workers: int = 1
    limits: Limits = Limits()


def is_lost(line: dict[str, Any]) -> bool:
    """Whether a line of dropped.jsonl is there by an accident, not by a rule."""
    return line["stage"] in (STAGE, "error")


class Counters:
    """What this process has done, for its progress bar."""

    def __init__(self):
        self._guard = threading.Lock()
        self.before = self.sources = self.clips = self.dropped = self.lost = 0

    def add(self, **counts: int) -> None:
        """Adds to the counts of these names."""
        with self._guard:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


class WorkerState:
    """A process's children and tally for one job; every thread of the process uses the same."""

    _open: dict[str, "Workshop"] = {}
    _guard = threading.Lock()

    def __init__(self, job: Job):
        encoder = functools.partial(load_encoder, job.kinds, job.speech_size, job.image_size)
        self.children = WorkerPool(job.config, encoder, job.workers, job.limits)
        self.tally = Counters()

    @classmethod
    def of(cls, job: Job) -> "Workshop":
        """The one of this process."""
        with cls._guard:
            if job.out not in cls._open:
                cls._open[job.out] = cls(job)
            return cls._open[job.out]

    @classmethod
    def open(cls, job: Job) -> "Workshop":
        """A new one, in place of an earlier one."""
        with cls._guard:
            cls._open[job.out] = cls(job)
            return cls._open[job.out]


def do(job: Job, task: Task) -> Summary:
    """Does a task, unless it is done already.

    Raises:
      UserError: the maker cannot start, or the disk is full.
    """
    output, shop = Output(job.out), WorkerState.of(job)
    found = read_summary(output, task, job.kinds)
    if found is not None:
        shop.tally.add(
            before=len(task.sources), sources=len(task.sources), clips=len(found["clips"]),
            dropped=len(found["dropped"]), lost=sum(map(is_lost, found["dropped"])),
        )  # fmt: skip
        return found
    with shop.children.lend() as make:
        return _write(job, task, output, make, shop.tally)


def read_summary(output: Output, task: Task, kinds: tuple[str, ...]) -> Summary | None:
    """The summary of a task that is done; None where anything of it is missing."""
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
    make: Callable[[Source], Iterator[Made | Dropped]],
    tally: Counters,
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
                        tally.add(dropped=1, lost=is_lost(dropped[-1]))
                        continue
                    for kind, writer in writers.items():
                        writer.append(item.records[kind])
                    clips.append(item.line)
                    part = SetStatistics.from_json(item.statistics)
                    statistics = statistics.merge(part) if statistics else part
                    tally.add(clips=1)
                tally.add(sources=1)
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
