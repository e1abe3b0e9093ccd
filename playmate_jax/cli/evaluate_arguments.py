"""The options of `playmate evaluate`, as a table: an action for each thing that is measured."""

import argparse

from playmate_jax.cli import evaluate, evaluate_table2, evaluate_videos
from playmate_jax.cli.parsing import positive, seconds, subcommand
from playmate_jax.data.records import SPLITS

SHORT = "measure generated videos or trained weights, with a page to look at"
DESCRIPTION = "Measures generated videos, or trained weights on prepared data, and writes a report."
EXAMPLES = """\
examples:
  playmate evaluate face-space runs/face/weights data/mine --out report/
  playmate evaluate face-space liveportrait data/mine --out report/ --people 8 --json
  playmate evaluate clips --generated out/ --reference real/ --out results/
  playmate evaluate table2 --out results/
"""
FACE_SPACE = """\
How well a renderer (F, M, W, G) redraws people that it has not seen, from its own reading of them:
self-reenactment, cross-identity sheets, leakage between head pose and expression (Eqs. 2 and 3),
and how much of the expression can be read from M's delta. Synthetic people ('playmate prepare
drawn') are measured against their truth. Writes report.json, sheets and report.html.
"""
CLIPS = """\
Generated videos against real ones, paired by name: what the paper's Table 1 reports, and what needs
no weights. Both sides are brought to one named protocol, which the report records. Writes
report.json, report.md and report.html; a run that was stopped goes on where it was.

metrics that need no weights:
  psnr ssim landmarks (distances, face and mouth) jaw (against the speech) silence (lips in pauses)
  head (diversity of its motion) blinks (a minute) jump (first frame against the others)
metrics of networks, given by --networks or kept in the cache of fetched weights:
  fid kid (fid-inception) fvd (i3d) sync (syncnet) csim (arcface) lpips (lpips)
  emotion (emotion-efficientnet, and --labels)
metrics of the demo world's own networks, which ship with the package and know synthetic faces
alone; only where they are named:
  demo-sync demo-emotion (and --labels)
--animate makes the videos first, by the code of 'playmate batch' and with its columns, and one
more: reference, the real video that a row is compared with. An empty portrait is its first frame,
empty speech its sound. A row that fails costs no other one.
protocols:
  whole-512 whole-256   the middle square of the frame, at so many pixels
  face-512 face-256     the square around the face, each side by its own
  torch-fidelity clean-fid lpips-vgg csim-first   whole-512 with another convention
  quick                 256 pixels, images compared in every fifth frame
  all                   each of these in a folder of its own, and how far apart their numbers are
"""
CLIPS_EXAMPLES = """\
examples:
  playmate evaluate clips --generated out/ --reference hdtf/ --out results/
  playmate evaluate clips --generated hallo=out/hallo ours=out/ours --reference hdtf/ \\
      --metrics fid fvd sync csim lpips --networks weights/ --out results/
  playmate evaluate clips --generated out/ --reference mead/ --labels emotions.csv --out results/
  playmate evaluate --animate table.csv --generator ours=demo other=runs/other --loudness \
      --metrics demo-sync jaw landmarks --out results/

  table.csv:  portrait,speech,reference
              anna.jpg,anna.wav,real/anna.mp4
              ,,real/ben.mp4
"""
TABLE2 = """\
The paper's Table 2 on the synthetic world: what the scales of guidance towards speech (w_a) and
towards the emotion (w_e) do to motion. Speakers are held out and their true motion is known.
Nothing is drawn: Frechet's distances are of the motion, of frames and of windows of 16, beside the
jaw's correlation with the truth, closed lips, the head's spread and emotion accuracy. The paper's
figures, of images of real people, stand to the right. It takes some minutes.
"""
TABLE2_EXAMPLES = """\
examples:
  playmate evaluate table2
  playmate evaluate table2 runs/mine --clips 12 --out results/
"""
# `playmate evaluate --generated ...` means the action clips.
WITHOUT_ACTION = ("--generated", "--animate")


def with_action(argv: list[str]) -> list[str]:
    """Puts the action `clips` into a command line that gives its options without one."""
    named = any(word in argv for word in WITHOUT_ACTION)
    without = argv[:1] == ["evaluate"] and named and argv[1].startswith("-")
    return [argv[0], "clips", *argv[1:]] if without else argv


