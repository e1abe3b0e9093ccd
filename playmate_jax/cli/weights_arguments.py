"""The actions of `playmate weights` and their options, as a table."""

import argparse

from playmate_jax.cli import weights
from playmate_jax.cli.parsing import subcommand

SHORT = "fetch, list, describe, remove and share weights"
DESCRIPTION = "Weights by name: shipped ones, and published ones, which are fetched and converted."
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
        "--revision", metavar="REV", help="commit, branch or tag to fetch instead of the pinned one"
    )
    found.add_argument(
        "--offline", action="store_true", help="use the hub's cache only (or set HF_HUB_OFFLINE)"
    )
    found.add_argument(
        "--endpoint", metavar="URL", help="server to use instead of the hub (or set HF_ENDPOINT)"
    )
    found = action("push", weights.push, "upload weights and their model card to the hub")
    found.add_argument("name", metavar="NAME|DIR", help="shipped or fetched weights, or a folder")
    found.add_argument(
        "repository", metavar="OWNER/NAME", help="repository on the Hugging Face hub; created, and "
        "private, unless it exists (token: HF_TOKEN, or 'hf auth login')",
    )  # fmt: skip
    found.add_argument("--public", action="store_true", help="for everyone to read")
    found.add_argument(
        "--endpoint", metavar="URL", help="server to use instead of the hub (or set HF_ENDPOINT)"
    )
    action("list", weights.listing, "list shipped, fetched and available weights")
    found = action("where", weights.where, "print the folder of weights")
    found.add_argument("name", metavar="NAME", help="shipped or fetched weights")
    found = action("remove", weights.remove, "delete fetched weights")
    found.add_argument("names", nargs="+", metavar="NAME", help="fetched weights")
    found = action("card", weights.card, "print the cards of weights: source, licence, results")
    found.add_argument("name", nargs="?", default="demo", metavar="NAME|DIR", help="default demo")
    found.add_argument("--markdown", action="store_true", help="as a model card, instead of JSON")
