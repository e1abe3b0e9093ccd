"""The options of `playmate convert`, as a table."""

import argparse

from playmate_jax.cli.convert import command

SHORT = "convert weights between PyTorch and JAX"
DESCRIPTION = """\
Converts PyTorch weights to a weights directory of this project, or with --to torch back.
SOURCE is LivePortrait's folder, JoyVASA's (checkpoint and motion template), a transformers folder,
a SavedModel, or one checkpoint (.safetensors .pth .pt .bin .pkl .onnx). The format is detected
unless FAMILY is given: liveportrait joyvasa wav2vec2 hubert vgg19 discriminator hopenet arcface
lpips fid-inception emotion-efficientnet i3d syncnet s3fd playmate playmate-renderer
"""
EXAMPLES = """\
examples:
  playmate convert liveportrait pretrained_weights/liveportrait out --verify
  playmate convert facebook/wav2vec2-base-960h encoder --dtype float16
  playmate convert pretrained_weights/JoyVASA joyvasa --verify
  playmate convert out LivePortrait/pretrained_weights/mine --to torch
  playmate convert joyvasa motion_generator.pt --to torch
  playmate convert playmate runs/stage2/weights model.safetensors --to torch
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `playmate convert`."""
    p.set_defaults(command=command)
    p.usage = "playmate convert [FAMILY] SOURCE OUT [options]"
    p.add_argument("words", nargs="+", metavar="[FAMILY] SOURCE OUT", help="see above")
    p.add_argument(
        "--to", choices=("jax", "torch"), default="jax",
        help="torch writes a .safetensors or .pth file, by OUT's suffix, or else the folder that "
        "LivePortrait or transformers load (default jax)",
    )  # fmt: skip
    p.add_argument(
        "--verify", action="store_true",
        help="run both sides on the same input and compare every layer; with recorded values where "
        "torch is not installed",
    )  # fmt: skip
    p.add_argument(
        "--dtype", choices=("float32", "float16", "bfloat16"),
        help="type of the arrays written (default: as in SOURCE)",
    )  # fmt: skip
    p.add_argument("--overwrite", action="store_true", help="replace an earlier conversion")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
