"""Reading a network's sizes from the shapes of its tensors."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Shapes = Mapping[str, tuple[int, ...]]
Value = TypeVar("Value")


def count(names: Iterable[str], pattern: str) -> int:
    """How many different texts the pattern's group takes: the length of a list of modules."""
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})


def cap(widths: Sequence[int], default: int) -> int:
    """Up to where widths double; `default` or more where they double to the end."""
    doubled = all(b == 2 * a for a, b in zip(widths, widths[1:]))
    return max(default, *widths) if doubled else max(widths)


def part(shapes: Mapping[str, Value], name: str) -> dict[str, Value]:
    """The shapes (or tensors) of one part ("appearance.first.weight"), without its name."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in shapes.items() if k.startswith(prefix)}
