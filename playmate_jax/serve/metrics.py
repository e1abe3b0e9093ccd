"""What the server counts, in Prometheus's format."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from playmate_jax.serve.jobs import FINAL

_JOB_S = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)


class Metrics:
    """The counters of one server; several in one process do not share theirs."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self.requests = Counter(
            "playmate_requests_total", "Requests by method and status code.",
            ("method", "status"), registry=own,
        )  # fmt: skip
        self.jobs = Counter(
            "playmate_jobs_total", "Jobs by how they ended.", ("state",), registry=own
        )
        for state in FINAL:
            self.jobs.labels(state)
        self.job_s = Histogram(
            "playmate_job_seconds", "How long jobs ran.", buckets=_JOB_S, registry=own
        )
        self.waiting = Gauge("playmate_jobs_waiting", "Jobs in the queue.", registry=own)
        self.running = Gauge("playmate_jobs_running", "Jobs that run.", registry=own)
        self.streams = Gauge("playmate_streams_open", "Streams that are open.", registry=own)
        self.frames = Counter(
            "playmate_stream_frames_total", "Frames sent in streams.", registry=own
        )
        self.held = Counter(
            "playmate_stream_held_frames_total", "Frames repeated because none was ready.",
            registry=own,
        )  # fmt: skip

    def job_ended(self, state: str, seconds: float | None) -> None:
        """Counts a job's end; `seconds` that it ran, if it did."""
        self.jobs.labels(state).inc()
        if seconds is not None:
            self.job_s.observe(seconds)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