def add(p: argparse.ArgumentParser) -> None:
    """Adds the actions to the parser of `playmate evaluate`."""
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")
    found = subcommand(actions, "face-space", "evaluate a renderer", FACE_SPACE, "")
    found.set_defaults(command=evaluate.face_space)
    found.add_argument(
        "weights", metavar="WEIGHTS", help="a renderer's folder, or shipped or fetched weights"
    )
    found.add_argument("data", metavar="DATA", help="a prepared folder with images")
    found.add_argument(
        "--out", required=True, metavar="DIR", help="the report; an earlier one is replaced"
    )
    found.add_argument(
        "--people", type=positive, default=32, metavar="N", help="at most so many (default 32)"
    )
    found.add_argument(
        "--split", choices=(*SPLITS, "all"),
        help="which people (default: test, else validation, else train)",
    )  # fmt: skip
    found.add_argument("--json", action="store_true", help="print the report as JSON, no tables")
    found.add_argument("--quiet", action="store_true", help="no progress bar")
    _add_clips(actions)
    found = subcommand(actions, "table2", "sweep the scales of guidance", TABLE2, TABLE2_EXAMPLES)
    found.set_defaults(command=evaluate_table2.table2)
    found.add_argument(
        "weights", nargs="?", default="demo", metavar="WEIGHTS",
        help="weights with a generator of both stages, trained on synthetic speakers (demo)",
    )  # fmt: skip
    found.add_argument("--out", metavar="DIR", help="also write table2.json and table2.md there")
    found.add_argument(
        "--clips", type=several, default=24, metavar="N", help="for each row (default and most 24)"
    )
    found.add_argument("--json", action="store_true", help="print all as JSON, no table")
    found.add_argument("--quiet", action="store_true", help="no progress bar")


def several(text: str) -> int:
    """A number of clips: a spread needs two."""
    count = positive(text)
    if count < 2:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"expected 2 clips or more, found {text}")
    return count


def _add_clips(actions) -> None:
    found = subcommand(actions, "clips", "evaluate generated videos", CLIPS, CLIPS_EXAMPLES)
    found.set_defaults(command=evaluate_videos.clips)
    found.add_argument(
        "--generated", nargs="+", default=[], metavar="[NAME=]DIR",
        help="folders of generated videos, one for each system (default name: the folder's)",
    )  # fmt: skip
    found.add_argument("--reference", metavar="DIR", help="the real videos, of the same names")
    found.add_argument(
        "--animate", metavar="CSV", help="make the videos of a table first; see above"
    )
    found.add_argument(
        "--weights", default="demo", metavar="NAME|DIR", help="as of animate, for --animate (demo)"
    )
    found.add_argument(
        "--generator", nargs="+", default=[], metavar="[NAME=]WHERE",
        help="generators of --animate, each a system (default: that of the weights)",
    )  # fmt: skip
    found.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="NAME",
        help="see above (all but the demo world's)",
    )
    found.add_argument(
        "--out", required=True, metavar="DIR", help="the report, and what was measured"
    )
    found.add_argument(
        "--protocol", default="whole-512", metavar="NAME", help="see above (default whole-512)"
    )
    found.add_argument(
        "--networks", nargs="+", default=[], metavar="DIR",
        help="converted weights, or folders of them ('playmate convert')",
    )  # fmt: skip
    found.add_argument(
        "--labels", metavar="CSV", help="columns clip and emotion: what was asked for, for Emo-A"
    )
    found.add_argument("--clips", type=positive, metavar="N", help="at most so many of each system")
    found.add_argument("--seconds", type=seconds, metavar="S", help="of each video at most")
    found.add_argument("--face-models", metavar="DIR", help="folder of the face model files")
    found.add_argument(
        "--baseline", action="store_true", help="also measure each reference's first frame, still"
    )
    found.add_argument(
        "--loudness", nargs="?", const="demo", metavar="WEIGHTS",
        help="also measure that frame with lips that open with the level of the speech, drawn by a "
        "renderer (demo)",
    )  # fmt: skip
    found.add_argument("--fresh", action="store_true", help="measure all again")
    found.add_argument("--json", action="store_true", help="print the report as JSON, no tables")
    found.add_argument("--quiet", action="store_true", help="no progress bar")
