"""Runs jobs: a bounded queue, a child process for each that runs, and its progress."""

import asyncio
import contextlib
import logging
import time
from collections import deque

from playmate_jax.errors import UserError
from playmate_jax.serve.children import Child, Children, Lost
from playmate_jax.serve.jobs import Job, JobStore
from playmate_jax.serve.metrics import Metrics

LOG = logging.getLogger(__name__)
_EXPIRE_S = 60.0
_WEIGHTS = {"generate": (0.0, 0.3), "render": (0.3, 0.7)}  # of the phases: begin, share


class Full(Exception):
    """No more jobs can wait."""


class Runner:
    """The queue and the tasks that empty it.

    Args:
      children: of role "job".
      most: jobs that may wait.
      job_s: longest time that one may run.
    """

    def __init__(
        self, store: JobStore, children: Children, metrics: Metrics, most: int, job_s: float
    ):
        self.store, self._children, self._metrics = store, children, metrics
        self._most, self._job_s = most, job_s
        self._waiting: deque[Job] = deque()
        self._running: dict[str, Child | None] = {}
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task] = []
        self.closing = False

    async def start(self) -> None:
        """Takes up what was handed back, and begins to work."""
        self._waiting.extend(self.store.load())
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._children.size)]
        self._tasks.append(asyncio.create_task(self._tidy()))

    @property
    def is_full(self) -> bool:
        """Whether no more jobs can wait."""
        return len(self._waiting) >= self._most

    async def submit(self, job: Job) -> None:
        """Lets a job wait; raises `Full` where too many do."""
        if self.is_full or self.closing:
            raise Full
        self.store.add(job)
        self._waiting.append(job)
        await self._tell()

    def place(self, job: Job) -> int | None:
        """How many jobs are before a waiting one."""
        return self._waiting.index(job) if job in self._waiting else None

    async def cancel(self, job: Job) -> None:
        """Cancels a job that waits or runs; does nothing to one that has ended."""
        if job in self._waiting:
            self._waiting.remove(job)
        elif job.state != "running":
            return
        job.state = "cancelled"  # its task finds that, and its child gone
        if (child := self._running.get(job.id)) is not None:
            child.end()
        self._finish(job, "cancelled")
        await self._tell()

    async def wait_change(self, limit_s: float) -> None:
        """Returns when any job has changed, or after `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._changed:
                await self._changed.wait()

    async def close(self, grace_s: float) -> None:
        """Waits for jobs that run, for so long; hands back all that are left."""
        self.closing = True
        until = time.monotonic() + grace_s
        while self._running and time.monotonic() < until:
            await self.wait_change(0.2)
        for task in self._tasks:
            task.cancel()
        left = [*self._waiting, *(self.store.jobs[id] for id in self._running)]
        for job in left:
            if not job.is_final:
                job.state, job.handed_back = "queued", True
                self.store.save(job)
        self._children.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            while not self._waiting or self.closing:
                await self.wait_change(5.0)
            job = self._waiting.popleft()
            self._running[job.id] = None
            job.state, job.started = "running", time.time()
            self.store.save(job)
            await self._tell()
            try:
                await self._run(job)
            except asyncio.CancelledError:
                raise
            except (Lost, UserError) as error:
                self._fail(job, str(error))
            except Exception as error:
                LOG.exception("job %s", job.id)
                self._fail(job, f"unexpected {type(error).__name__}")
            if not self.closing or job.is_final:
                self._running.pop(job.id, None)
            await self._tell()

    async def _run(self, job: Job) -> None:
        folder = self.store.folder(job.id)
        files = {name: str(folder / file) for name, file in job.files.items()}
        until = time.monotonic() + self._job_s
        async with self._children.lend() as child:
            if job.is_final:  # cancelled while the child started
                return
            self._running[job.id] = child
            await child.send({"folder": str(folder), "files": files, "options": job.options})
            while True:
                answer = await child.receive(max(0.0, until - time.monotonic()))
                assert isinstance(answer, dict)
                if "progress" in answer:
                    phase, done, total = answer["progress"]
                    begin, share = _WEIGHTS.get(phase, (0.0, 0.0))
                    job.phase, job.progress = phase, begin + share * done / max(1, total)
                    await self._tell()
                elif "done" in answer:
                    job.progress = 1.0
                    job.notices, job.facts = answer["done"]["notices"], answer["done"]["facts"]
                    return self._finish(job, "done")
                else:
                    return self._fail(job, answer.get("refused") or answer.get("failed") or "")

    def _fail(self, job: Job, error: str) -> None:
        if not job.is_final:
            job.error = error
            self._finish(job, "failed")

    def _finish(self, job: Job, state: str) -> None:
        self.store.finish(job, state)
        seconds = None if job.started is None else time.time() - job.started
        self._metrics.job_ended(state, seconds)

    async def _tell(self) -> None:
        self._metrics.waiting.set(len(self._waiting))
        self._metrics.running.set(len(self._running))
        async with self._changed:
            self._changed.notify_all()

    async def _tidy(self) -> None:
        while True:
            self.store.expire()
            await asyncio.sleep(_EXPIRE_S)
