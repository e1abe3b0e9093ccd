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
  playmate export jax demo --out demo_programs
  playmate export jax liveportrait --out gpu --networks warping_spade_folded --platforms cuda
"""
# As `converters/to_onnx/networks.py` and `converters/to_jax/programs.py` have them, which are too
# heavy to be imported here.
FOLDED, PLATFORMS = "warping_spade_folded", ("cpu", "cuda", "rocm", "tpu")
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
    _add_files(found, "gets a file for each network")
    found.add_argument(
        "--networks", nargs="+", choices=NETWORKS, metavar="NAME",
        help=f"only these: {' '.join(NETWORKS)} (default: all that the weights have)",
    )  # fmt: skip
    found.add_argument(
        "--batch", type=positive, default=1, metavar="N",
        help="rows of every input; a file has no other batch (default 1)",
    )  # fmt: skip
    found = subcommand(
        actions, "jax", "write programs that JAX runs without this project, for any batch",
        "Writes a program (jax.export, NAME.jax) and its parameters (NAME.npz) for each\n"
        "network, and runs what it wrote against the modules at batches 1 and 3.", "",
    )  # fmt: skip
    found.set_defaults(command=export.jax)
    _add_files(found, "gets two files for each network")
    found.add_argument(
        "--networks", nargs="+", choices=(*NETWORKS, FOLDED), metavar="NAME",
        help=f"only these: {' '.join(NETWORKS)} {FOLDED} (default: all that the weights have, "
        "without the folded form)",
    )  # fmt: skip
    found.add_argument(
        "--platforms", nargs="+", choices=PLATFORMS, default=["cpu", "cuda"], metavar="NAME",
        help=f"what a program runs on, of {' '.join(PLATFORMS)} (default cpu cuda)",
    )  # fmt: skip


def _add_files(p: argparse.ArgumentParser, what: str) -> None:
    p.add_argument("weights", metavar="WEIGHTS", help="a name such as demo, or a folder")
    p.add_argument("--out", metavar="DIR", required=True, help=what)
    p.add_argument("--overwrite", action="store_true", help="replace files of an earlier export")
