"""`playmate serve`: checks the settings, then runs the server."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from playmate_jax.cli.animate import credentials_of
from playmate_jax.errors import UserError

TOKEN = "PLAYMATE_SERVE_TOKEN"
PLAIN = (
    "host", "port", "weights", "generator", "face_models", "batch", "workers", "streams", "queue",
    "keep", "keep_h", "upload_mb", "clients", "speech_s", "job_s", "stream_s", "grace_s",
    "mark",
)  # fmt: skip


def command(args: argparse.Namespace) -> int:
    """Runs the server until it is ended; returns its exit code."""
    from playmate_jax.serve.settings import Settings

    token = _token(args.token_file)
    has_page = importlib.util.find_spec("gradio") is not None
    c2pa = None if args.c2pa is None else tuple(os.path.abspath(path) for path in args.c2pa)
    settings = Settings(
        folder=Path(args.folder), token=token, origins=tuple(args.origin), page=has_page, c2pa=c2pa,
        **{name: getattr(args, name) for name in PLAIN},
    )  # fmt: skip
    from playmate_jax.hub.bundles import find_parts

    find_parts(settings.weights, settings.generator)  # before anything listens
    credentials_of(args)
    try:
        from playmate_jax.serve.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("playmate_jax"):
            raise
        raise UserError(
            f"expected the packages of the server, found no '{error.name}': "
            "pip install 'playmate-jax[serve]'"
        ) from None
    where = f"http://{settings.host}:{settings.port}"
    print(
        f"playmate: serving {settings.weights} at {where} (description: {where}/docs), jobs in "
        f"{settings.folder.resolve()}",
        file=sys.stderr,
    )
    page = f"page at {where}/" if has_page else "no page: pip install 'playmate-jax[page]' adds it"
    print(f"playmate: {page}", file=sys.stderr)
    run(settings)
    return 0


def _token(file: str | None) -> str:
    if file is None:
        return os.environ.get(TOKEN, "").strip()
    try:
        found = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"expected a file with the token, but '{file}' cannot be read ({error}): check it"
        ) from None
    if not found:
        raise UserError(f"expected a token in '{file}', found nothing: write one into it")
    return found
