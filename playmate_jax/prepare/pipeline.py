"""The preparation as an Apache Beam pipeline, on this machine or on any runner of Beam's.

    places of tasks in the plan -> reshuffle -> do each task -> all summaries -> finish

Only the place of a task is sent; the worker reads its sources from the plan in the prepared folder.
The result depends on the plan alone: not on the runner, the number of workers or the order of the
tasks, and a task done twice gives the same bytes twice.
"""

import re
import threading
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from playmate_jax.errors import UserError
from playmate_jax.prepare import tasks
from playmate_jax.prepare.output import WORK, Output
from playmate_jax.prepare.plan import Task, from_line, to_lines
from playmate_jax.prepare.tasks import Job, Summary, WorkerState

LOCAL = "local"  # this machine's cores
PLAN = f"{WORK}/plan.jsonl"
_CLEAR_S = 10.0  # for the threads of a stopped run to clear up
Place = tuple[int, int]  # where a task is in the plan, and of how many bytes


class DoTask(beam.DoFn):
    """Does the task at a place in the plan and gives its summary.

    Args:
      quiet: leave an error to the `WorkerPool` of this process, instead of raising it: Beam would
        print it once for every layer that it goes through.
    """

    def __init__(self, job: Job, quiet: bool):
        self._job, self._quiet = job, quiet

    def process(self, place: Place):
        """Gives the summary of the task at `place`; nothing once the pool is stopped."""
        pool = WorkerState.of(self._job).pool
        if self._quiet and pool.stopped:
            return
        try:
            summary = self._do(place)
        except BaseException as error:
            if not self._quiet:
                raise  # Beam may try the task again, and this process has others
            pool.stop(error)  # the other threads need not go on
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
    """The last step: completes the data sets, if all `count` tasks of the plan are done."""
    if len(summaries) != count:
        return
    try:
        tasks.finish(job, summaries)
    except BaseException as error:
        if not quiet:
            raise
        WorkerState.of(job).pool.stop(error)


def write_plan(output: Output, planned: Sequence[Task]) -> list[Place]:
    """Writes the plan to the prepared folder; returns the place of each task in it."""
    lines, places, start = to_lines(planned), [], 0
    for line in lines:
        places.append((start, len(line)))
        start += len(line)
    output.write(PLAN, b"".join(lines))
    return places


def pipeline_options(runner: str, given: Sequence[str], job: Job, count: int) -> PipelineOptions:
    """Beam's options: those given, unchanged, and the runner.

    Args:
      count: number of tasks in the plan.
    """
    options = PipelineOptions(list(given))
    if runner != LOCAL:
        options.view_as(StandardOptions).runner = runner
        return options
    direct = options.view_as(DirectOptions)
    direct.direct_running_mode = "multi_threading"
    # Beam deals the tasks out beforehand. With more threads than worker processes, which are lent
    # task by task, no worker is idle while a thread has many long tasks.
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
      places: of the tasks, as `write_plan` returns them.
      watch: called about ten times a second meanwhile.

    Raises:
      UserError: the first error of a task; or Beam refuses its options or fails.
    """
    options = options or pipeline_options(runner, (), job, len(places))
    pool = WorkerState.open(job).pool
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
        failed = pool.stopped
    finally:  # at the end, or at Ctrl-C
        pool.stop()
        pool.wait_returned(_CLEAR_S)
        if runner == LOCAL:
            thread.join(_CLEAR_S)
    if failed is not None:
        raise failed
    if ended[0] is not None:
        raise _user_error(ended[0]) from ended[0]


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
            f"expected Beam's job to succeed, found it {state}: see its log; the same command "
            "goes on from here"
        )


def _user_error(error: BaseException) -> BaseException:
    """The `UserError` of a worker, which Beam passes on as text; other errors as they are."""
    found = re.search(r"playmate_jax\.errors\.UserError: ([^\n]*)", str(error))
    if isinstance(error, UserError) or not found:
        return error
    return UserError(re.sub(r" \[while running '.*|\\n.*", "", found[1]))
