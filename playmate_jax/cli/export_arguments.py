"""The actions of `playmate export` and their options, as a table."""

import argparse

from playmate_jax.cli import export
from playmate_jax.cli.parsing import positive, subcommand

SHORT = "write networks for other engines"
DESCRIPTION = "Writes networks of a weights directory as files that other engines run."
EXAMPLES = """\
examples:
  playmate export onnx demo --out demo_onnx
  playmate export onnx liveportrait --out onnx --networks warping_spade --batch 4
"""
# As `converters/to_onnx/networks.py` has them; that module is too heavy to be imported here.
NETWORKS = ("appearance", "motion", "warping_spade", "stitching", "denoiser")


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate export`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    short = "write ONNX files, and compare each with JAX by onnxruntime"
    found = subcommand(
        actions, "onnx", short,
        "Writes an ONNX file (opset 18, float32) for each network, without GridSample, and runs it "
        "by\nonnxruntime, if that is installed, on random inputs against JAX.", "",
    )  # fmt: skip
    found.set_defaults(command=export.onnx)
    found.add_argument("weights", metavar="WEIGHTS", help="a name such as demo, or a folder")
    found.add_argument("--out", metavar="DIR", required=True, help="gets a file for each network")
    found.add_argument(
        "--networks", nargs="+", choices=NETWORKS, metavar="NAME",
        help=f"only these: {' '.join(NETWORKS)} (default: all that the weights have)",
    )  # fmt: skip
    found.add_argument(
        "--batch", type=positive, default=1, metavar="N",
        help="rows of every input; a file has no other batch (default 1)",
    )  # fmt: skip
    found.add_argument(
        "--overwrite", action="store_true", help="replace files of an earlier export"
    )
