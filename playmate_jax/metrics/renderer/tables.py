"""An evaluation's figures as tables with their explanations: for the terminal and for the page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """One table.

    Attributes:
      title: what is measured.
      about: what its figures mean, and which are good.
      columns: names of the values.
      rows: a name and a text a column each.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(figures: Mapping[str, Any]) -> list[Table]:
    """The tables of what `evaluation.evaluate` returns."""
    found = [_self_reenactment(figures["self_reenactment"])]
    found += [
        _leakage(figures["leakage"], "pose_transferred", "expression"),
        _leakage(figures["leakage"], "expression_transferred", "pose"),
    ]
    if "transfer" in figures:
        found += [_transfer(figures["transfer"]), _stillness(figures["stillness"])]
    if "readout" in figures:
        found.append(_readout(figures["readout"]))
    return found


def text_of(found: list[Table]) -> str:
    """The tables as lines of text, in columns."""
    first = max(len(name) for table in found for name in (table.title, *(r[0] for r in table.rows)))
    lines: list[str] = []
    for table in found:
        for name, *values in ((table.title, *table.columns), *table.rows):
            lines.append(f"{name:{first}}" + "".join(f"  {value:>14}" for value in values))
        lines.append("")
    return "\n".join(lines[:-1])


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A value with its unit, without a sign of zero; a dash where there is no value."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{round(value, digits) + 0.0:.{digits}f}{unit}"


def _self_reenactment(figures: Mapping[str, Any]) -> Table:
    angles = figures["head_pose_deg"]
    rows = [
        ("PSNR, dB", number(figures["psnr_drawn"], 2), number(figures["psnr_copy"], 2), "-"),
        (
            "keypoint error, % of the side",
            number(figures["keypoints_drawn_percent"], 2),
            number(figures["keypoints_copy_percent"], 2),
            number(0, 2),
        ),
    ]
    rows += [
        (
            f"{name} error",
            *(number(angles[w][name], 2, "°") for w in ("drawn", "copy", "true_image")),
        )
        for name in ("pitch", "yaw", "roll")
    ]
    return Table(
        "self-reenactment",
        f"The first frame of each person is the source, the others drive it: {figures['pairs']:,} "
        f"pairs. Drawn images are {number(figures['gain_db'], 2)} dB nearer to the driving frame "
        "than the source itself (copy). Keypoints are those of Eq. 1 as M finds them in an image, "
        "against those in the driving frame. Head pose is read by M and compared with the truth, "
        "where it is known: under true frame stands M's own error. Else it is compared with what "
        "M reads in the driving frame.",
        ("drawn", "copy", "true frame"),
        rows,
    )


_SAID = {
    "expression": (
        "head pose transferred (Eq. 2)",
        "Frame i gets the head pose of frame j and should keep its expression. The shares say how "
        "much of what is read in the drawn image is explained by either frame, over all pairs: for "
        "the expression 1 and 0 are right, and the share of j is the leakage; for the head pose 0 "
        "and 1. Change is the distance of the expression from frame i's, as a share of the "
        "distance between i and j, in which the error of reading and of drawing counts too. After "
        "± stands the standard error over people.",
    ),
    "pose": (
        "expression transferred (Eq. 3)",
        "Frame i gets the expression of frame j and should keep its head pose: here the share of j "
        "in the head pose is the leakage. Change is the mean distance of its angles from frame "
        "i's.",
    ),
}  # fmt: skip
_READERS = {"reader": "reader", "m": "own M"}
_WHERE = {"drawn": "", "true_image": ", true images"}


def _leakage(figures: Mapping[str, Any], transfer: str, kept: str) -> Table:
    title, about = _SAID[kept]
    return Table(
        title,
        about + " In the rows of true images the same reader sees the true image of the transfer: "
        "what it finds there is its own error.",
        ("share of i", "share of j", "change"),
        list(_leakage_rows(figures, transfer, kept)),
    )


def _leakage_rows(
    figures: Mapping[str, Any], transfer: str, kept: str
) -> Iterator[tuple[str, ...]]:
    for by, said in _READERS.items():
        for where, found in figures.get(by, {}).get(transfer, {}).items():
            for what in ("expression", "pose"):
                if what != kept:
                    change = "-"
                elif what == "pose":
                    change = number(found["pose_change_deg"], 2, "°")
                else:
                    change = number(found["expression_change"], 3)
                name = "head pose" if what == "pose" else what
                shares = (_with_error(found, f"{what}_{side}") for side in ("own", "driver"))
                yield f"{name} by {said}{_WHERE[where]}", *shares, change


def _with_error(figures: Mapping[str, float], name: str) -> str:
    return f"{number(figures[name], 3)} ± {number(figures[f'{name}_se'], 3)}"


def _transfer(figures: Mapping[str, float]) -> Table:
    return Table(
        "transfers against true images",
        "The true image of a transfer is drawn from the person's own truth. PSNR against it; and, "
        "for Eq. 2, how far the drawn image lies from it towards the same with the expression of "
        "frame j, with that of a third frame, and with a face at rest, by least squares over "
        "pixels. No network reads anything here. The third frame was not used: its share is what "
        "soft or wrong features come to, and leakage is the share of j above it.",
        ("Eq. 2, pose", "Eq. 3, expr."),
        [
            ("PSNR, dB", number(figures["psnr_pose"], 2), number(figures["psnr_expression"], 2)),
            ("share of j's expression", number(figures["expression_driver"], 3), "-"),
            ("share of a third frame's", number(figures["expression_control"], 3), "-"),
            ("leakage: their difference", _with_error(figures, "expression_leakage"), "-"),
            ("fading to a face at rest", number(figures["fading"], 3), "-"),
        ],
    )


def _stillness(figures: Mapping[str, float]) -> Table:
    return Table(
        "stillness of M on true images",
        "True images of one person in which one thing changes. The ratio is the change of delta "
        "where only the head turns over that where only the expression changes, and for the angles "
        "the other way round: 0 is right.",
        ("head turns", "expr. changes", "ratio"),
        [
            (
                "change of delta",
                number(figures["delta_turned"], 4),
                number(figures["delta_expressed"], 4),
                number(figures["ratio"], 3),
            ),
            (
                "change of the angles",
                number(figures["angles_turned_deg"], 2, "°"),
                number(figures["angles_expressed_deg"], 2, "°"),
                number(figures["angles_ratio"], 3),
            ),
        ],
    )


def _readout(figures: Mapping[str, float]) -> Table:
    names = {"mouth": "opening of the mouth", "lids": "lids", "brows": "height of the brows"}
    return Table(
        "linear readout of delta",
        f"One linear map from M's delta for all people ({figures['images']:,} images), fitted on "
        "one half of them and judged on the other half, and the other way round. "
        "R\N{SUPERSCRIPT TWO} is 1 where delta says everything, 0 where it says nothing.",
        ("R\N{SUPERSCRIPT TWO}",),
        [(said, number(figures[name], 3)) for name, said in names.items()],
    )
