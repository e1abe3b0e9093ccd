"""Where the server listens, what it keeps, and its limits."""

import dataclasses
import ipaddress
from pathlib import Path

from playmate_jax.errors import UserError

LEAST_TOKEN = 16


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of `playmate serve`.

    Attributes:
      folder: jobs and their files.
      host, port: where it listens. token: what clients must show; "" asks for none, on a loopback
        address alone.
      origins: web pages of other origins that may use the server.
      weights, generator, face_models, batch: as `Animator.from_weights` takes them.
      workers, streams: jobs that run, and streams that are open, at the same time.
      queue: jobs that wait. keep, keep_h: finished jobs that are kept, and for how many hours.
      upload_mb: of one request. uploads: requests with a body at the same time. clients: open
        connections.
      speech_s: longest recording or driving video. side: of a portrait, larger ones are refused.
      request_s, probe_s, job_s, stream_s, idle_s, grace_s: limits of time for an upload, a look at
        its files, a job, a stream, a stream's silence, and for ending.
      page: whether the page is at `/`, which needs Gradio.
      mark: whether videos and live portraits have the label "AI-generated".
      c2pa: certificate and key that videos of jobs are signed with.

    Raises:
      UserError: a public address without a token, or a token that is too short.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    origins: tuple[str, ...] = ()
    weights: str = "demo"
    generator: str | None = None
    face_models: str | None = None
    batch: int = 8
    workers: int = 1
    streams: int = 1
    queue: int = 16
    keep: int = 200
    keep_h: float = 24.0
    upload_mb: float = 100.0
    uploads: int = 16
    clients: int = 400
    speech_s: float = 600.0
    side: int = 8192
    request_s: float = 120.0
    probe_s: float = 30.0
    job_s: float = 3600.0
    stream_s: float = 3600.0
    idle_s: float = 300.0
    grace_s: float = 30.0
    page: bool = False
    mark: bool = False
    c2pa: tuple[str, str] | None = None

    def __post_init__(self):
        if self.token and len(self.token) < LEAST_TOKEN:
            raise UserError(
                f"expected a token of at least {LEAST_TOKEN} characters, found one of "
                f"{len(self.token)}: make one, as by 'openssl rand -hex 24'"
            )
        if not self.token and not is_loopback(self.host):
            raise UserError(
                f"expected a token for the address {self.host}, which other machines reach, found "
                "none: give --token-file or set PLAYMATE_SERVE_TOKEN, or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
