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
from playmate_jax.prepare.tasks import Job, Summary, WorkerState

LOCAL = "local"  # this machine's cores
PLAN = f"{WORK}/plan.jsonl"
_CLEAR_S = 10.0  # what the threads of a stopped run have to clear up
Place = tuple[int, int]  # where a task is in the plan, and of how many bytes


class DoTask(beam.DoFn):
    """Place -> the summary of the task that is there.

    Args:
      quiet: leave an error to the `WorkerState` of this process, instead of raising it: Beam would
        print it once for every layer that it goes through.
    """

    def __init__(self, job: Job, quiet: bool):
        self._job, self._quiet = job, quiet

    def process(self, place: Place):
        children = WorkerState.of(self._job).children
        if self._quiet and children.stopped:
            return
        try:
            summary = self._do(place)
        except BaseException as error:
            if not self._quiet:
                raise  # Beam may try the task again, and this process has others
            children.stop(error)  # the other threads need not go on
            return
        for name in ("clips", "dropped"):
            beam.metrics.Metrics.counter("playmate", name).inc(len(summary[name]))
        yield summary

    def _do(self, place: Place) -> Summary:
        line = Output(self._job.out).read(PLAN, *place)
        if line is None:
            raise UserError(
                f"expected the plan in {self._job.out}, found none: it must be a folder that every "
                "worker sees under this name"
            )
        return tasks.do(self._job, from_line(line))


def finish(summaries: list[Summary], job: Job, count: int, quiet: bool) -> None:
    """The last step, once all tasks are done; `count` of them were asked for."""
    if len(summaries) != count:
        return
    try:
        ledger.finish(job, summaries)
    except BaseException as error:
        if not quiet:
            raise
        WorkerState.of(job).children.stop(error)


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
    shop = WorkerState.open(job)
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
        failed = shop.children.stopped
    finally:  # at the end, or at Ctrl-C
        shop.children.stop()
        shop.children.wait_returned(_CLEAR_S)
        if runner == LOCAL:
            thread.join(_CLEAR_S)
    if failed is not None:
        raise failed
    if ended[0] is not None:
        raise _told(ended[0]) from ended[0]


def _run(job: Job, places: Sequence[Place], runner: str, options: PipelineOptions) -> None:
    try:
        pipeline = beam.Pipeline(runner=FnApiRunner() if runner == LOCAL else None, options=options)
    except (ValueError, ImportError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"expected a runner of Beam's, found '{runner}': {' '.join(str(error).split())}"
        ) from error
    quiet = runner == LOCAL
    (
        pipeline
        | "tasks" >> beam.Create(list(places), reshuffle=False)
        | "spread" >> beam.Reshuffle()
        | "prepare" >> beam.ParDo(DoTask(job, quiet))
        | "gather" >> beam.combiners.ToList()
        | "finish" >> beam.Map(finish, job, len(places), quiet)
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
