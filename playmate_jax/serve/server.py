"""Running the application under uvicorn until a signal ends it."""

import contextlib
import logging
from collections.abc import Iterator
from types import FrameType

import uvicorn

from playmate_jax.parallel.workdir_lock import locked
from playmate_jax.serve.app import create_app
from playmate_jax.serve.settings import Settings

_CONNECTIONS_S = 5  # that open connections have to end, before jobs get their grace
_MESSAGE_MB = 16  # of a stream's message: some of them wait in memory


class _Server(uvicorn.Server):
    """uvicorn, whose long answers (events, streams) end when a signal comes."""

    def __init__(self, config: uvicorn.Config, app):
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Lets no job begin any more; events end, and uvicorn with them."""
        self._app.state.runner.closing = True
        super().handle_exit(sig, frame)


def run(settings: Settings) -> None:
    """Serves until SIGTERM or Ctrl-C; jobs that run are finished within their grace or handed
    back, those that wait are handed back.

    Raises:
      UserError: another server uses the folder.
    """
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = create_app(settings)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", server_header=False,
        limit_concurrency=settings.clients, timeout_keep_alive=10, backlog=2 * settings.clients,
        ws_max_size=int(min(settings.upload_mb, _MESSAGE_MB) * 2**20), ws_max_queue=4,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_CONNECTIONS_S,
    )  # fmt: skip
    with locked(settings.folder), _log_to_stderr():
        _Server(config, app).run()


@contextlib.contextmanager
def _log_to_stderr() -> Iterator[None]:
    """Our own lines on standard error, from warnings on."""
    logging.basicConfig(format="playmate: %(message)s", level=logging.WARNING)
    yield
