"""The preparation as an Apache Beam pipeline, on this machine or on any runner of Beam's.

    places of tasks in the plan -> reshuffle -> do each task -> all summaries -> finish

Only a task's place travels; the worker reads its sources from the plan in the prepared folder. What
comes out depends on the plan alone: not on the runner, the number of workers or the order of the
tasks, and a task done twice gives the same bytes twice.
"""

import re
import threading
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from playmate_jax.errors import UserError
from playmate_jax.prepare import ledger, tasks
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Task, from_line, to_lines
from playmate_jax.prepare.tasks import Job, Summary, Workshop

LOCAL = "local"  # this machine's cores
PLAN = f"{WORK}/plan.jsonl"
Place = tuple[int, int]  # where a task is in the plan, and of how many bytes


class DoTask(beam.DoFn):
    """Place -> the summary of the task that is there."""

    def __init__(self, job: Job):
        self._job = job

    def process(self, place: Place):
        job = self._job
        try:
            line = Output(job.out).read(PLAN, *place)
            if line is None:
                raise UserError(
                    f"expected the plan in {job.out}, found none: it must be a folder that every "
                    "worker sees under this name"
                )
            summary = tasks.do(job, from_line(line))
        except BaseException as error:
            Workshop.of(job).children.stop(error)  # the other threads need not go on
            raise
        for name in ("clips", "dropped"):
            beam.metrics.Metrics.counter("playmate", name).inc(len(summary[name]))
        yield summary


def finish(summaries: list[Summary], job: Job) -> None:
    """The last step."""
    ledger.finish(job, summaries)


def write_plan(output: Output, planned: Sequence[Task]) -> list[Place]:
    """Writes the plan, and tells where its tasks are."""
    lines, places, start = to_lines(planned), [], 0
    for line in lines:
        places.append((start, len(line)))
        start += len(line)
    output.write(PLAN, b"".join(lines))
    return places


def pipeline_options(runner: str, given: Sequence[str], job: Job, count: int) -> PipelineOptions:
    """Beam's options: those given, untouched, and the runner.

    Args:
      count: of tasks.
    """
    options = PipelineOptions(list(given))
    if runner != LOCAL:
        options.view_as(StandardOptions).runner = runner
        return options
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "multi_threading"
    # Beam deals the tasks out beforehand. With more threads than children, who are lent out task by
    # task, those who were dealt long ones are not waited for.
    direct.direct_num_workers = max(min(2 * job.workers, count), 1)
    return options


def run(
    job: Job,
    places: Sequence[Place],
    runner: str = LOCAL,
    options: PipelineOptions | None = None,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Runs the pipeline to its end.

    Args:
      watch: called again and again meanwhile.

    Raises:
      UserError: what a task could not do, or Beam would not.
    """
    options = options or pipeline_options(runner, (), job, len(places))
    shop = Workshop.open(job)
    ended: list[BaseException | None] = []

    def work() -> None:
        try:
            _run(job, places, runner, options)
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
            watch()
    except BaseException:  # Ctrl-C
        if runner == LOCAL:
            shop.children.stop()
            thread.join(10)
        raise
    finally:
        shop.children.stop()
    if ended[0] is not None:
        raise _told(ended[0]) from ended[0]


def _run(job: Job, places: Sequence[Place], runner: str, options: PipelineOptions) -> None:
    try:
        pipeline = beam.Pipeline(runner=FnApiRunner() if runner == LOCAL else None, options=options)
    except (ValueError, ImportError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"expected a runner of Beam's, found '{runner}': {' '.join(str(error).split())}"
        ) from error
    (
        pipeline
        | "tasks" >> beam.Create(list(places), reshuffle=False)
        | "spread" >> beam.Reshuffle()
        | "prepare" >> beam.ParDo(DoTask(job))
        | "gather" >> beam.combiners.ToList()
        | "finish" >> beam.Map(finish, job)
    )
    result = pipeline.run()
    state = result.wait_until_finish()
    if str(state) != "DONE":
        raise UserError(
            f"expected Beam's job to end well, found it {state}: see its log; the same command "
            "goes on from here"
        )


def _told(error: BaseException) -> BaseException:
    """The `UserError` of a worker, which Beam tells as text."""
    found = re.search(r"playmate_jax\.errors\.UserError: ([^\n]*)", str(error))
    if isinstance(error, UserError) or not found:
        return error
    return UserError(re.sub(r" \[while running '.*|\\n.*", "", found[1]))
