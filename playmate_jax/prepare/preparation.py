"""A preparation from beginning to end: what `playmate prepare` runs."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems

from playmate_jax.prepare import ledger, pipeline
from playmate_jax.prepare.encoding import dropped_line
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Task
from playmate_jax.prepare.source import Listing
from playmate_jax.prepare.tasks import Job, WorkerState, is_lost

_LOOK_S = 5.0  # how often the folder is looked at when others do the work


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far it is.

    Attributes:
      unit: what `done`, `total` and `before` count.
      before: how many of those done were done by an earlier run.
      clips, dropped: so far; None where only the workers know.
      lost: how many of the dropped were given up after a crash, a hang or an error.
    """

    unit: str
    done: int
    total: int
    before: int
    clips: int | None = None
    dropped: int | None = None
    lost: int = 0

    @property
    def note(self) -> str:
        """The last three, for people."""
        if self.clips is None:
            return ""
        lost = f" ({self.lost} crashed, hung or failed)" if self.lost else ""
        return f"{self.clips} clips, {self.dropped} dropped{lost}"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What came of it: the lines of clips.jsonl and dropped.jsonl.

    Attributes:
      already: it was complete before.
    """

    clips: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    already: bool

    @property
    def lost(self) -> list[dict[str, Any]]:
        """What was given up after a crash, a hang or an error that nobody expected."""
        return [line for line in self.dropped if is_lost(line)]


def prepare(
    job: Job,
    listing: Listing,
    planned: Sequence[Task],
    build_spec: dict[str, Any],
    runner: str = pipeline.LOCAL,
    options: Sequence[str] = (),
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Prepared:
    """Does what is planned, or what is left of it.

    Args:
      build_spec: plain values that tell this preparation from any other.
      options: of Beam.

    Raises:
      UserError: the folder is of another build_spec, in use, or cannot be written; no weights; ...
    """
    settled = pipeline.pipeline_options(runner, options, job, len(planned))
    FileSystems.set_options(settled)  # hdfs:// needs some of them
    output = Output(job.out)
    with output.lock():
        already = ledger.check_build_spec(output, build_spec) and ledger.is_complete(output)
        if not already:
            places = pipeline.write_plan(output, planned)
            output.write(ledger.LISTED, ledger.lines(map(dropped_line, listing.dropped)))
            text = json.dumps(build_spec, indent=1, ensure_ascii=False) + "\n"
            output.write(ledger.BUILD_SPEC, text.encode("utf-8", "backslashreplace"))
            watch = _watch(job, planned, runner, progress)
            pipeline.run(job, places, runner, settled, watch)
            watch()
        output.clear_work()
        clips, dropped = (ledger.read_lines(output, n) for n in (ledger.CLIPS, ledger.DROPPED))
    return Prepared(clips, dropped, already)


def _watch(
    job: Job, planned: Sequence[Task], runner: str, progress: Callable[[Progress], None]
) -> Callable[[], None]:
    if runner == pipeline.LOCAL:
        total = sum(len(task.sources) for task in planned)

        def watch() -> None:
            tally = WorkerState.of(job).tally
            progress(
                Progress(
                    "sources", tally.sources, total, tally.before, tally.clips, tally.dropped,
                    tally.lost,
                )
            )  # fmt: skip

        return watch
    output, looked = Output(job.out), -_LOOK_S
    wanted = {f"{task.name}.json" for task in planned}
    before = len(wanted.intersection(output.names(WORK)))

    def look() -> None:
        nonlocal looked
        if time.monotonic() - looked >= _LOOK_S:
            done = len(wanted.intersection(output.names(WORK)))
            progress(Progress("shards", done, len(planned), before))
            looked = time.monotonic()

    return look
