"""The same videos under every published protocol: how far a number moves for the convention alone.

Each protocol is a run of its own, with its own folder and report; here their numbers stand side by
side. Two papers' numbers that lie closer together than this spread say nothing about the systems.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker
from playmate_jax.metrics.videos import report
from playmate_jax.metrics.videos.evaluation import Evaluation, Progress
from playmate_jax.metrics.videos.protocol import PROTOCOLS
from playmate_jax.metrics.videos.request import Request
from playmate_jax.metrics.videos.tables import ARROWS, COLUMNS, Table, markdown, plain, text

ALL = "all"  # what --protocol takes
NAME, TEXT = "protocols.json", "protocols.md"


def evaluations(request: Request) -> tuple[dict[str, Evaluation], dict[str, str]]:
    """One for each protocol, with a folder of its name in the one that is asked for; and why others
    are left out, which lack the weights of all metrics that were asked for.

    Raises:
      UserError: none is possible; the sentence is that of the first.
    """
    found: dict[str, Evaluation] = {}
    left_out: dict[str, str] = {}
    first: UserError | None = None
    for name in PROTOCOLS:
        one = dataclasses.replace(request, protocol=name, out=request.out / name)
        try:
            found[name] = Evaluation(one)
        except UserError as error:
            first, left_out[name] = first or error, str(error)
    if not found and first is not None:
        raise first
    return found, left_out


def run(
    runs: Mapping[str, Evaluation],
    left_out: Mapping[str, str],
    landmarker: Landmarker | None,
    progress: Callable[[str], Progress],
) -> dict[str, Any]:
    """Measures under every protocol, writes each report, and then the table of all of them.

    Args:
      runs, left_out: of `evaluations`.
      progress: a protocol's name to what shows its progress.

    Returns:
      protocols: name -> what report.json holds; spread: see `spread`; left_out.
    """
    found: dict[str, Any] = {}
    for name, evaluation in runs.items():
        found[name] = evaluation.run(landmarker, progress(name))
        report.write(evaluation, found[name])
    result = {"protocols": found, "spread": spread(found), "left_out": dict(left_out)}
    out = next(iter(runs.values())).request.out.parent
    told = json.dumps(report.plain_values(result), indent=1, ensure_ascii=False, allow_nan=False)
    report.replace_text(out / NAME, told + "\n")
    report.replace_text(out / TEXT, as_markdown(result))
    return result


def spread(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """System -> key of a number -> its value by protocol, and the largest minus the smallest.

    Args:
      found: protocol -> what an evaluation returned.
    """
    result: dict[str, dict[str, Any]] = {}
    for system in dict.fromkeys(name for one in found.values() for name in one["systems"]):
        rows: dict[str, Any] = {}
        for key in COLUMNS:
            values = {
                protocol: float(one["systems"][system]["scores"][key]["value"])
                for protocol, one in found.items()
                if key in one["systems"].get(system, {"scores": {}})["scores"]
            }
            known = [value for value in values.values() if math.isfinite(value)]
            if known:
                rows[key] = {"values": values, "spread": max(known) - min(known)}
        result[system] = rows
    return result


def tables(result: Mapping[str, Any]) -> list[Table]:
    """A table for each system: metric x protocol, and the spread behind."""
    protocols = list(result["protocols"])
    found = []
    for system, rows in result["spread"].items():
        lines = []
        for key, row in rows.items():
            column = COLUMNS[key]
            values = [text(row["values"].get(p, math.nan), column.digits) for p in protocols]
            title = column.title + ARROWS[column.better]
            lines.append([title, *values, text(row["spread"], column.digits)])
        found.append(Table(f"{system}, by protocol", ["Metric", *protocols, "Spread"], lines))
    return found


def as_markdown(result: Mapping[str, Any]) -> str:
    """The tables, and links to the report of each protocol."""
    lines = ["# Generated videos under every protocol", ""]
    for table in tables(result):
        lines += [f"## {table.title}", "", markdown(table), ""]
    lines += [f"- [{name}]({name}/{report.TEXT})" for name in result["protocols"]]
    lines += [f"- {name} left out: {why}" for name, why in result["left_out"].items()]
    return "\n".join([*lines, ""])


def as_text(result: Mapping[str, Any]) -> str:
    """The tables for a terminal, and what is left out under any protocol."""
    lines = [f"{plain(table)}\n" for table in tables(result)]
    lines += [f"{name} left out: {why}" for name, why in result["left_out"].items()]
    each = [one.get("left_out", []) for one in result["protocols"].values()]
    return "\n".join([*lines, *dict.fromkeys(sentence for told in each for sentence in told)])
