"""Ratios that were recorded before, and whether those of today have fallen below them.

Seconds differ between machines and from hour to hour; how many times as long another system takes
for the same work, by turns in one process, changes far less. A file of ratios is JSON:

    {"tolerance": 0.15, "cpu": "AMD EPYC", "cpus": 2,
     "ratios": {"training step of stage 1, batch 8, float32": {"torch eager": 1.79}}}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playmate_jax.errors import UserError


@dataclass(frozen=True)
class Recorded:
    """The ratios of one file.

    Attributes:
      tolerance: the share of a ratio by which it may fall.
      cpu, cpus: of the machine that they were recorded on.
      ratios: by the title of the work and the name of the other side: its time over ours.
    """

    path: str
    tolerance: float
    cpu: str
    cpus: int
    ratios: Mapping[str, Mapping[str, float]]


def read_ratios(path: str | Path) -> Recorded:
    """Reads a file of ratios.

    Raises:
      UserError: there is none, or it is no such file.
    """
    try:
        values = json.loads(Path(path).read_text("utf-8"))
        found = Recorded(
            str(path),
            float(values["tolerance"]),
            str(values["cpu"]),
            int(values["cpus"]),
            {
                str(title): {str(name): float(ratio) for name, ratio in sides.items()}
                for title, sides in values["ratios"].items()
            },
        )
    except OSError as error:
        raise UserError(
            f"expected a file of recorded ratios, but '{path}' cannot be read ({error.strerror}): "
            "give another, such as benchmarks/ratios.json"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"expected recorded ratios in '{path}', found something else ({error!r}): give a file "
            "like benchmarks/ratios.json"
        ) from None
    if not 0 <= found.tolerance < 1:
        raise UserError(
            f"expected a tolerance from 0 to 1 in '{path}', found {found.tolerance:g}: correct it"
        )
    return found


def known(recorded: Recorded, title: str) -> Mapping[str, float]:
    """What is recorded of one piece of work.

    Raises:
      UserError: nothing is.
    """
    if title not in recorded.ratios:
        raise UserError(
            f"expected a ratio of '{title}' in '{recorded.path}', found only those of "
            f"{'; '.join(recorded.ratios)}: record one, or leave --check out"
        )
    return recorded.ratios[title]


def fallen(recorded: Recorded, title: str, found: Mapping[str, float]) -> list[str]:
    """A sentence for each ratio that has fallen below the recorded one by more than the tolerance.

    Args:
      found: by the name of the other side. Sides that were not measured are not checked.

    Raises:
      UserError: nothing that was measured is recorded.
    """
    before = known(recorded, title)
    both = [name for name in before if name in found]
    if not both:
        raise UserError(
            f"expected {' or '.join(before)} beside ours, as '{recorded.path}' has it for "
            f"'{title}', found {', '.join(found) or 'no other side'}: measure one of them"
        )
    sentences = []
    for name in both:
        least = before[name] * (1 - recorded.tolerance)
        if not found[name] >= least:  # what is no number has fallen too
            sentences.append(
                f"the ratio to '{name}' of '{title}' fell to {found[name]:.2f}: expected at least "
                f"{least:.2f}, that is {before[name]:.2f} as recorded less {recorded.tolerance:.0%}"
            )
    return sentences


def verdict(recorded: Recorded, title: str, found: Mapping[str, float], cpu: str, cpus: int) -> str:
    """What a check found, in lines to be read: what fell, or that nothing did, and where the
    machine is another than the recorded one."""
    sentences = fallen(recorded, title, found)
    both = [name for name in recorded.ratios[title] if name in found]
    lines = sentences or [
        f"checked: no ratio below the recorded one less {recorded.tolerance:.0%} "
        f"({', '.join(f'{name} {found[name]:.2f}' for name in both)})"
    ]
    if recorded.cpu not in cpu or recorded.cpus != cpus:
        lines.append(
            f"recorded on {recorded.cpu} with {recorded.cpus} CPUs, measured on {cpu} with {cpus}: "
            "ratios differ between processors"
        )
    return "\n".join(lines)
