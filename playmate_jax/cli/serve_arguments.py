"""The options of `playmate serve`, as a table."""

import argparse

from playmate_jax.cli.parsing import gain, natural, positive
from playmate_jax.cli.serve import TOKEN, command

SHORT = "serve jobs over HTTP and live portraits over WebSocket and WebRTC"
DESCRIPTION = f"""\
Listens until Ctrl-C or SIGTERM. Jobs: POST /v1/jobs with a portrait and speech or a driving video,
then GET /v1/jobs/ID, /v1/jobs/ID/events and /v1/jobs/ID/video. Live: the WebSocket /v1/stream
and WebRTC (POST /v1/webrtc).
All routes with examples: /docs. Jobs are kept in a folder and outlive the server. Where Gradio is
installed ('playmate-jax[page]') a page for browsers is at /.

Only this machine is served, unless --host says otherwise and a token is given in --token-file or
{TOKEN}; clients then send it as 'Authorization: Bearer TOKEN'. Put TLS in front of it.
"""
EXAMPLES = """\
examples:
  playmate serve
  curl -F portrait=@portrait.jpg -F speech=@speech.wav http://127.0.0.1:8000/v1/jobs
  playmate serve --host 0.0.0.0 --token-file token.txt --folder /var/lib/playmate
  playmate serve --weights mine --workers 2 --queue 100 --upload-mb 20
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options of `playmate serve` to its parser."""
    p.set_defaults(command=command)
    p.add_argument("--host", default="127.0.0.1", help="address (default 127.0.0.1)")
    p.add_argument("--port", type=positive, default=8000, help="port (default 8000)")
    p.add_argument("--folder", default="playmate-jobs", help="of jobs (default ./playmate-jobs)")
    p.add_argument("--token-file", metavar="FILE", help=f"file with the token (or set {TOKEN})")
    p.add_argument(
        "--origin", action="append", default=[], metavar="URL",
        help="a web page's origin that may use the server, such as https://example.org; repeat it",
    )  # fmt: skip
    p.add_argument("--weights", default="demo", help="name, folder or hub id (default demo)")
    p.add_argument("--generator", help="motion generator, where WEIGHTS have none")
    p.add_argument("--face-models", metavar="DIR", help="face models, for a machine offline")
    p.add_argument("--batch", type=positive, default=8, metavar="N", help="frames drawn at a time")
    p.add_argument(
        "--mark", action="store_true", help="label videos and live portraits, as animate"
    )
    p.add_argument(
        "--c2pa", nargs=2, metavar=("CERT", "KEY"), help="sign the videos of jobs, as of animate"
    )
    limits = p.add_argument_group("limits")
    for name, kind, default, help in (
        ("workers", positive, 1, "jobs that run at the same time"),
        ("streams", natural, 1, "live portraits at the same time"),
        ("queue", positive, 16, "jobs that wait; more are refused (429)"),
        ("keep", positive, 200, "finished jobs that are kept"),
        ("keep-h", gain, 24.0, "hours that finished jobs are kept"),
        ("upload-mb", gain, 100.0, "megabytes in a request (413)"),
        ("clients", positive, 400, "open connections (503)"),
        ("speech-s", gain, 600.0, "seconds of speech or of a driving video (422)"),
        ("job-s", gain, 3600.0, "seconds that a job may run"),
        ("stream-s", gain, 3600.0, "seconds that a live portrait may run"),
        ("grace-s", gain, 30.0, "seconds that running jobs get when the server is ended"),
    ):
        limits.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar="N",
            help=f"{help} (default {default:g})",
        )
