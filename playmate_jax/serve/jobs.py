"""Jobs on disk: a folder each, with its files, its video and `job.json`; they outlive the server.

    FOLDER/jobs/ID/job.json portrait speech driving video.mp4

`job.json` is written whole or not at all. A job that was neither finished nor handed back when the
server ended (kill -9, a power cut) is told as failed: interrupted. One that a server handed back as
it shut down waits again.
"""

import dataclasses
import json
import logging
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from playmate_jax.paths import unfinished

LOG = logging.getLogger(__name__)
STATES = ("queued", "running", "done", "failed", "cancelled")
FINAL = ("done", "failed", "cancelled")
INTERRUPTED = "interrupted: the server ended while this job was waiting or running, send it again"
_ID = re.compile(r"[0-9a-f]{32}")


@dataclasses.dataclass
class Job:
    """One job; times are seconds since 1970.

    Attributes:
      files: names of its uploads in its folder, by "portrait", "speech", "driving".
      progress: 0 to 1. phase: "generate" or "render".
      handed_back: it waits for the next server.
    """

    id: str
    created: float
    options: dict[str, Any]
    files: dict[str, str]
    state: str = "queued"
    progress: float = 0.0
    phase: str = ""
    error: str | None = None
    notices: list[str] = dataclasses.field(default_factory=list)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    started: float | None = None
    finished: float | None = None
    handed_back: bool = False

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL


class JobStore:
    """All jobs of a folder.

    Args:
      keep, keep_h: finished jobs that are kept, and for how many hours.
    """

    def __init__(self, folder: Path, keep: int, keep_h: float):
        self._folder, self._keep, self._keep_s = folder / "jobs", keep, 3600 * keep_h
        self._folder.mkdir(parents=True, exist_ok=True)
        self.jobs: dict[str, Job] = {}

    def load(self) -> list[Job]:
        """Reads the folder; returns the jobs that were handed back, oldest first."""
        for place in sorted(self._folder.iterdir()):
            job = self._read(place)
            if job is None:
                if _ID.fullmatch(place.name):  # an upload that was never complete
                    shutil.rmtree(place, ignore_errors=True)
                continue
            self.jobs[job.id] = job
            if job.handed_back:
                job.state, job.handed_back, job.started, job.progress = "queued", False, None, 0.0
                self.save(job)
            elif not job.is_final:
                job.error = INTERRUPTED
                self.finish(job, "failed")
        waiting = [job for job in self.jobs.values() if job.state == "queued"]
        return sorted(waiting, key=lambda job: job.created)

    def new_id(self) -> str:
        """The id of a job that is yet to come, which nobody can guess; its folder exists."""
        found = secrets.token_hex(16)
        self.folder(found).mkdir(mode=0o700)
        return found

    def folder(self, id: str) -> Path:
        """Where a job's files are."""
        return self._folder / id

    def add(self, job: Job) -> None:
        """Takes a job, whose files are in its folder."""
        self.save(job)
        self.jobs[job.id] = job

    def save(self, job: Job) -> None:
        """Writes a job to its `job.json`."""
        path = self.folder(job.id) / "job.json"
        partial = unfinished(path)
        partial.write_text(json.dumps(dataclasses.asdict(job), indent=1), "utf-8")
        partial.replace(path)

    def finish(self, job: Job, state: str) -> None:
        """A job's end: its uploads are deleted, its video stays if it is done."""
        job.state, job.finished = state, time.time()
        self.save(job)
        for path in self.folder(job.id).iterdir():
            if path.name != "job.json" and (path.name != "video.mp4" or state != "done"):
                path.unlink(missing_ok=True)

    def discard(self, id: str) -> None:
        """Deletes a job with all its files."""
        self.jobs.pop(id, None)
        shutil.rmtree(self.folder(id), ignore_errors=True)

    def expire(self) -> None:
        """Deletes finished jobs that are too old or too many."""
        ended = sorted(
            (job for job in self.jobs.values() if job.is_final), key=lambda job: job.finished or 0.0
        )
        oldest = time.time() - self._keep_s
        for i, job in enumerate(ended):
            if i < len(ended) - self._keep or (job.finished or 0.0) < oldest:
                self.discard(job.id)

    def _read(self, place: Path) -> Job | None:
        try:
            job = Job(**json.loads((place / "job.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            LOG.warning("no job in %s: %s", place, error)
            return None
        return job if _ID.fullmatch(job.id) and job.id == place.name else None
