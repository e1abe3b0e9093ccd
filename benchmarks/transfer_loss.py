"""What the pairwise transfer loss does (Eqs. 2 to 4): the same run with and without it.

    python benchmarks/transfer_loss.py runs/tiny/faces runs/tiny/unseen --out runs/transfer \\
        --set start=benchmarks/tiny_face_space --steps 200

For each seed the configuration is trained twice on the first data, once with --set
weights.transfer=30, from weights that draw already (those of its own run lie beside this file), and
evaluated on people of the second. The same command goes on where it was stopped. Printed are the
figures of both settings, means over seeds, and the smallest and the largest change that the loss
makes to a seed; OUT/table.json has the figures of every run.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "tiny_face_space.py"
SETTINGS = {"without": (), "with": ("--set", "weights.transfer=30")}
# Where report.json has a figure, and its decimals.
FIGURES: Mapping[str, tuple[str, int]] = {
    "self-reenactment, dB": ("self_reenactment/psnr_drawn", 2),
    "above the copy, dB": ("self_reenactment/gain_db", 2),
    "head pose error, deg": ("self_reenactment/head_pose_deg/true_image/mean", 2),
    "Eq. 2: share of j in the expression, by M": (
        "leakage/m/pose_transferred/drawn/expression_driver", 3),
    "Eq. 2: leakage by pixels": ("transfer/expression_leakage", 3),
    "Eq. 2: PSNR against the true image, dB": ("transfer/psnr_pose", 2),
    "Eq. 3: share of j in the head pose, by M": (
        "leakage/m/expression_transferred/drawn/pose_driver", 3),
    "Eq. 3: PSNR against the true image, dB": ("transfer/psnr_expression", 2),
    "delta of a face that only turns": ("stillness/ratio", 3),
    "R2 of the mouth": ("readout/mouth", 2),
    "R2 of the lids": ("readout/lids", 2),
    "R2 of the brows": ("readout/brows", 2),
}  # fmt: skip
Figures = dict[str, float]


def measured(options: argparse.Namespace, seed: int, setting: str) -> Figures:
    """Figures of one run, which is trained and evaluated first where that was not done yet."""
    run = options.out / f"seed_{seed}_{setting}"
    report = run / "report" / "report.json"
    if not report.exists():
        steps = () if options.steps is None else ("--steps", options.steps)
        values = (f"seed={seed}", f"clips={options.data}", *options.set)
        named = [word for value in values for word in ("--set", value)]
        playmate("train", options.config, "--workdir", run, *steps, *named, *SETTINGS[setting])
        playmate(
            "evaluate", "face-space", run / "weights", options.unseen, "--out", report.parent,
            "--split", "all", "--people", options.people, "--quiet",
        )  # fmt: skip
    found = json.loads(report.read_text("utf-8"))
    return {name: figure(found, place) for name, (place, _) in FIGURES.items()}


def playmate(*arguments: object) -> None:
    """Runs a command; what it prints is seen."""
    subprocess.run([sys.executable, "-m", "playmate_jax", *map(str, arguments)], check=True)


def figure(report: object, place: str) -> float:
    """A figure of a report by its place."""
    for name in place.split("/"):
        assert isinstance(report, Mapping)
        report = report[name]
    return float(report)  # type: ignore[arg-type]


def rows(found: Mapping[str, list[Figures]]) -> list[str]:
    """A Markdown table: means without and with the loss, and the range of the change."""
    lines = ["| | without | with | change |", "|---|---|---|---|"]
    for name, (_, digits) in FIGURES.items():
        without, given = ([run[name] for run in found[setting]] for setting in SETTINGS)
        change = [b - a for a, b in zip(without, given, strict=True)]
        means = (f"{statistics.mean(values):.{digits}f}" for values in (without, given))
        extent = f"{min(change):+.{digits}f} to {max(change):+.{digits}f}"
        lines.append(f"| {' | '.join((name, *means, extent))} |")
    return lines


def main() -> None:
    """Trains, evaluates and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="prepared frames to train on")
    parser.add_argument("unseen", type=Path, help="prepared frames of other people, with truth")
    parser.add_argument("--out", type=Path, required=True, help="runs, reports and the table")
    parser.add_argument("--config", type=Path, default=CONFIG, help="default: tiny_face_space")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--steps", type=int, help="of a run; default: the configuration's")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE",
                        help="of both settings, as of 'playmate train'")  # fmt: skip
    parser.add_argument("--people", type=int, default=60, help="that are judged (default 60)")
    options = parser.parse_args()
    found: dict[str, list[Figures]] = {setting: [] for setting in SETTINGS}
    for seed in options.seeds:
        for setting, own in found.items():
            own.append(measured(options, seed, setting))
    table = rows(found)
    (options.out / "table.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print("\n".join(table))


if __name__ == "__main__":
    main()
