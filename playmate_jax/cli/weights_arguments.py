"""The actions of `playmate weights` and their options, as a table."""

import argparse

from playmate_jax.cli import weights
from playmate_jax.cli.parsing import subcommand

SHORT = "fetch, list and remove weights, and what they say of themselves"
DESCRIPTION = "Weights by name: those that ship, and published ones, fetched once and converted."
EXAMPLES = """\
examples:
  playmate weights get liveportrait joyvasa
  playmate weights list
  playmate weights card liveportrait --markdown
  playmate animate photo.jpg speech.wav --weights liveportrait --generator joyvasa
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate weights`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")

    def action(name: str, command, help: str):
        found = subcommand(actions, name, help, help.capitalize() + ".", "")
        found.set_defaults(command=command)
        return found

    found = action("get", weights.get, "fetch published weights, check and convert them")
    found.add_argument(
        "names", nargs="+", metavar="NAME", help="see 'playmate weights list'; or owner/name of a "
        "repository on the Hugging Face hub in this project's layout",
    )  # fmt: skip
    found.add_argument(
        "--revision", metavar="REV", help="another commit, branch or tag than the pinned one"
    )
    found.add_argument(
        "--offline", action="store_true", help="only from the hub's cache (or set HF_HUB_OFFLINE)"
    )
    found.add_argument(
        "--endpoint", metavar="URL", help="another server than the hub (or set HF_ENDPOINT)"
    )
    action("list", weights.listing, "what ships, what was fetched, what can be")
    found = action("where", weights.where, "print the folder of weights")
    found.add_argument("name", metavar="NAME", help="shipped or fetched weights")
    found = action("remove", weights.remove, "delete fetched weights")
    found.add_argument("names", nargs="+", metavar="NAME", help="fetched weights")
    found = action("card", weights.card, "print what weights say of themselves")
    found.add_argument("name", nargs="?", default="demo", metavar="NAME|DIR", help="default demo")
    found.add_argument("--markdown", action="store_true", help="as a model card, instead of JSON")
