"""A preparation from beginning to end: what `playmate prepare` runs."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems

from playmate_jax.data.prepared import BUILD_SPEC, CLIPS, DROPPED
from playmate_jax.prepare import ledger, pipeline
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Listing, Task
from playmate_jax.prepare.tasks import Job, WorkerState, is_lost

_LOOK_S = 5.0  # between looks at the folder when other machines do the work


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a preparation is.

    Attributes:
      unit: what `done`, `total` and `before` count: "sources" or "shards".
      before: how many of those done were done by an earlier run.
      clips, dropped: so far; None if the work is done on other machines.
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
        """Clips, dropped and lost as a phrase; empty if unknown."""
        if self.clips is None:
            return ""
        lost = f" ({self.lost} crashed, hung or failed)" if self.lost else ""
        return f"{self.clips} clips, {self.dropped} dropped{lost}"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The result of a preparation.

    Attributes:
      clips, dropped: the lines of clips.jsonl and dropped.jsonl.
      already: the folder was complete before; nothing was done.
    """

    clips: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    already: bool

    @property
    def lost(self) -> list[dict[str, Any]]:
        """The dropped lines of sources given up after a crash, a hang or an unexpected error."""
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
    """Does the tasks of a plan, or those that an earlier run left.

    Args:
      job: where to and how.
      listing: what a reader found; its drops are written to dropped.jsonl.
      planned: the tasks, which `plan` made of the listing.
      build_spec: plain values that distinguish this preparation from any other.
      runner: `pipeline.LOCAL`, or the name of a runner of Beam's.
      options: of Beam.
      progress: called again and again meanwhile.

    Raises:
      UserError: the folder has another build spec, is in use, or cannot be written; weights are
        missing; the runner fails.
    """
    beam_options = pipeline.pipeline_options(runner, options, job, len(planned))
    FileSystems.set_options(beam_options)  # hdfs:// needs some of them
    output = Output(job.out)
    with output.lock():
        already = ledger.check_build_spec(output, build_spec) and ledger.is_complete(output)
        if not already:
            places = pipeline.write_plan(output, planned)
            output.write(ledger.LISTED, ledger.lines(map(ledger.dropped_line, listing.dropped)))
            text = json.dumps(build_spec, indent=1, ensure_ascii=False) + "\n"
            output.write(BUILD_SPEC, text.encode("utf-8", "backslashreplace"))
            watch = _watch(job, planned, runner, progress)
            pipeline.run(job, places, runner, beam_options, watch)
            watch()
        output.clear_work()
        clips, dropped = (ledger.read_lines(output, name) for name in (CLIPS, DROPPED))
    return Prepared(clips, dropped, already)


def _watch(
    job: Job, planned: Sequence[Task], runner: str, progress: Callable[[Progress], None]
) -> Callable[[], None]:
    if runner == pipeline.LOCAL:
        total = sum(len(task.sources) for task in planned)

        def watch() -> None:
            state = WorkerState.of(job)
            progress(
                Progress(
                    "sources", state.sources, total, state.before, state.clips, state.dropped,
                    state.lost,
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
