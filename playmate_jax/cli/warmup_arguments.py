"""The options of `playmate warmup`, as a table."""

import argparse

from playmate_jax.cli.parsing import positive
from playmate_jax.cli.warmup import command

SHORT = "compile ahead of the first job"
DESCRIPTION = """\
Runs short jobs with the bundled portrait and speech, so that the programs of these weights are
compiled and kept (by default in ~/.cache/playmate_jax/xla; JAX_COMPILATION_CACHE_DIR names another
folder). Later runs on this kind of machine with the same --weights, --generator and --batch find
them there. For an image of a container, or after an update.
"""
EXAMPLES = """\
examples:
  playmate warmup                                        the demo weights
  playmate warmup --weights liveportrait --generator joyvasa
  playmate warmup --stream                               also what a server's streams need
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `playmate warmup`."""
    p.set_defaults(command=command)
    p.add_argument(
        "--weights", default="demo", metavar="NAME|DIR",
        help="a name, a folder, or owner/name on the Hugging Face hub (default demo)",
    )  # fmt: skip
    p.add_argument(
        "--generator", metavar="NAME|DIR",
        help="motion generator to use instead of that of --weights",
    )  # fmt: skip
    p.add_argument(
        "--batch", type=positive, default=8, metavar="N",
        help="frames rendered at a time, as later jobs will ask for (default 8)",
    )  # fmt: skip
    p.add_argument(
        "--renderer-form", choices=("auto", "plain", "folded"), default="auto",
        help="which forms of the renderer; auto (default): both, where the weights have both",
    )  # fmt: skip
    p.add_argument("--stream", action="store_true", help="also what streaming needs")
    p.add_argument(
        "--face-models", metavar="DIR", help="folder with the face models' files, when offline"
    )
    p.add_argument("--json", action="store_true", help="print seconds by job as JSON")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
